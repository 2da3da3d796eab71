"""The decision space: every dimension of a candidate, narrowed to what a study searches.

The dimensions are read off the annotated fields of `Architecture` and `Recipe`; adding a field there is all it takes to
make it searched, stored and shown.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import itertools
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, get_args, get_origin, get_type_hints

import numpy as np

from spaces.architecture import Architecture
from spaces.domain import Choice, Domain, Float, Int, Value
from spaces.recipe import Recipe

MIN_BOTTLENECK = 4
"""Fewest pixels per axis that may reach the bottleneck: below, normalisation statistics mean nothing."""


@dataclass(frozen=True)
class Candidate:
    """A point of the decision space: a network's shape and its training."""

    architecture: Architecture = field(default_factory=Architecture)
    recipe: Recipe = field(default_factory=Recipe)

    def as_dict(self) -> dict[str, Value]:
        """All dimensions by name, in the order of `DIMENSIONS`."""
        return dataclasses.asdict(self.architecture) | dataclasses.asdict(self.recipe)

    @classmethod
    def from_dict(cls, values: Mapping[str, Value]) -> Candidate:
        """The candidate with these values; missing dimensions take their defaults.

        Raises:
            ValueError: for a name that is no dimension.
        """
        for name in values:
            _check_name(name)
        parts = [
            part(**{field.name: values[field.name] for field in dataclasses.fields(part) if field.name in values})  # type: ignore[arg-type]
            for part in (Architecture, Recipe)
        ]
        return cls(*parts)  # type: ignore[arg-type]

    @property
    def short_hash(self) -> str:
        """Eight hexadecimal digits that depend on the values alone, equal in every process."""
        text = json.dumps(self.as_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]


def _read_dimensions() -> dict[str, Domain]:
    dimensions: dict[str, Domain] = {}
    for part in (Architecture, Recipe):
        for name, hint in get_type_hints(part, include_extras=True).items():
            assert get_origin(hint) is Annotated, f"{part.__name__}.{name} has no domain"
            assert name not in dimensions, f"dimension '{name}' is declared twice"
            dimensions[name] = next(item for item in get_args(hint) if isinstance(item, Domain))
    return dimensions


DIMENSIONS: Mapping[str, Domain] = _read_dimensions()
"""Every dimension with its full domain, in the order of declaration."""


