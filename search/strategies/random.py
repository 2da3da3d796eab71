"""Random search: the baseline that every other strategy must beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from paretoseg.search.candidates.result import Result
from paretoseg.search.strategies.strategy import Archive, Proposal, Strategy, StrategyConfig
from paretoseg.search.trials.trial import Trial
from paretoseg.spaces.objective import Objective
from paretoseg.spaces.search_space import SearchSpace


@dataclass(unsafe_hash=True)
class RandomConfig(StrategyConfig):
    """Random search has no settings."""

    def build(self, space: SearchSpace, objectives: Sequence[Objective], seed: int) -> Strategy:
        """The strategy over a space."""
        return RandomSearch(space)


class RandomSearch:
    """Draws every candidate independently and uniformly, but proposes no known candidate again."""

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._archive = Archive(space)

    def ask(self, number: int, generator: np.random.Generator, active: Sequence[Trial]) -> Proposal:
        """An unseen candidate; if the space is exhausted, a known one with another seed."""
        return (
            self._archive.propose_unseen(lambda: Proposal(self._space.sample(generator), "random"), active)
            or self._archive.propose_remaining(self._space, generator, active)
            or self._archive.propose_replicate(generator, active)
        )

    def tell(self, trial: Trial, result: Result | None) -> None:
        """Records the candidate as known."""
        self._archive.add(trial)
