"""Grid search: every combination of a few values per dimension, each once, in a mixed order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from paretoseg.search.candidates.result import Result
from paretoseg.search.strategies.strategy import Archive, Proposal, Strategy, StrategyConfig
from paretoseg.search.trials.trial import Trial
from paretoseg.spaces.domain import Choice, Domain, Float, Int
from paretoseg.spaces.objective import Objective
from paretoseg.spaces.search_space import Candidate, SearchSpace

_ORDER_STREAM = 1
"""Keeps the draw of the order apart from those of single trials."""


@dataclass(unsafe_hash=True)
class GridConfig(StrategyConfig):
    """Settings of the grid."""

    levels: int = 3
    """How many values of every number are tried, from the lowest to the highest; a choice is tried with all options."""

    def __post_init__(self) -> None:
        if self.levels < 2:
            raise ValueError(f"strategy.levels must be at least 2, got {self.levels}")

    def build(self, space: SearchSpace, objectives: Sequence[Objective], seed: int) -> Strategy:
        """The strategy over a space."""
        return Grid(space, levels=self.levels, seed=seed)


class Grid:
    """Tries the points of the grid in an order in which neighbours are far apart, so that a part of it covers all.

    With N points, a step that has no factor in common with N leads from each point to the next and visits every one.
    """

    def __init__(self, space: SearchSpace, *, levels: int, seed: int) -> None:
        self._space = space
        self._archive = Archive(space)
        self._axes = [_list_places(domain, levels) for domain in space.searched.values()]
        self._size = math.prod(len(axis) for axis in self._axes)
        generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_ORDER_STREAM,)))
        self._first = int(generator.integers(2**62)) % self._size
        self._step = _find_step(self._size, generator)

    def ask(self, number: int, generator: np.random.Generator, active: Sequence[Trial]) -> Proposal:
        """The next point that was not tried; when all were, a known one with another seed."""
        running = {trial.candidate for trial in active}
        for place in range(number, number + self._size):
            candidate = self._find(place)
            if candidate not in running and not self._archive.knows(candidate) and self._space.allows(candidate):
                return Proposal(candidate, "grid")
        return self._archive.propose_replicate(generator, active)

    def tell(self, trial: Trial, result: Result | None) -> None:
        """Records the candidate as known."""
        self._archive.add(trial)

    def _find(self, place: int) -> Candidate:
        rest = (self._first + place * self._step) % self._size
        unit = []
        for axis in self._axes:
            rest, digit = divmod(rest, len(axis))
            unit.append(axis[digit])
        return self._space.decode(np.array(unit))


def _list_places(domain: Domain, levels: int) -> list[float]:
    """The places in the unit interval that are tried."""
    match domain:
        case Float() if domain.low == domain.high:
            return [0.5]
        case Float():
            return [float(place) for place in np.linspace(0.0, 1.0, levels)]
        case Int():
            count = domain.num_values
            cells = np.unique(np.round(np.linspace(0, count - 1, min(levels, count))))
            return [float((cell + 0.5) / count) for cell in cells]
        case Choice():
            return [(place + 0.5) / len(domain.options) for place in range(len(domain.options))]
    raise AssertionError(f"no grid for {domain}")


def _find_step(size: int, generator: np.random.Generator) -> int:
    """A step near the golden section of the grid that visits every point."""
    step = max(1, int(size * 0.6180339887) + int(generator.integers(0, max(1, size // 100 + 1))))
    while math.gcd(step, size) != 1:
        step += 1
    return step
