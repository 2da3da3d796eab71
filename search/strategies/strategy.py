"""The interface of strategies, which propose trials, and what all of them share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from paretoseg.search.candidates.result import Result
from paretoseg.search.trials.trial import REPLICATE, Trial
from paretoseg.spaces.earlier import BEFORE
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
    """How it was found: baseline, known, warm_start, default, initial, surrogate, mating, random, grid, tpe, gp,
    replicate, ablation."""

    parents: tuple[int, ...] = ()
    """Trials it was mated from."""

    seed: int | None = None
    """The seed to train it with; None leaves the choice to the study."""


class Strategy(Protocol):
    """Proposes trials. It sees only what the journal holds, so a resumed search continues exactly as before.

    `tell` is called once for every trial that ended, in the order of the journal; once more for one that was stopped,
    went on and ended. `ask` may change nothing that a later `ask` depends on: every draw comes from the generator,
    which depends on the study's seed and `number` alone.
    The study decides on further seeds of known candidates; their results reach the strategy like all others.
    """

    def ask(self, number: int, generator: np.random.Generator, active: Sequence[Trial]) -> Proposal:
        """The strategy's proposal `number`, from 0, while the trials in `active` are running."""
        ...

    def tell(self, trial: Trial, result: Result | None) -> None:
        """Records a trial that ended, in any state.

        Args:
            trial: The trial.
            result: What its candidate has reached over all of its seeds so far: the means of its objectives, and how
                noisy they are, and by how much they break the constraints (`violation`, 0 if they meet them). None if
                no network of the candidate counts.
        """
        ...


@dataclass(frozen=True)
class Fit:
    """What a strategy with models found when it fitted them."""

    numbers: tuple[float, ...]
    """All that a later process needs to go on, in an order that the strategy knows."""

    explained: Mapping[str, float]
    """Of every objective, the share of its variance that the models predict of a candidate from all others: 1 for all,
    0 for as much as the mean of the others does, and less if they predict worse than that."""


@runtime_checkable
class FittingStrategy(Strategy, Protocol):
    """A strategy with models. The study keeps what it fits, so that a resumed search proposes what it would have."""

    def fit(self) -> Fit | None:
        """Fits the models to what was told, if that is due; returns what was found, else None."""
        ...

    def adopt(self, numbers: Sequence[float]) -> None:
        """Takes what an earlier process found at this point, instead of fitting."""
        ...


@dataclass(unsafe_hash=True)
class StrategyConfig(ABC):
    """Settings of a strategy; every strategy's config derives from it and is in a module beside the strategy."""

    known: list[dict[str, Any]] = field(default_factory=list, hash=False, metadata={BEFORE: []})
    """Candidates to evaluate first, each a mapping of some dimensions; the others take their defaults."""

    warm_start: list[str] = field(default_factory=list, hash=False, metadata={BEFORE: []})
    """Earlier studies of the same task, by folder or URI, whose best candidates are evaluated next."""

    warm_count: int = field(default=8, metadata={BEFORE: 8})
    """How many candidates each of them gives at most: its front first, then the next best."""

    @property
    def num_first(self) -> int:
        """How many proposals come before the first that depends on results; 0 if none does."""
        return 0

    @abstractmethod
    def build(self, space: SearchSpace, objectives: Sequence[Objective], seed: int) -> Strategy:
        """The strategy over a space; `seed` is the study's."""


class Archive:
    """The candidates that were tried, so that none is tried again by accident.

    Args:
        space: Proposals are brought inside its limits, so that no strategy proposes what a constraint forbids; None for
            no limits.
    """

    def __init__(self, space: SearchSpace | None = None) -> None:
        self._space = space
        self._counts: dict[Candidate, int] = {}
        self._counted: set[int] = set()
        """The trials that were counted, as one that was stopped and went on ends twice."""

        self._unseen: dict[Candidate, None] | None = None
        """The candidates of a finite space that have not ended, in its order; None until they are first needed."""

    def add(self, trial: Trial) -> None:
        """Records a trial that ended; one that ends again, after it was stopped and went on, is not counted twice."""
        if trial.trial_id in self._counted:
            return
        self._counted.add(trial.trial_id)
        self._counts[trial.candidate] = self._counts.get(trial.candidate, 0) + 1
        if self._unseen is not None:
            self._unseen.pop(trial.candidate, None)

    def knows(self, candidate: Candidate) -> bool:
        """True if a trial of the candidate has ended."""
        return candidate in self._counts

    def propose_unseen(
        self, draw: Callable[[], Proposal], active: Sequence[Trial], max_draws: int = MAX_DRAWS
    ) -> Proposal | None:
        """The first drawn proposal whose candidate has not ended and is not running, or None after `max_draws`."""
        running = {trial.candidate for trial in active}
        for _ in range(max_draws):
            proposal = self._bring_inside(draw())
            if proposal.candidate not in self._counts and proposal.candidate not in running:
                return proposal
        return None

    def _bring_inside(self, proposal: Proposal) -> Proposal:
        if self._space is None or self._space.allows(proposal.candidate):
            return proposal
        return replace(proposal, candidate=self._space.bring_inside(proposal.candidate))

    def propose_remaining(
        self, space: SearchSpace, generator: np.random.Generator, active: Sequence[Trial]
    ) -> Proposal | None:
        """An unseen candidate of a space that can be listed, or None if none is left or the space is too large."""
        if space.num_candidates > MAX_LISTED:
            return None
        if self._unseen is None:
            self._unseen = dict.fromkeys(
                item for item in space.enumerate() if item not in self._counts and space.allows(item)
            )
        running = {trial.candidate for trial in active}
        left = [item for item in self._unseen if item not in running]
        return Proposal(left[int(generator.integers(len(left)))], "random") if left else None

    def propose_replicate(self, generator: np.random.Generator, active: Sequence[Trial]) -> Proposal:
        """A candidate that was tried the fewest times, once more with another seed.

        Used when no new candidate can be found: repeating a known one shows how much of the front is luck.
        """
        counts = dict(self._counts)
        for trial in active:
            if trial.trial_id not in self._counted:
                counts[trial.candidate] = counts.get(trial.candidate, 0) + 1
        fewest = min(counts.values())
        rarest = [candidate for candidate, count in counts.items() if count == fewest]
        candidate = rarest[int(generator.integers(len(rarest)))]
        return Proposal(candidate, REPLICATE)
