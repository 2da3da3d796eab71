"""The immutable record of a trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from paretoseg.search.trials.receipt import Receipt
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.trainable import RobustnessProfile


class State(StrEnum):
    """The state of a trial."""

    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    STOPPED = "STOPPED"
    FAILED = "FAILED"


class FailureKind(StrEnum):
    """Why a trial failed, in one word for tables."""

    ERROR = "error"
    NAN = "nan"
    MEMORY = "memory"
    TIMEOUT = "timeout"
    LOST = "lost"


@dataclass(frozen=True)
class Failure:
    """What went wrong in a trial."""

    kind: FailureKind
    """The reason in one word."""

    reason: str
    """The reason in one line."""

    traceback: str = ""
    """Where in the code it failed, for debugging."""

    def __post_init__(self) -> None:
        # A lone surrogate, as from a file name that is not UTF-8, would break every table and page.
        for name in ("reason", "traceback"):
            text = getattr(self, name).encode(errors="backslashreplace").decode()
            object.__setattr__(self, name, text)


REPLICATE = "replicate"
"""The origin of a trial that gives a known candidate a further seed, within the search."""

CONFIRMATION = "confirmation"
"""The origin of a trial that gives a candidate a further seed after the search."""

KNOWN, WARM_START = "known", "warm_start"
"""The origins of candidates that the user knew, and of those that an earlier study found; they are proposed first."""

BASELINE = "baseline"
"""The origin of a trial of a baseline; baselines come before all other candidates."""

ABLATION = "ablation"
"""The origin of a trial that trains a candidate or a neighbour of it, to find what its choices are worth."""


@dataclass(frozen=True)
class Trial:
    """One candidate with one seed, from its proposal to its end. Changes make a new record."""

    trial_id: int
    """Number in the study, from 0, in the order of proposal."""

    candidate: Candidate
    """The network and its training."""

    seed: int
    """Seed of everything random in it; equal seeds are paired across candidates."""

    origin: str
    """How it was found: baseline, known, warm_start, default, initial, surrogate, mating, random, grid, tpe, gp,
    replicate, confirmation, ablation."""

    parents: tuple[int, ...] = ()
    """Trials it was mated from."""

    state: State = State.RUNNING
    """Its state."""

    num_attempts: int = 1
    """How often it was started: 1, and one more for every interruption."""

    asked_at: float = 0.0
    """When it was proposed, in seconds since the epoch."""

    ended_at: float | None = None
    """When it ended, in seconds since the epoch."""

    began_at: float | None = None
    """When a worker started the last attempt, in seconds since the epoch, by the worker's clock."""

    seconds: float | None = None
    """How long the worker worked in the last attempt; None while it runs, or if its worker died."""

    earlier_seconds: float = 0.0
    """How long workers worked in earlier attempts; in one that was interrupted, until its last report."""

    attempted_at: float = 0.0
    """When the last attempt was asked for, in seconds since the epoch."""

    reported_at: float | None = None
    """When the last attempt reported last, in seconds since the epoch; None if it has not."""

    host: str = ""
    """The machine whose worker ended it; empty while it runs, or if its worker died."""

    reports: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    """The quick measurements on the way, by step, from 1; a crash can leave a gap. One that nobody needed is empty."""

    objectives: Mapping[str, float] = field(default_factory=dict)
    """A value for every objective, on validation cases; empty unless FINISHED."""

    costs: Mapping[str, float] = field(default_factory=dict)
    """A value for every cost; empty unless FINISHED."""

    device: str = ""
    """The device that the costs were measured on, by its name; empty unless FINISHED, or if they depend on none."""

    degenerate: str = ""
    """Why the network counts as broken and stays off the front, or ''."""

    profile: RobustnessProfile | None = None
    """What is reported beside the robustness on validation cases; None if the task, or an earlier version, measured
    none."""

    note: str = ""
    """What is suspicious about the network, but too few cases show it to call it broken, or ''."""

    failure: Failure | None = None
    """What went wrong, if FAILED."""

    is_cut_off: bool = False
    """Whether it was ended because the search was asked to finish."""

    receipt: Receipt | None = None
    """Why it was stopped early last, or would have been if it were no control; None if it never was."""

    is_control: bool = False
    """True if it would have been stopped and went on, to measure how often such a stop is wrong."""

    test: Mapping[str, float] = field(default_factory=dict)
    """The objectives on untouched test cases; empty unless the trial was on the final front."""

    test_profile: RobustnessProfile | None = None
    """As `profile`, on test cases."""

    @property
    def quick(self) -> dict[int, Mapping[str, float]]:
        """The steps after which there was a quick measurement, with its values."""
        return {step: values for step, values in self.reports.items() if values}

    @property
    def measured(self) -> dict[str, float]:
        """Costs and objectives by name: which of the two a number is depends on the study."""
        return {**self.costs, **self.objectives}

    @property
    def total_seconds(self) -> float | None:
        """How long workers worked on it in all of its attempts, as far as that is known; None if nothing is."""
        if self.seconds is not None:
            return self.earlier_seconds + self.seconds
        if self.reported_at is not None:
            return self.earlier_seconds + max(self.reported_at - self.attempted_at, 0.0)
        return self.earlier_seconds or None

    @property
    def is_eligible(self) -> bool:
        """True if the trial may be on a front and guide a strategy."""
        return self.state is State.FINISHED and not self.degenerate
