"""Known candidates first: baselines, those of the user and of earlier studies, before what a strategy proposes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from paretoseg.search.candidates.result import Result
from paretoseg.search.strategies.strategy import Fit, FittingStrategy, Proposal, Strategy
from paretoseg.search.trials.trial import BASELINE, KNOWN, WARM_START, Trial
from paretoseg.spaces.search_space import Candidate


class KnownFirst:
    """Proposes known candidates in their order, then what another strategy proposes.

    That strategy numbers its own proposals from 0, as if nothing had come before, and knows the results of all trials
    but those of candidates outside its space.

    Args:
        strategy: Proposes the rest.
        known: What comes first.
        outside: The candidates that are not in the strategy's space.
    """

    def __init__(self, strategy: Strategy, known: Sequence[Proposal], outside: Collection[Candidate] = ()) -> None:
        self._strategy = strategy
        self._known = tuple(known)
        self._outside = frozenset(outside)

    def ask(self, number: int, generator: np.random.Generator, active: Sequence[Trial]) -> Proposal:
        """The known candidate of this number, or the strategy's proposal after the last one."""
        if number < len(self._known):
            return self._known[number]
        inside = [trial for trial in active if trial.candidate not in self._outside]
        return self._strategy.ask(number - len(self._known), generator, inside)

    def tell(self, trial: Trial, result: Result | None) -> None:
        """Passes it on, unless its candidate is outside."""
        if trial.candidate not in self._outside:
            self._strategy.tell(trial, result)

    def fit(self) -> Fit | None:
        """What the strategy fits, if it fits anything."""
        return self._strategy.fit() if isinstance(self._strategy, FittingStrategy) else None

    def adopt(self, numbers: Sequence[float]) -> None:
        """Passes it on to a strategy that fits."""
        if isinstance(self._strategy, FittingStrategy):
            self._strategy.adopt(numbers)


def put_first(
    strategy: Strategy,
    known: Sequence[Candidate],
    warm: Sequence[Candidate],
    baselines: Sequence[Candidate] = (),
    outside: Collection[Candidate] = (),
) -> Strategy:
    """The strategy, after the candidates that come first, if there are any.

    Args:
        strategy: Proposes the rest.
        known: Candidates that the user knows.
        warm: Those of earlier studies.
        baselines: What all are compared with; they come before the others.
        outside: The baselines that are not in the strategy's space.
    """
    proposals = [
        Proposal(candidate, origin)
        for origin, some in ((BASELINE, baselines), (KNOWN, known), (WARM_START, warm))
        for candidate in some
    ]
    return KnownFirst(strategy, proposals, outside) if proposals else strategy
