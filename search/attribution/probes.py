"""The candidates that a surrogate is asked about: a sample of the space, with one or two dimensions set to each value.

The sample is uniform in the unit cube. A dimension that has no effect on a candidate is at rest there, so setting it
gives the same candidate: it changes nothing and gets no importance. The same holds for a value that is repaired.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy.stats import qmc

from paretoseg.search.strategies.surrogate.genes import Genome
from paretoseg.spaces.domain import Choice, Domain, Int, Value
from paretoseg.spaces.search_space import Candidate, SearchSpace

_MOST_LISTED = 8
"""A whole number with at most so many values is set to each of them."""

_NUM_STEPS = 6
"""To how many values, evenly spread, any other number is set."""


@dataclass(frozen=True, eq=False)
class Probes:
    """A space, as a surrogate sees it, with a sample of it."""

    space: SearchSpace
    units: Float[np.ndarray, "sample dimensions"]
    """Places in the unit cube, before anything is repaired: of those that dimensions are set on."""

    whole: Float[np.ndarray, "whole dimensions"]
    """The same, of a larger sample: a variance takes more places than a mean."""

    @cached_property
    def genome(self) -> Genome:
        """How candidates become features."""
        return Genome(list(self.space.searched.values()))

    @cached_property
    def levels(self) -> dict[str, tuple[Value, ...]]:
        """By dimension, the values that it is set to; dimensions with a single value are left out."""
        found = {name: _list_levels(domain) for name, domain in self.space.searched.items()}
        return {name: values for name, values in found.items() if len(values) > 1}

    def to_features(self, candidates: Sequence[Candidate]) -> Float[np.ndarray, "candidates features"]:
        """The features of candidates of the space."""
        units = [self.space.encode(candidate) for candidate in candidates]
        return self.genome.to_features(self.genome.from_units(np.array(units).reshape(len(units), len(self.genome))))

    @cached_property
    def sample(self) -> Float[np.ndarray, "whole features"]:
        """The features of the larger sample."""
        return self.to_features([self.space.decode(unit) for unit in self.whole])

    def set_levels(self, names: Sequence[str], most: int) -> Float[np.ndarray, "levels sample features"]:
        """The features of the sample with some dimensions set to each combination of their values.

        Args:
            names: The dimensions; the last one varies fastest.
            most: How many members of the sample are used.
        """
        searched = list(self.space.searched)
        places = [searched.index(name) for name in names]
        units = self.units[:most]
        groups = []
        for values in itertools.product(*(self.levels[name] for name in names)):
            changed = units.copy()
            for place, name, value in zip(places, names, values, strict=True):
                changed[:, place] = self.space.searched[name].to_unit(value)
            groups.append(self.to_features([self.space.decode(unit) for unit in changed]))
        return np.stack(groups)


def draw_probes(space: SearchSpace, num_probes: int, num_whole: int, generator: np.random.Generator) -> Probes:
    """Scrambled Sobol points of a space (Owen, Journal of Complexity 14, 1998); both numbers are powers of two."""
    count = len(space.searched)
    return Probes(space, *(qmc.Sobol(count, rng=generator).random(size) for size in (num_probes, num_whole)))


def _list_levels(domain: Domain) -> tuple[Value, ...]:
    match domain:
        case Choice():
            return domain.options
        case Int() if domain.num_values <= _MOST_LISTED:
            return tuple(range(domain.low, domain.high + 1, domain.step))
        case _:
            found = [domain.from_unit((step + 0.5) / _NUM_STEPS) for step in range(_NUM_STEPS)]
            return tuple(dict.fromkeys(found))
