"""The decision space: every dimension of a candidate, narrowed to what a study searches.

The dimensions are read off the annotated fields of `Architecture` and `Recipe`; adding a field there is all it takes to
store it, show it, and search it with the presets that contain it.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import itertools
import json
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from paretoseg.spaces.architecture import MIN_BOTTLENECK, PLANNED, Architecture
from paretoseg.spaces.canonical import MIN_DEPTHS, canonicalise, find_used_dimensions
from paretoseg.spaces.domain import Choice, Domain, Float, Int, Value, find_nearest, list_values, name_switch
from paretoseg.spaces.families import OUR_FAMILIES, extend_dimensions, find_kind, read_domains
from paretoseg.spaces.presets import read_preset
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.suggestion import suggest

_ALWAYS_HASHED = frozenset(
    {"skip", "depth", "width", "attention", "patch", "foreground_ratio", "augmentation", "learning_rate"}
)
"""The dimensions of the first studies, which are part of every hash."""

EVERYTHING = "all"
"""The restriction that opens the full domain of a dimension, whatever the preset."""

_BISECTIONS = 5
"""How often the way to an allowed candidate is halved: up to 1/32 of it is given away."""

_PARTS = (Architecture, Recipe)
_NAMES: dict[type, tuple[str, ...]] = {part: tuple(item.name for item in dataclasses.fields(part)) for part in _PARTS}
"""The dimensions of either part, in the order of declaration."""


def _list_names(part: type) -> tuple[str, ...]:
    """The dimensions of a part; the architecture of a plug-in's family has further ones."""
    if part not in _NAMES:
        _NAMES[part] = tuple(read_domains(part))
    return _NAMES[part]


