"""Who stops a trial early."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Protocol

from paretoseg.search.trials.trial import Trial
from paretoseg.spaces.objective import Objective


class Pruner(Protocol):
    """Decides after every quick measurement whether a trial goes on."""

    def should_stop(self, trial: Trial, others: Sequence[Trial]) -> bool:
        """True if `trial` has no prospect, judged by its last report against the others' at the same step."""
        ...


@dataclass(unsafe_hash=True)
class PrunerConfig(ABC):
    """Settings of a pruner; every pruner's config derives from it and stands beside the pruner."""

    @abstractmethod
    def build(self, objectives: Sequence[Objective]) -> Pruner:
        """The pruner for these objectives."""


@dataclass(unsafe_hash=True)
class NeverConfig(PrunerConfig):
    """Every trial runs to its end."""

    def build(self, objectives: Sequence[Objective]) -> Pruner:
        """The pruner."""
        return Never()


class Never:
    """Lets every trial run to its end."""

    def should_stop(self, trial: Trial, others: Sequence[Trial]) -> bool:
        """False."""
        return False


@dataclass(unsafe_hash=True)
class MedianConfig(PrunerConfig):
    """Settings of the median rule."""

    min_trials: int = 8
    """How many other trials must have reached the step before anything is stopped."""

    min_steps: int = 2
    """Steps that every trial may take."""

    def __post_init__(self) -> None:
        if self.min_trials < 2 or self.min_steps < 1:
            raise ValueError(
                "pruner.min_trials must be at least 2 and pruner.min_steps at least 1, "
                f"got {self.min_trials} and {self.min_steps}"
            )

    def build(self, objectives: Sequence[Objective]) -> Pruner:
        """The pruner."""
        return Median(objectives, self)


class Median:
    """Stops a trial that is worse than the median of the others in every objective at once.

    The median stopping rule (Golovin et al., Vizier, KDD 2017) for several objectives: a trial that is ahead of the
    median anywhere may still end on the front and goes on.
    """

    def __init__(self, objectives: Sequence[Objective], config: MedianConfig) -> None:
        self._objectives = tuple(objectives)
        self._config = config

    def should_stop(self, trial: Trial, others: Sequence[Trial]) -> bool:
        """True if every objective of the last report is worse than the median at that step."""
        step = max(trial.reports)
        peers = [other.reports[step] for other in others if step in other.reports]
        if step < self._config.min_steps or len(peers) < self._config.min_trials:
            return False
        return all(self._is_worse(objective, trial.reports[step], peers) for objective in self._objectives)

    def _is_worse(self, objective: Objective, own: Mapping[str, float], peers: Sequence[Mapping[str, float]]) -> bool:
        losses = [objective.to_loss(peer[objective.name]) for peer in peers]
        return objective.to_loss(own[objective.name]) > median(losses)
