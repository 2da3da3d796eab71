"""The trainings of an ablation, in a fixed order: seed by seed, so that an interrupted one has complete pairs early."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from paretoseg.search.candidates.result import Result
from paretoseg.search.strategies.strategy import Proposal
from paretoseg.search.trials.trial import ABLATION, Trial
from paretoseg.spaces.search_space import Candidate

Pair = tuple[Candidate, int]
"""A candidate and the seed that it is trained with."""


def list_pairs(candidates: Sequence[Candidate], seeds: Sequence[int]) -> list[Pair]:
    """Every candidate under every seed; the candidates vary fastest."""
    return [(candidate, seed) for seed in seeds for candidate in candidates]


class ListedPairs:
    """A strategy that proposes the pairs of a list, first to last, and none that was trained before.

    Args:
        pairs: What is to be trained.
    """

    def __init__(self, pairs: Iterable[Pair]) -> None:
        self._left = dict.fromkeys(pairs)

    def ask(self, number: int, generator: np.random.Generator, active: Sequence[Trial]) -> Proposal:
        """The first pair that has neither ended nor is running; the budget must end with the list."""
        running = {(trial.candidate, trial.seed) for trial in active}
        candidate, seed = next(pair for pair in self._left if pair not in running)
        return Proposal(candidate, ABLATION, seed=seed)

    def tell(self, trial: Trial, result: Result | None) -> None:
        """Strikes the pair off the list, whatever came of it."""
        self._left.pop((trial.candidate, trial.seed), None)
