"""The one-factor neighbours of a candidate: the same network and training with one choice changed."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from paretoseg.spaces.domain import Domain, Float, Value
from paretoseg.spaces.search_space import Candidate, SearchSpace
from paretoseg.spaces.suggestion import suggest

STEP = 0.25
"""How far a continuous dimension moves, as a share of its range in the study, on its scale."""


@dataclass(frozen=True)
class Change:
    """A dimension with another value."""

    dimension: str
    before: Value
    after: Value

    def describe(self) -> str:
        """In words, such as 'skip: concatenation -> dense'."""
        return f"{self.dimension}: {self.before} -> {self.after}"


@dataclass(frozen=True)
class Neighbour:
    """A candidate with one choice changed."""

    candidate: Candidate
    """The neighbour itself."""

    change: Change
    """The choice that was changed."""

    further: tuple[Change, ...] = ()
    """What had to change with it so that the network is possible, in the order of declaration."""

    def describe(self) -> str:
        """In words, such as 'depth: 4 -> 5 (with patch: 32 -> 64)'."""
        also = ", ".join(change.describe() for change in self.further)
        return self.change.describe() + (f" (with {also})" if also else "")


def check_dimensions(space: SearchSpace, dimensions: Sequence[str]) -> None:
    """Checks that these dimensions can be changed.

    Raises:
        ValueError: for an unknown dimension, or one that the study does not search; the message lists those it does.
    """
    searched = ", ".join(space.searched)
    for name in dimensions:
        if name not in space.domains:
            raise ValueError(
                f"unknown dimension '{name}'; {suggest(name, space.searched)}the study searches {searched}"
            )
        if name not in space.searched:
            raise ValueError(f"the study does not search dimension '{name}'; it searches {searched}")


def find_neighbours(
    space: SearchSpace, candidate: Candidate, dimensions: Collection[str] | None = None
) -> list[Neighbour]:
    """The neighbours of a candidate in a space, each once; the architecture first, then in the order of declaration.

    A choice takes every other option, a whole number the next lower and the next higher one, and a continuous number
    moves by `STEP` down and up, no further than to its bounds. Each neighbour is repaired and canonical, so a change
    without any effect gives none, and one network is listed under the first choice that leads to it.

    Args:
        space: Of the study.
        candidate: A candidate of this space.
        dimensions: Those to change; None for all that the space searches.

    Raises:
        ValueError: if the candidate is outside of the space; the message names the dimension.
    """
    space.encode(candidate)
    found: dict[Candidate, Neighbour] = {}
    known = {candidate, space.repair(candidate)}
    values = candidate.as_dict()
    for name, domain in space.searched.items():
        for value in (
            _step(domain, values[name]) if name in values and (dimensions is None or name in dimensions) else ()
        ):
            moved = space.complete(values | {name: value})
            if moved not in known and moved not in found:
                found[moved] = _compare(candidate, moved, name)
    return list(found.values())


def choose_spread(neighbours: Sequence[Neighbour], most: int) -> tuple[list[Neighbour], list[Neighbour]]:
    """At most so many neighbours, and those that are left out; both in the given order.

    Every dimension gets one before any gets a second one.

    Args:
        neighbours: All of them.
        most: At least 1.
    """
    groups = itertools.groupby(neighbours, key=lambda one: one.change.dimension)
    ranked = [(rank, one.candidate) for _, group in groups for rank, one in enumerate(group)]
    chosen = {candidate for _, candidate in sorted(ranked, key=lambda item: item[0])[:most]}
    return (
        [one for one in neighbours if one.candidate in chosen],
        [one for one in neighbours if one.candidate not in chosen],
    )


def name_by_dimension(neighbours: Sequence[Neighbour]) -> tuple[str, ...]:
    """Neighbours in words, a text a dimension, such as 'skip: none, dense'."""
    groups: dict[str, list[str]] = {}
    for one in neighbours:
        groups.setdefault(one.change.dimension, []).append(str(one.change.after))
    return tuple(f"{name}: {', '.join(values)}" for name, values in groups.items())


def _step(domain: Domain, value: Value) -> Iterator[Value]:
    """The values next to a value, in ascending order or that of the options."""
    if not isinstance(domain, Float):
        yield from domain.neighbours(value)
        return
    place = domain.to_unit(value)
    for unit in (place - STEP, place + STEP):
        moved = domain.from_unit(unit)
        if moved != value:
            yield moved


def _compare(before: Candidate, after: Candidate, name: str) -> Neighbour:
    """What differs, the changed dimension first; if the repair took that back, the first that it changed instead."""
    old, new = before.as_dict(), after.as_dict()
    changes = [Change(other, old[other], new[other]) for other in old if other in new and old[other] != new[other]]
    main = next((change for change in changes if change.dimension == name), changes[0])
    return Neighbour(after, main, tuple(change for change in changes if change is not main))
