"""Pruners: the rules that stop a trial early."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from paretoseg.search.trials.receipt import Receipt
from paretoseg.search.trials.trial import Trial
from paretoseg.spaces.constraint import Constraint
from paretoseg.spaces.objective import Objective


@dataclass(frozen=True)
class Judgement:
    """Whether a trial is to be stopped, and why."""

    is_stopped: bool
    receipt: Receipt | None = None
    """The reasons; None if it is not stopped, or if the pruner gives none."""


class Pruner(ABC):
    """Decides after every quick measurement whether a trial continues. It sees only what the journal holds."""

    control_share: float = 0.0
    """Share of the trials that it would stop that go on nevertheless, to measure how often it is wrong."""

    num_waiting: int = 0
    """How many of the trials that it stopped last keep their checkpoints, so that they may go on."""

    @abstractmethod
    def tell(self, trial: Trial) -> None:
        """Records what a trial has reported, or how it ended, in place of what was known of it before."""

    @abstractmethod
    def should_stop(self, trial: Trial) -> bool:
        """True if a trial is not worth continuing, judged by its last report and those of the others at that step.

        Call `tell` with this trial first.
        """

    def explain(self, trial: Trial) -> Receipt | None:
        """Why `should_stop` is true; None if it is false, or if the pruner gives no reasons."""
        return None

    def judge(self, trial: Trial) -> Judgement:
        """`should_stop` and `explain` at once."""
        is_stopped = self.should_stop(trial)
        return Judgement(is_stopped, self.explain(trial) if is_stopped else None)

    def choose_promoted(self, waiting: Sequence[Trial]) -> Trial | None:
        """Of the trials that it stopped last, the one that goes on now; None if none is worth it."""
        return None

    def notes(self) -> list[str]:
        """What the user should know about how it decides at present; one line each."""
        return []

    def list_news(self) -> list[str]:
        """What of that has changed since this was last asked, one line each: all of it at first."""
        return []


@dataclass(unsafe_hash=True)
class PrunerConfig(ABC):
    """Settings of a pruner; every pruner's config derives from it and is in the same module as the pruner."""

    @abstractmethod
    def build(self, objectives: Sequence[Objective], constraints: Sequence[Constraint] = ()) -> Pruner:
        """The pruner for these objectives; what breaks a constraint is no reason to stop another trial."""

    def list_steps(self, num_steps: int) -> tuple[int, ...]:
        """The steps, from 1, after which it may stop a trial of so many; only there is a quick measurement needed."""
        return tuple(range(1, num_steps + 1))


@dataclass(unsafe_hash=True)
class NeverConfig(PrunerConfig):
    """Every trial runs to its end."""

    def build(self, objectives: Sequence[Objective], constraints: Sequence[Constraint] = ()) -> Pruner:
        """The pruner."""
        return Never()

    def list_steps(self, num_steps: int) -> tuple[int, ...]:
        """None."""
        return ()


class Never(Pruner):
    """Lets every trial run to its end."""

    def tell(self, trial: Trial) -> None:
        """Nothing to record."""

    def should_stop(self, trial: Trial) -> bool:
        """False."""
        return False


@dataclass(unsafe_hash=True)
class MedianConfig(PrunerConfig):
    """Settings of the median rule."""

    min_trials: int = 8
    """How many other trials must have reached a step before a trial can be stopped there."""

    min_steps: int = 2
    """The first step after which a trial can be stopped."""

    def __post_init__(self) -> None:
        if self.min_trials < 2 or self.min_steps < 1:
            raise ValueError(
                "pruner.min_trials must be at least 2 and pruner.min_steps at least 1, "
                f"got {self.min_trials} and {self.min_steps}"
            )

    def build(self, objectives: Sequence[Objective], constraints: Sequence[Constraint] = ()) -> Pruner:
        """The pruner."""
        return Median(objectives, self)

    def list_steps(self, num_steps: int) -> tuple[int, ...]:
        """All from `min_steps` on."""
        return tuple(range(self.min_steps, num_steps + 1))


class Median(Pruner):
    """Stops a trial that is worse than the median of the others in every objective at once.

    The median stopping rule (Golovin et al., Vizier, KDD 2017) for several objectives: a trial that is better than the
    median in any objective may still end on the front, so it continues.
    """

    def __init__(self, objectives: Sequence[Objective], config: MedianConfig) -> None:
        self._objectives = tuple(objectives)
        self._config = config
        self._reports: dict[int, Mapping[int, Mapping[str, float]]] = {}
        self._losses: dict[tuple[int, str], list[float]] = {}
        """Of all trials by step and objective, in ascending order, so that a median is looked up and not computed."""

    def tell(self, trial: Trial) -> None:
        """Records what a trial has reported, in place of what it had reported before.

        A trial that resumes from its checkpoint reports its last step again; its earlier reports of later steps are
        dropped.
        """
        before, now = self._reports.get(trial.trial_id, {}), trial.reports
        self._reports[trial.trial_id] = now
        for step, values in before.items():
            if now.get(step) is not values:
                self._remove(step, values)
        for step, values in now.items():
            if before.get(step) is not values:
                self._add(step, values)

    def should_stop(self, trial: Trial) -> bool:
        """True if every objective of the last report is worse than the median of the others at that step.

        False after a step without a quick measurement.
        """
        step = max(trial.reports)
        if not trial.reports[step]:
            return False
        num_others = len(self._losses[step, self._objectives[0].name]) - 1
        if step < self._config.min_steps or num_others < self._config.min_trials:
            return False
        return all(self._is_worse(objective, step, trial.reports[step]) for objective in self._objectives)

    def _is_worse(self, objective: Objective, step: int, values: Mapping[str, float]) -> bool:
        losses, own = self._losses[step, objective.name], objective.to_loss(values[objective.name])
        return own > _find_median(losses, left_out=bisect_left(losses, own))

    def _add(self, step: int, values: Mapping[str, float]) -> None:
        for objective in self._objectives if values else ():
            insort(self._losses.setdefault((step, objective.name), []), objective.to_loss(values[objective.name]))

    def _remove(self, step: int, values: Mapping[str, float]) -> None:
        for objective in self._objectives if values else ():
            losses = self._losses[step, objective.name]
            del losses[bisect_left(losses, objective.to_loss(values[objective.name]))]


def _find_median(values: Sequence[float], left_out: int) -> float:
    """The median of at least two values in ascending order, without the one at position `left_out`."""
    low, high = ((len(values) - 2) // 2, (len(values) - 1) // 2)
    return (values[low + (low >= left_out)] + values[high + (high >= left_out)]) / 2