def _check_name(name: str) -> None:
    if name not in DIMENSIONS:
        near = difflib.get_close_matches(name, DIMENSIONS, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise ValueError(f"unknown dimension '{name}'; {hint}known: {', '.join(DIMENSIONS)}")


class SearchSpace:
    """The part of the decision space that a study searches.

    Args:
        restrictions: By dimension, a value that pins it or a list that narrows it: `[low, high]` for numbers, options
            for a choice. Dimensions that are not named keep their full domain.

    Raises:
        ValueError: for an unknown dimension, a value outside its domain, or a space without any possible network.
    """

    def __init__(self, restrictions: Mapping[str, object] | None = None) -> None:
        domains = dict(DIMENSIONS)
        for name, wish in (restrictions or {}).items():
            _check_name(name)
            try:
                domains[name] = domains[name].restrict(wish)
            except ValueError as error:
                raise ValueError(f"dimension '{name}' {error}") from None
        self._domains = domains
        if not any(self._fitting_patches(depth) for depth in self._values_of("depth")):
            raise ValueError(
                f"dimension 'patch' must leave {MIN_BOTTLENECK} pixels at the bottleneck (patch >= {MIN_BOTTLENECK} x "
                f"2^(depth - 1) and divisible by 2^(depth - 1)), got patch {domains['patch'].describe()} with depth "
                f"{domains['depth'].describe()}"
            )

    @property
    def domains(self) -> Mapping[str, Domain]:
        """Every dimension with its narrowed domain, in the order of declaration."""
        return self._domains

    @property
    def num_candidates(self) -> float:
        """Upper bound on the number of distinct candidates; infinite with a continuous dimension."""
        sizes = []
        for domain in self._domains.values():
            match domain:
                case Float():
                    sizes.append(1 if domain.low == domain.high else math.inf)
                case Int():
                    sizes.append(domain.num_values)
                case Choice():
                    sizes.append(len(domain.options))
        return math.prod(sizes)

    def default(self) -> Candidate:
        """The candidate closest to the defaults of `Architecture` and `Recipe`."""
        wanted = Candidate().as_dict()
        unit = [DIMENSIONS[name].to_unit(value) for name, value in wanted.items()]
        values = {}
        for (name, value), full_place in zip(wanted.items(), unit, strict=True):
            domain = self._domains[name]
            values[name] = value if domain.contains(value) else _nearest(domain, DIMENSIONS[name], full_place)
        return self.repair(Candidate.from_dict(values))

    def sample(self, generator: np.random.Generator) -> Candidate:
        """A candidate drawn uniformly in the unit cube, repaired."""
        return self.decode(generator.random(len(self._domains)))

    def encode(self, candidate: Candidate) -> np.ndarray:
        """The candidate's place in the unit cube, shape (num_dimensions,), in the order of `domains`.

        Raises:
            ValueError: if the candidate lies outside this space; the message names the dimension.
        """
        place = []
        for name, value in candidate.as_dict().items():
            try:
                place.append(self._domains[name].to_unit(value))
            except ValueError as error:
                raise ValueError(f"dimension '{name}' {error}") from None
        return np.array(place)

    def decode(self, unit: np.ndarray) -> Candidate:
        """The repaired candidate at a place of the unit cube, shape (num_dimensions,)."""
        values = {
            name: domain.from_unit(float(place))
            for (name, domain), place in zip(self._domains.items(), unit, strict=True)
        }
        return self.repair(Candidate.from_dict(values))

    def repair(self, candidate: Candidate) -> Candidate:
        """The nearest possible network: the patch first, then the depth, moves until they fit each other.

        A candidate that fits is returned as it is, so repairing twice changes nothing.
        """
        depth, patch = candidate.architecture.depth, candidate.recipe.patch
        by_distance = sorted(self._values_of("depth"), key=lambda other: (abs(other - depth), other))
        for fitting_depth in by_distance:
            patches = self._fitting_patches(fitting_depth)
            if patches:
                fitting_patch = min(patches, key=lambda other: (abs(other - patch), other))
                return Candidate(
                    dataclasses.replace(candidate.architecture, depth=fitting_depth),
                    dataclasses.replace(candidate.recipe, patch=fitting_patch),
                )
        raise AssertionError("the constructor refuses a space without a possible network")

    def enumerate(self) -> Iterator[Candidate]:
        """Every distinct candidate of a finite space, in the order of declaration.

        Raises:
            ValueError: if the space is infinite.
        """
        if not math.isfinite(self.num_candidates):
            raise ValueError("a space with a continuous dimension cannot be listed")
        seen: set[Candidate] = set()
        for values in itertools.product(*(_values(domain) for domain in self._domains.values())):
            candidate = self.repair(Candidate.from_dict(dict(zip(self._domains, values, strict=True))))
            if candidate not in seen:
                seen.add(candidate)
                yield candidate

    def _values_of(self, name: str) -> list[int]:
        return [int(value) for value in _values(self._domains[name])]

    def _fitting_patches(self, depth: int) -> list[int]:
        stride = Architecture(depth=depth).total_stride
        return [patch for patch in self._values_of("patch") if patch % stride == 0 and patch >= MIN_BOTTLENECK * stride]


def _values(domain: Domain) -> list[Value]:
    match domain:
        case Int():
            return list(range(domain.low, domain.high + 1, domain.step))
        case Choice():
            return list(domain.options)
        case Float() if domain.low == domain.high:
            return [domain.low]
        case _:
            raise ValueError("a continuous dimension has no list of values")


def _nearest(domain: Domain, full: Domain, place: float) -> Value:
    """The value of a narrowed domain that lies closest to a place of the full one."""
    ends = (domain.from_unit(0.0), domain.from_unit(1.0))
    if isinstance(domain, Choice):
        return ends[0]
    return min(ends, key=lambda end: abs(full.to_unit(end) - place))
