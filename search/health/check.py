"""The interface of health checks, and what they look at."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum

from paretoseg.search.study.record import StudyRecord
from paretoseg.spaces.search_space import SearchSpace


class Verdict(StrEnum):
    """How a check ended."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Replay:
    """What early stopping did in a simulated search, where the ends of stopped trainings are recorded."""

    saved_hours: float
    """Of GPUs, or of computing: what stopped trainings would have taken to their ends."""

    spent_hours: float
    """What all trainings took."""

    num_false: int
    """How many candidates that were stopped would be on the front."""


@dataclass(frozen=True)
class Evidence:
    """What checks look at."""

    record: StudyRecord
    space: SearchSpace | None = None
    """What was searched; None if it is not known."""

    num_gpus: float | None = None
    """GPUs of a trial; None if that is not known."""

    replay: Replay | None = None
    """What is known of stopped trainings; None in a real search."""

    @property
    def hours(self) -> str:
        """What hours of trainings are called."""
        if self.num_gpus is None:
            return "hours"
        return "GPU-hours" if self.num_gpus else "compute hours"


@dataclass(frozen=True)
class Finding:
    """What a check has found."""

    check: str
    """The name of the check."""

    verdict: Verdict
    text: str
    """What was found, in one line."""

    remedy: str = ""
    """What the user can do, or '' if there is nothing to do."""


class Check(ABC):
    """A rule that a healthy search keeps; its docstring says when it passes, warns and fails."""

    name: str
    """In tables."""

    @abstractmethod
    def look(self, evidence: Evidence) -> Finding:
        """Applies the rule; unknown if there is too little to look at."""

    def say(self, verdict: Verdict, text: str, remedy: str = "") -> Finding:
        """A finding of this check."""
        return Finding(self.name, verdict, text, remedy)
