"""The interface of strategies, which propose trials, and what all of them share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from paretoseg.search.trials.trial import Trial
from paretoseg.spaces.objective import Objective
from paretoseg.spaces.search_space import Candidate, SearchSpace

MAX_DRAWS = 200
"""How often a strategy draws before it stops looking for an unseen candidate in this way."""

MAX_LISTED = 20_000
"""Largest finite space whose unseen candidates are listed when drawing finds none."""


@dataclass(frozen=True)
class Proposal:
    """What to try next."""

    candidate: Candidate
    """The network and its training."""

    origin: str
    """How it was found: default, initial, mating, random, replicate."""

    parents: tuple[int, ...] = ()
    """Trials it was mated from."""

    replicate: int = 0
    """0 for a new candidate; n for the n-th repetition of a known one with another seed."""


class Strategy(Protocol):
    """Proposes trials. It sees only what the journal holds, so a resumed search continues exactly as before.

    `tell` is called once for every trial that ended, in the order of the journal. `ask` may change nothing that a
    later `ask` depends on: every draw comes from the generator, which depends on the study's seed and `number` alone.
    """

    def ask(self, number: int, generator: np.random.Generator, active: Sequence[Trial]) -> Proposal:
        """The proposal for trial `number`, while the trials in `active` are running."""
        ...

    def tell(self, trial: Trial) -> None:
        """Records a trial that ended, in any state."""
        ...


@dataclass(unsafe_hash=True)
class StrategyConfig(ABC):
    """Settings of a strategy; every strategy's config derives from it and is in a module beside the strategy."""

    @abstractmethod
    def build(self, space: SearchSpace, objectives: Sequence[Objective], seed: int) -> Strategy:
        """The strategy over a space; `seed` is the study's."""


class Archive:
    """The candidates that were tried, so that none is tried again by accident."""

    def __init__(self) -> None:
        self._counts: dict[Candidate, int] = {}
        self._unseen: dict[Candidate, None] | None = None
        """The candidates of a finite space that have not ended, in its order; None until they are first needed."""

    def add(self, trial: Trial) -> None:
        """Records a trial that ended."""
        self._counts[trial.candidate] = self._counts.get(trial.candidate, 0) + 1
        if self._unseen is not None:
            self._unseen.pop(trial.candidate, None)

    def propose_unseen(
        self, draw: Callable[[], Proposal], active: Sequence[Trial], max_draws: int = MAX_DRAWS
    ) -> Proposal | None:
        """The first drawn proposal whose candidate has not ended and is not running, or None after `max_draws`."""
        running = {trial.candidate for trial in active}
        for _ in range(max_draws):
            proposal = draw()
            if proposal.candidate not in self._counts and proposal.candidate not in running:
                return proposal
        return None

    def propose_remaining(
        self, space: SearchSpace, generator: np.random.Generator, active: Sequence[Trial]
    ) -> Proposal | None:
        """An unseen candidate of a space that can be listed, or None if none is left or the space is too large."""
        if space.num_candidates > MAX_LISTED:
            return None
        if self._unseen is None:
            self._unseen = dict.fromkeys(item for item in space.enumerate() if item not in self._counts)
        running = {trial.candidate for trial in active}
        left = [item for item in self._unseen if item not in running]
        return Proposal(left[int(generator.integers(len(left)))], "random") if left else None

    def propose_replicate(self, generator: np.random.Generator, active: Sequence[Trial]) -> Proposal:
        """A candidate that was tried the fewest times, once more with another seed.

        Used when no new candidate can be found: repeating a known one shows how much of the front is luck.
        """
        counts = dict(self._counts)
        for trial in active:
            counts[trial.candidate] = counts.get(trial.candidate, 0) + 1
        fewest = min(counts.values())
        rarest = [candidate for candidate, count in counts.items() if count == fewest]
        candidate = rarest[int(generator.integers(len(rarest)))]
        return Proposal(candidate, "replicate", replicate=fewest)
