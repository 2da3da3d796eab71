"""What can happen in a search: the records of the journal, from which a study is rebuilt."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, get_args

from paretoseg.search.trials.receipt import Receipt
from paretoseg.search.trials.trial import Failure, State, Trial
from paretoseg.spaces.baselines import name_baseline
from paretoseg.spaces.domain import Float, Int
from paretoseg.spaces.families import FAMILIES
from paretoseg.spaces.objective import Objective
from paretoseg.spaces.plugins import MissingPluginError, Plugin, refuse_missing
from paretoseg.spaces.records import decode, encode, shorten
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.trainable import RobustnessProfile

JOURNAL_SCHEMA = 1
"""Version of the journal's records; raised when an older reader could misread them."""

ENVELOPE = frozenset({"number", "token", "checksum"})
"""The fields that a record of the journal has besides those of its event."""

_LEFT_OUT = frozenset(
    {"profile", "note", "constraints", "known", "warm", "receipt", "budget_voxels", "plugins", "baselines"}
)
"""The fields that a record lacks if they hold nothing."""

_LATER_DIMENSIONS = {"training": "own"}
"""Dimensions that earlier versions lack, left out at this value, their only one then."""

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
    constraints: tuple[str, ...] = ()
    """What candidates must meet, such as 'parameters<=5e+06'; empty in earlier studies."""

    known: tuple[Candidate, ...] = ()
    """The candidates that the user knew, which are proposed first."""

    warm: tuple[Candidate, ...] = ()
    """Those of earlier studies, which are proposed next."""

    baselines: tuple[Candidate, ...] = ()
    """What candidates are compared with, and proposed before all others; empty in earlier studies."""

    plugins: tuple[Plugin, ...] = ()
    """Those that the study was started with; empty in earlier studies."""

    schema: Annotated[int, Int(1, JOURNAL_SCHEMA)] = JOURNAL_SCHEMA

    def name_baseline(self, candidate: Candidate) -> str:
        """What tables call a baseline, with any seed; '' for other candidates."""
        return name_baseline(candidate) if candidate in self.baselines else ""


@dataclass(frozen=True)
class Opened:
    """A process started to work on the study."""

    kind = "opened"
    time: _Time
    host: str
    pid: _Count
    budget_trials: _Count | None
    """None if hours or voxels alone end the search."""

    budget_hours: float | None
    budget_voxels: float | None = None


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
    """A trial has done a step."""

    kind = "reported"
    time: _Time
    trial_id: _Count
    step: _Count
    values: Mapping[str, float]
    """Its quick measurement; empty if nobody needs one after this step."""


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


FINISH = "finish"
"""Why a trial was stopped, if the search was asked to finish."""


@dataclass(frozen=True)
class Stopped:
    """A trial was ended early because others are clearly better."""

    kind = "stopped"
    time: _Time
    trial_id: _Count
    began_at: _Time
    seconds: float
    host: str = ""
    receipt: Receipt | None = None
    """Why; None in journals of earlier versions, and from pruners that give no reasons."""

    cause: str = ""
    """`FINISH` if it was ended because the search was asked to finish; '' if others are better."""


@dataclass(frozen=True)
class Spared:
    """A trial that would have been stopped goes on as a control, to measure how often such a stop is wrong."""

    kind = "spared"
    time: _Time
    trial_id: _Count
    receipt: Receipt


@dataclass(frozen=True)
class Promoted:
    """A trial that was stopped goes on from its checkpoint, as it belongs to the share of its rung that is kept."""

    kind = "promoted"
    time: _Time
    trial_id: _Count


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


@dataclass(frozen=True)
class Confirming:
    """The search is over: these candidates get all their seeds, and are measured on the test cases."""

    kind = "confirming"
    time: _Time
    candidates: tuple[_Count, ...]
    """Their numbers, in the order in which they are confirmed."""

    probabilities: tuple[float | None, ...]
    """Of each, the probability of being on the front that it was chosen by; None if it was not known."""

    seeds: _Count
    """How many seeds each of them gets."""

    limit: _Count = 0
    """How many candidates were to be confirmed at most."""


