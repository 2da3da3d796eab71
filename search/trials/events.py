"""What can happen in a search: the records of the journal, from which a study is rebuilt."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from paretoseg.search.trials.trial import Failure, FailureKind, State, Trial
from paretoseg.spaces.objective import Direction, Objective
from paretoseg.spaces.search_space import Candidate

JOURNAL_SCHEMA = 1
"""Version of the journal's records; raised when an older reader could misread them."""


@dataclass(frozen=True)
class Created:
    """The study was set up; always the first record."""

    kind = "created"
    time: float
    study: str
    objectives: tuple[Objective, ...]
    cost_names: tuple[str, ...]
    overrides: tuple[str, ...] = ()
    schema: int = JOURNAL_SCHEMA


@dataclass(frozen=True)
class Opened:
    """A process began to work on the study."""

    kind = "opened"
    time: float
    host: str
    pid: int
    budget_trials: int
    budget_hours: float | None


@dataclass(frozen=True)
class Started:
    """A trial was proposed and is to run."""

    kind = "started"
    time: float
    trial_id: int
    candidate: Candidate
    seed: int
    origin: str
    parents: tuple[int, ...] = ()


@dataclass(frozen=True)
class Resumed:
    """A trial that was interrupted is to run again."""

    kind = "resumed"
    time: float
    trial_id: int


@dataclass(frozen=True)
class Reported:
    """A trial measured itself on the way."""

    kind = "reported"
    time: float
    trial_id: int
    step: int
    values: Mapping[str, float]


@dataclass(frozen=True)
class Finished:
    """A trial was measured completely."""

    kind = "finished"
    time: float
    trial_id: int
    objectives: Mapping[str, float]
    costs: Mapping[str, float]
    degenerate: str
    began_at: float
    seconds: float
    host: str = ""
    device: str = ""


@dataclass(frozen=True)
class Stopped:
    """A trial was ended early because others are clearly better."""

    kind = "stopped"
    time: float
    trial_id: int
    began_at: float
    seconds: float
    host: str = ""


@dataclass(frozen=True)
class Failed:
    """A trial broke."""

    kind = "failed"
    time: float
    trial_id: int
    failure: Failure
    host: str = ""
    began_at: float | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Tested:
    """A trial of the final front was measured on the test cases."""

    kind = "tested"
    time: float
    trial_id: int
    objectives: Mapping[str, float]


Event = Created | Opened | Started | Resumed | Reported | Finished | Stopped | Failed | Tested
_KINDS: Mapping[str, type[Event]] = {
    event.kind: event for event in (Created, Opened, Started, Resumed, Reported, Finished, Stopped, Failed, Tested)
}


def to_record(event: Event) -> dict[str, Any]:
    """The event as plain JSON values, its kind first."""
    record: dict[str, Any] = {"kind": event.kind} | dataclasses.asdict(event)
    if isinstance(event, Started):
        record["candidate"] = event.candidate.as_dict()
    return record


def from_record(record: Mapping[str, Any]) -> Event:
    """The event of a record; inverse of `to_record`.

    Raises:
        ValueError: if the kind is unknown or a field is missing, as when a newer version wrote it.
    """
    values = dict(record)
    kind = values.pop("kind", None)
    if kind not in _KINDS:
        raise ValueError(f"unknown kind of record {kind!r}; was the study written by a newer version?")
    event = _KINDS[kind]
    if event is Created and values.get("schema", 0) > JOURNAL_SCHEMA:
        raise ValueError(
            f"the journal has schema {values['schema']}, this one reads up to {JOURNAL_SCHEMA}; it was written by a "
            "newer version, so use that one"
        )
    names = {item.name for item in dataclasses.fields(event)}
    known = {name: _revive(name, value) for name, value in values.items() if name in names}
    try:
        return event(**known)
    except TypeError as error:
        raise ValueError(f"a '{kind}' record does not hold what it should: {error}") from None


def _revive(name: str, value: Any) -> Any:
    match name:
        case "candidate":
            return Candidate.from_dict(value)
        case "failure":
            return Failure(FailureKind(value["kind"]), value["reason"], value["traceback"])
        case "objectives" if isinstance(value, list):
            return tuple(Objective(**{**item, "direction": Direction(item["direction"])}) for item in value)
        case "parents" | "cost_names" | "overrides":
            return tuple(value)
        case _:
            return value


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
            return dataclasses.replace(trial, test=event.objectives)
