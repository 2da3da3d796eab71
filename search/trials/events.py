"""What can happen in a search: the records of the journal, from which a study is rebuilt."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from paretoseg.search.trials.trial import Failure, State, Trial
from paretoseg.spaces.domain import Float, Int
from paretoseg.spaces.objective import Objective
from paretoseg.spaces.records import decode, encode, shorten
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.trainable import RobustnessProfile

JOURNAL_SCHEMA = 1
"""Version of the journal's records; raised when an older reader could misread them."""

ENVELOPE = frozenset({"number", "token", "checksum"})
"""The fields that a record of the journal has besides those of its event."""

_LEFT_OUT = frozenset({"profile", "note"})
"""The fields that a record lacks if they hold nothing."""

_Count = Annotated[int, Int(0, 2**63 - 1)]
_Time = Annotated[float, Float(0.0, 253402300799.0)]  # the end of the year 9999


@dataclass(frozen=True)
class Created:
    """The study was set up; always the first record."""

    kind = "created"
    time: _Time
    study: str
    objectives: tuple[Objective, ...]
    cost_names: tuple[str, ...]
    overrides: tuple[str, ...] = ()
    schema: Annotated[int, Int(1, JOURNAL_SCHEMA)] = JOURNAL_SCHEMA


@dataclass(frozen=True)
class Opened:
    """A process started to work on the study."""

    kind = "opened"
    time: _Time
    host: str
    pid: _Count
    budget_trials: _Count
    budget_hours: float | None


@dataclass(frozen=True)
class Started:
    """A trial was proposed and is to run."""

    kind = "started"
    time: _Time
    trial_id: _Count
    candidate: Candidate
    seed: _Count
    origin: str
    parents: tuple[_Count, ...] = ()


@dataclass(frozen=True)
class Resumed:
    """A trial that was interrupted is to run again."""

    kind = "resumed"
    time: _Time
    trial_id: _Count


@dataclass(frozen=True)
class Reported:
    """A trial reported a quick measurement."""

    kind = "reported"
    time: _Time
    trial_id: _Count
    step: _Count
    values: Mapping[str, float]


@dataclass(frozen=True)
class Finished:
    """A trial was measured completely."""

    kind = "finished"
    time: _Time
    trial_id: _Count
    objectives: Mapping[str, float]
    costs: Mapping[str, float]
    degenerate: str
    began_at: _Time
    seconds: float
    host: str = ""
    device: str = ""
    profile: RobustnessProfile | None = None
    note: str = ""


@dataclass(frozen=True)
class Stopped:
    """A trial was ended early because others are clearly better."""

    kind = "stopped"
    time: _Time
    trial_id: _Count
    began_at: _Time
    seconds: float
    host: str = ""


@dataclass(frozen=True)
class Failed:
    """A trial failed."""

    kind = "failed"
    time: _Time
    trial_id: _Count
    failure: Failure
    host: str = ""
    began_at: _Time | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Tested:
    """A trial of the final front was measured on the test cases."""

    kind = "tested"
    time: _Time
    trial_id: _Count
    objectives: Mapping[str, float]
    profile: RobustnessProfile | None = None


Event = Created | Opened | Started | Resumed | Reported | Finished | Stopped | Failed | Tested
_KINDS: Mapping[str, type[Event]] = {
    event.kind: event for event in (Created, Opened, Started, Resumed, Reported, Finished, Stopped, Failed, Tested)
}


def to_record(event: Event) -> dict[str, Any]:
    """The event as plain JSON values, its kind first; without fields of later versions that are empty."""
    fields: dict[str, Any] = encode(event)
    known = {name: value for name, value in fields.items() if name not in _LEFT_OUT or value not in (None, "")}
    return {"kind": event.kind} | known


def from_record(record: Mapping[str, Any]) -> Event:
    """The event of a record; inverse of `to_record`. The fields of the envelope are ignored.

    Raises:
        ValueError: if the kind is unknown, or a field is missing, unknown or not allowed; the message names it.
    """
    values = dict(record)
    kind = values.pop("kind", None)
    for name in ENVELOPE:
        values.pop(name, None)
    event = _KINDS.get(kind) if isinstance(kind, str) else None
    if event is None:
        raise ValueError(f"unknown kind of record {shorten(kind)}; known: {', '.join(_KINDS)}")
    schema = values.get("schema")
    if event is Created and isinstance(schema, int) and schema > JOURNAL_SCHEMA:
        raise ValueError(f"the journal has schema {shorten(schema)}, this version reads up to {JOURNAL_SCHEMA}")
    try:
        return decode(event, values)
    except ValueError as error:
        raise ValueError(f"a '{kind}' record does not hold what it should: {error}") from None


def apply(trial: Trial | None, event: Event) -> Trial:
    """The trial after an event; `trial` is None for the event that starts it."""
    match event:
        case Started():
            return Trial(event.trial_id, event.candidate, event.seed, event.origin, event.parents, asked_at=event.time)
        case Created() | Opened():
            raise AssertionError("this event belongs to no trial")
    assert trial is not None, f"trial {event.trial_id} was never started"
    match event:
        case Resumed():
            return dataclasses.replace(trial, num_attempts=trial.num_attempts + 1)
        case Reported():
            earlier = {step: values for step, values in trial.reports.items() if step < event.step}
            return dataclasses.replace(trial, reports={**earlier, event.step: event.values})
        case Finished():
            return dataclasses.replace(
                trial,
                state=State.FINISHED,
                objectives=event.objectives,
                costs=event.costs,
                device=event.device,
                degenerate=event.degenerate,
                profile=event.profile,
                note=event.note,
                ended_at=event.time,
                began_at=event.began_at,
                seconds=event.seconds,
                host=event.host,
            )
        case Stopped():
            return dataclasses.replace(
                trial,
                state=State.STOPPED,
                ended_at=event.time,
                began_at=event.began_at,
                seconds=event.seconds,
                host=event.host,
            )
        case Failed():
            return dataclasses.replace(
                trial,
                state=State.FAILED,
                ended_at=event.time,
                failure=event.failure,
                host=event.host,
                began_at=event.began_at,
                seconds=event.seconds,
            )
        case Tested():
            return dataclasses.replace(trial, test=event.objectives, test_profile=event.profile)