@dataclass(frozen=True)
class Fitted:
    """A strategy fitted its models to the trials that had ended.

    Another machine may find other numbers, so a resumed search takes these.
    """

    kind = "fitted"
    time: _Time
    numbers: tuple[float, ...]
    """In an order that only the strategy knows."""

    explained: Mapping[str, float] = field(default_factory=dict)
    """Of every objective, the share of its variance that the models predict of a candidate from all others."""


Event = (
    Created
    | Opened
    | Started
    | Resumed
    | Reported
    | Finished
    | Stopped
    | Spared
    | Promoted
    | Failed
    | Tested
    | Confirming
    | Fitted
)
_KINDS: Mapping[str, type[Event]] = {event.kind: event for event in get_args(Event)}


def to_record(event: Event) -> dict[str, Any]:
    """The event as plain JSON values, its kind first; without fields of later versions that are empty."""
    fields: dict[str, Any] = encode(event)
    if isinstance(event, Created):
        fields["objectives"] = [_leave_out_ideal(one) for one in fields["objectives"]]
    if isinstance(event, Started):
        values = fields["candidate"].items()
        fields["candidate"] = {name: value for name, value in values if _LATER_DIMENSIONS.get(name) != value}
    known = {name: value for name, value in fields.items() if name not in _LEFT_OUT or value not in (None, "", [], ())}
    return {"kind": event.kind} | known


def _leave_out_ideal(objective: Mapping[str, Any]) -> dict[str, Any]:
    """An objective on a linear scale has no ideal, and earlier versions did not write one."""
    return {name: value for name, value in objective.items() if name != "ideal" or value is not None}


def from_record(record: Mapping[str, Any]) -> Event:
    """The event of a record; inverse of `to_record`. The fields of the envelope are ignored.

    Raises:
        ValueError: if the kind is unknown, or a field is missing, unknown or not allowed; the message names it.
        MissingPluginError: if a plug-in is not installed without which candidates cannot be read.
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
        _refuse_without_families(values.get("plugins"))
        return decode(event, values)
    except MissingPluginError:
        raise
    except ValueError as error:
        raise ValueError(f"a '{kind}' record does not hold what it should: {error}") from None


def _refuse_without_families(plugins: object) -> None:
    """Checks that the families of a study are installed: without them, its candidates cannot be read.

    Raises:
        MissingPluginError: if one is not.
        ValueError: if the values describe no plug-ins.
    """
    used = [decode(Plugin, one) for one in plugins] if isinstance(plugins, list) else []
    refuse_missing([plugin for plugin in used if plugin.kind == FAMILIES.kind])


def apply(trial: Trial | None, event: Event) -> Trial:
    """The trial after an event; `trial` is None for the event that starts it."""
    match event:
        case Started():
            trial = Trial(event.trial_id, event.candidate, event.seed, event.origin, event.parents, asked_at=event.time)
            return dataclasses.replace(trial, attempted_at=event.time)
        case Created() | Opened() | Confirming() | Fitted():
            raise AssertionError("this event belongs to no trial")
    assert trial is not None, f"trial {event.trial_id} was never started"
    match event:
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
                receipt=event.receipt,
                is_cut_off=event.cause == FINISH,
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
    return _continue(trial, event)


def _continue(trial: Trial, event: Resumed | Reported | Spared | Promoted) -> Trial:
    """The trial after an event that lets it run."""
    match event:
        case Resumed():
            return _attempt_again(trial, event.time)
        case Reported():
            earlier = {step: values for step, values in trial.reports.items() if step < event.step}
            return dataclasses.replace(trial, reports={**earlier, event.step: event.values}, reported_at=event.time)
        case Spared():
            return dataclasses.replace(trial, receipt=event.receipt, is_control=True)
        case Promoted():
            again = _attempt_again(trial, event.time)
            return dataclasses.replace(again, state=State.RUNNING, ended_at=None, host="")


def _attempt_again(trial: Trial, time: float) -> Trial:
    """The trial at the start of another attempt."""
    return dataclasses.replace(
        trial,
        num_attempts=trial.num_attempts + 1,
        earlier_seconds=trial.total_seconds or 0.0,
        seconds=None,
        attempted_at=time,
        reported_at=None,
    )
