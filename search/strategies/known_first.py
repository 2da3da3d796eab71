"""Known candidates first: those of the user and of earlier studies, before what a strategy proposes itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from paretoseg.search.candidates.result import Result
from paretoseg.search.strategies.strategy import Fit, FittingStrategy, Proposal, Strategy
from paretoseg.search.trials.trial import KNOWN, WARM_START, Trial
from paretoseg.spaces.search_space import Candidate


class KnownFirst:
    """Proposes known candidates in their order, then what another strategy proposes.

    That strategy numbers its own proposals from 0, as if nothing had come before, and knows the results of all trials.
    """

    def __init__(self, strategy: Strategy, known: Sequence[Proposal]) -> None:
        self._strategy = strategy
        self._known = tuple(known)

    def ask(self, number: int, generator: np.random.Generator, active: Sequence[Trial]) -> Proposal:
        """The known candidate of this number, or the strategy's proposal after the last one."""
        if number < len(self._known):
            return self._known[number]
        return self._strategy.ask(number - len(self._known), generator, active)

    def tell(self, trial: Trial, result: Result | None) -> None:
        """Passes it on."""
        self._strategy.tell(trial, result)

    def fit(self) -> Fit | None:
        """What the strategy fits, if it fits anything."""
        return self._strategy.fit() if isinstance(self._strategy, FittingStrategy) else None

    def adopt(self, numbers: Sequence[float]) -> None:
        """Passes it on to a strategy that fits."""
        if isinstance(self._strategy, FittingStrategy):
            self._strategy.adopt(numbers)


def put_first(strategy: Strategy, known: Sequence[Candidate], warm: Sequence[Candidate]) -> Strategy:
    """The strategy, after the candidates that the user knows and those of earlier studies, if there are any."""
    proposals = [
        Proposal(candidate, origin) for origin, some in ((KNOWN, known), (WARM_START, warm)) for candidate in some
    ]
    return KnownFirst(strategy, proposals) if proposals else strategy