@dataclass(frozen=True)
class Candidate:
    """A point of the decision space: an architecture and a training recipe."""

    architecture: Architecture = field(default_factory=Architecture)
    recipe: Recipe = field(default_factory=Recipe)

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        """Kept, because every proposal looks up all running candidates, and each has thirty fields to hash."""
        return hash((self.architecture, self.recipe))

    def __getstate__(self) -> dict[str, object]:
        # The hash of a string differs from process to process.
        return {"architecture": self.architecture, "recipe": self.recipe}

    def as_dict(self) -> dict[str, Value]:
        """All dimensions by name: those of the architecture, with its family's own ones last, then the recipe's."""
        # `dataclasses.asdict` makes deep copies and takes 15 times as long: tables hold every candidate.
        parts = (self.architecture, self.recipe)
        return {name: getattr(part, name) for part in parts for name in _list_names(type(part))}

    @classmethod
    def from_dict(cls, values: Mapping[str, Value]) -> Candidate:
        """The candidate with these values; missing dimensions take their defaults.

        Raises:
            ValueError: for an unknown dimension or family; the message suggests the nearest name.
        """
        kinds = (find_kind(str(values.get("family", Architecture.family))), Recipe)
        for name in values:
            if name not in DIMENSIONS:
                _check_name(name, [name for kind in kinds for name in _list_names(kind)])
        parts = [kind(**{name: values[name] for name in _list_names(kind) if name in values}) for kind in kinds]  # type: ignore[arg-type]
        return cls(*parts)  # type: ignore[arg-type]

    @property
    def short_hash(self) -> str:
        """Eight hexadecimal digits that depend on the values alone, equal in every process.

        A new dimension at its default does not change it, so that old hashes stay valid when the space grows.
        """
        values = self.as_dict().items()
        kind = type(self.architecture)
        defaults = _DEFAULT_VALUES if kind is Architecture else _DEFAULT_VALUES | vars(kind())
        hashed = {name: value for name, value in values if name in _ALWAYS_HASHED or value != defaults[name]}
        text = json.dumps(hashed, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Limits:
    """What is known before a training to forbid a candidate, within the domains of its dimensions: its size, say."""

    is_met: Callable[[Candidate], bool]
    """True if a candidate may be trained; the same for the same candidate at any time."""

    anchor: Candidate
    """A candidate that may be."""

    def repair(self, candidate: Candidate, space: SearchSpace) -> Candidate:
        """The candidate, or one that is allowed, close to where the straight way to the anchor enters the limits.

        The way goes through the unit cube and is halved a few times, so a candidate that is repaired lies just inside.
        """
        if self.is_met(candidate):
            return candidate
        start, end = space.encode(candidate), space.encode(self.anchor)
        outside, inside, found = 0.0, 1.0, self.anchor
        for _ in range(_BISECTIONS):
            middle = (outside + inside) / 2.0
            nearer = space.decode(np.asarray(start + middle * (end - start)))
            if self.is_met(nearer):
                inside, found = middle, nearer
            else:
                outside = middle
        return found


_DEFAULT_VALUES = Candidate().as_dict()


DIMENSIONS: Mapping[str, Domain] = {name: domain for part in _PARTS for name, domain in read_domains(part).items()}
"""Every dimension of paretoseg itself with its full domain, in the order of declaration."""

assert len(DIMENSIONS) == sum(map(len, _NAMES.values())), "a dimension is declared twice"


OPENED: Mapping[str, Domain] = {
    **DIMENSIONS,
    "family": Choice(tuple(name for name in OUR_FAMILIES if name not in PLANNED)),
}
"""What a preset, or `all`, opens of every dimension: a baseline's family is searched only if it is named."""


def _check_name(name: str, known: Collection[str]) -> None:
    if name not in known:
        raise ValueError(f"unknown dimension '{name}'; {suggest(name, known)}known: {', '.join(known)}")


class SearchSpace:
    """The part of the decision space that a study searches.

    Args:
        restrictions: By dimension, a value that fixes it, or a list that narrows it (`[low, high]` for numbers, options
            for a choice), or `all` for its full domain. The preset decides on the other dimensions.
        preset: Which dimensions are searched unless they are named (`spaces.presets`); the others keep their defaults.
        start: Values of the candidate that a search starts with, by dimension.

    Raises:
        ValueError: for an unknown dimension or preset, a value outside its domain, or a space in which no network fits.
    """

    def __init__(
        self,
        restrictions: Mapping[str, object] | None = None,
        preset: str = "core",
        start: Mapping[str, object] | None = None,
    ) -> None:
        self._limits: Limits | None = None
        requests = restrictions or {}
        self._full, defaults = extend_dimensions(DIMENSIONS, requests.get("family"))
        self._own = self._full.keys() - DIMENSIONS.keys()
        self._defaults = _DEFAULT_VALUES | defaults
        for name in requests:
            _check_name(name, self._full)
        searched = read_preset(preset) | set(requests) | self._own
        self._domains = {
            name: _restrict(name, domain, requests[name])
            if name in requests
            else (OPENED.get(name, domain) if name in searched else domain.restrict(self._defaults[name]))
            for name, domain in self._full.items()
        }
        self._searched = {name: domain for name, domain in self._domains.items() if name in searched}
        self._resting = {name: self._find_resting(name, domain) for name, domain in self._domains.items()}
        self._patches = [int(patch) for patch in list_values(self._domains["patch"])]
        if not any(self._fitting_patches(shape) for shape in self._shapes(Architecture())):
            domains = self._domains
            raise ValueError(
                f"dimension 'patch' must leave {MIN_BOTTLENECK} pixels at the bottleneck (patch >= {MIN_BOTTLENECK} x "
                f"2^(depth - 1) and divisible by 2^(depth - 1)), got patch {domains['patch'].describe()} with depth "
                f"{domains['depth'].describe()} in family {domains['family'].describe()}"
            )

        self._start = {name: self._read_start(name, value) for name, value in (start or {}).items()}

    def with_limits(self, limits: Limits) -> SearchSpace:
        """The same space, of which only candidates within the limits are to be trained."""
        limited = copy.copy(self)
        limited._limits = limits
        return limited

    def allows(self, candidate: Candidate) -> bool:
        """True if a candidate of this space may be trained, as far as that is known."""
        return self._limits is None or self._limits.is_met(candidate)

    def contains(self, candidate: Candidate) -> bool:
        """True if a candidate has a place in the unit cube."""
        return all(domain.contains(candidate.as_dict()[name]) for name, domain in self._domains.items())

    def bring_inside(self, candidate: Candidate) -> Candidate:
        """The candidate if it may be trained, or else one near it that may be."""
        return candidate if self._limits is None else self._limits.repair(candidate, self)

    @property
    def full_domains(self) -> Mapping[str, Domain]:
        """Every dimension with its full domain: ours in the order of declaration, then those of plug-ins' families."""
        return self._full

    @property
    def domains(self) -> Mapping[str, Domain]:
        """Every dimension with its narrowed domain, in the order of `full_domains`."""
        return self._domains

    @property
    def searched(self) -> Mapping[str, Domain]:
        """The dimensions that the preset searches or the user names, in the order of declaration: the unit cube."""
        return self._searched

    @property
    def has_start(self) -> bool:
        """Whether the values to start with were chosen for a dataset."""
        return bool(self._start)

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
        """The candidate to start with: the closest to the defaults of `Architecture` and `Recipe`, and to `start`."""
        return self.complete(self._start)

    def sample(self, generator: np.random.Generator) -> Candidate:
        """A candidate drawn uniformly in the unit cube, repaired."""
        return self.decode(generator.random(len(self._searched)))

    def encode(self, candidate: Candidate) -> np.ndarray:
        """The candidate as a point of the unit cube, shape (num_searched,), in the order of `searched`.

        Raises:
            ValueError: if the candidate is outside this space; the message names the dimension.
        """
        place = {}
        for name, value in self.list_values(candidate).items():
            try:
                place[name] = self._domains[name].to_unit(value)
            except ValueError as error:
                raise ValueError(f"dimension '{name}' {error}") from None
        return np.array([place[name] for name in self._searched])

    def list_values(self, candidate: Candidate) -> dict[str, Value]:
        """A value for every dimension of this space: those that the candidate's family lacks are at rest.

        Raises:
            ValueError: if the candidate has a dimension that this space lacks.
        """
        values = candidate.as_dict()
        for name in values.keys() - self._domains.keys():
            raise ValueError(f"dimension '{name}' is none of this space")
        return self._resting | values

    def decode(self, unit: np.ndarray) -> Candidate:
        """The repaired candidate at a point of the unit cube, shape (num_searched,)."""
        return self.complete(
            {
                name: domain.from_unit(float(place))
                for (name, domain), place in zip(self._searched.items(), unit, strict=True)
            }
        )

    def read_value(self, name: str, value: object) -> Value:
        """A value of a dimension as the user typed it, in the type of the dimension.

        Raises:
            ValueError: if the dimension is unknown, or does not hold the value in this space, or for a list of values.
        """
        _check_name(name, self._domains)
        if isinstance(value, list | tuple):
            raise ValueError(f"dimension '{name}' needs one value here, got {list(value)}")
        try:
            domain = self._domains[name].restrict(name_switch(value))
        except ValueError as error:
            raise ValueError(f"dimension '{name}' {error}") from None
        return domain.from_unit(0.5)

    def complete(self, values: Mapping[str, Value]) -> Candidate:
        """The repaired candidate with these values; missing dimensions take the values of `default()`."""
        return self.repair(self._build({**self._resting, **values}))

    def canonical(self, candidate: Candidate) -> Candidate:
        """The same network and training, with every dimension that has no effect at its resting value.

        Two candidates of this space that build the same network become equal. A second call changes nothing. See
        `paretoseg.spaces.canonical`.
        """
        values = candidate.as_dict() | {name: self._resting[name] for name in candidate.recipe.unused}
        return Candidate.from_dict(canonicalise(values, self._resting, self._domains))

    def _build(self, values: Mapping[str, Value]) -> Candidate:
        """The candidate with these values, without the dimensions that its family lacks."""
        if not self._own:
            return Candidate.from_dict(values)
        lacking = self._own.difference(_list_names(find_kind(str(values["family"]))))
        return Candidate.from_dict({name: value for name, value in values.items() if name not in lacking})

    def repair(self, candidate: Candidate) -> Candidate:
        """The nearest possible candidate, canonical: changes the patch, then the depth, then the family until they fit.

        Repairing twice changes nothing.
        """
        patch = candidate.recipe.patch
        for shape in self._shapes(candidate.architecture):
            patches = self._fitting_patches(shape)
            if patches:
                fitting_patch = min(patches, key=lambda other: (abs(other - patch), other))
                return self.canonical(Candidate(shape, dataclasses.replace(candidate.recipe, patch=fitting_patch)))
        raise AssertionError("the constructor refuses a space without a possible network")

    def enumerate(self) -> Iterator[Candidate]:
        """Yields every distinct candidate of a finite space; the last dimension varies fastest.

        Raises:
            ValueError: if the space is infinite.
        """
        if not math.isfinite(self.num_candidates):
            raise ValueError("a space with a continuous dimension cannot be listed")
        seen: set[Candidate] = set()
        for values in itertools.product(*(list_values(domain) for domain in self._searched.values())):
            candidate = self.complete(dict(zip(self._searched, values, strict=True)))
            if candidate not in seen:
                seen.add(candidate)
                yield candidate

    def _read_start(self, name: str, value: object) -> Value:
        try:
            return self.read_value(name, value)
        except ValueError as error:
            raise ValueError(f"space.start_{name}: {error}; change it, or leave it out") from None

    def _shapes(self, wanted: Architecture) -> Iterator[Architecture]:
        """Yields the architecture in all depths and families of this space, nearest depth of its own family first."""
        others = [self._resting["family"], *list_values(self._domains["family"])]
        for family in dict.fromkeys([wanted.family, *map(str, others)]):
            if family != wanted.family:
                shared = {name: getattr(wanted, name) for name in _NAMES[Architecture]}
                wanted = self._build({**self._resting, **shared, "family": family}).architecture
            if "depth" not in find_used_dimensions(family):
                yield wanted
                continue
            depths = [int(depth) for depth in list_values(self._domains["depth"])]
            for depth in sorted(depths, key=lambda other: (abs(other - wanted.depth), other)):
                if depth >= MIN_DEPTHS.get(family, 2):
                    yield dataclasses.replace(wanted, depth=depth)

    def _fitting_patches(self, shape: Architecture) -> list[int]:
        if shape.family in PLANNED:
            return self._patches  # it has its own
        stride, least = shape.total_stride, shape.smallest_extent
        return [patch for patch in self._patches if patch % stride == 0 and patch >= least]

    def _find_resting(self, name: str, domain: Domain) -> Value:
        """The default of a dimension, or the value nearest to it in a narrowed domain."""
        default = self._defaults[name]
        return default if domain.contains(default) else find_nearest(domain, self._full[name], default)


def _restrict(name: str, full: Domain, requested: object) -> Domain:
    """The part of a dimension's domain that the user asks for."""
    if requested == EVERYTHING and not full.contains(EVERYTHING):
        return OPENED.get(name, full)
    try:
        return full.restrict(name_switch(requested))
    except ValueError as error:
        raise ValueError(f"dimension '{name}' {error}") from None
