"""The conditions of a measurement: clean images, corruptions at their severities, shift sets. Free of torch."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, TypeVar, runtime_checkable

from paretoseg.trainables.seeds import derive_seed
from paretoseg.trainables.severities.levels import SeverityTable, default_strengths
from paretoseg.trainables.trainable import CLEAN, CLEAN_CONDITION, Condition


@runtime_checkable
class _Named(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def domain(self) -> str: ...


_Case = TypeVar("_Case", bound=_Named)

LeftOut: TypeAlias = frozenset[tuple[Condition, str]]
"""Conditions, each with the name of a case that is not measured under it."""


@dataclass(frozen=True)
class MeasuringRules:
    """How cases are corrupted, and where masks are scored; the defaults are those of new studies."""

    is_native: bool = True
    """Whether masks are scored on the grid of the raw file, or on the prepared one."""

    corrupts_before_scaling: bool = True
    """Whether images are corrupted before they are scaled to [0, 1] and cropped."""

    corruption_version: int = 2
    """See `task.corruption_version`."""

    @property
    def knows_only_prepared(self) -> bool:
        """Whether corruptions get the scaled and cropped image, and its grid is the only one, as in earlier studies."""
        return not (self.is_native or self.corrupts_before_scaling)


@dataclass(frozen=True)
class Battery:
    """All conditions of a measurement, with the seed of their random draws."""

    conditions: tuple[Condition, ...]
    seed: int

    strengths: SeverityTable = field(default_factory=default_strengths)
    """The strength of each corruption at severity 1 to 5."""

    has_gate: bool = True
    """Whether a network that is measured on clean images is also checked for degeneracy."""

    rules: MeasuringRules = MeasuringRules()
    """How cases are corrupted, and where masks are scored."""

    num_cases: int = 0
    """How many cases are corrupted, and how many of every shift set are measured; 0 for all."""

    clean_names: frozenset[str] = frozenset()
    """The cases like those in training whose clean images are measured; empty for all."""

    changed_names: frozenset[str] = frozenset()
    """The cases that are corrupted, and those of shift sets that are measured; empty to draw `num_cases` of each."""

    left_out: LeftOut = frozenset()
    """The cases that no network is measured on under a condition, because a class would be moved out of their image."""

    @property
    def corruptions(self) -> tuple[str, ...]:
        """The corruptions among the conditions, in their order."""
        return tuple(dict.fromkeys(item.corruption for item in self.conditions if item.corruption != CLEAN))

    def choose_cases(self, cases: Sequence[_Case], condition: Condition) -> list[_Case]:
        """The cases to measure under a condition, in their given order: the same for every network.

        A case that is left out is not replaced by another one.
        """
        if condition == CLEAN_CONDITION:
            return [case for case in cases if not self.clean_names or case.name in self.clean_names]
        named = [case for case in cases if case.name in self.changed_names]
        drawn = named if self.changed_names else draw_subset(cases, self.num_cases, self.seed)
        return [case for case in drawn if (condition, case.name) not in self.left_out]

    @classmethod
    def of(
        cls,
        corruptions: Sequence[str],
        severities: Sequence[int],
        seed: int,
        *,
        strengths: SeverityTable | None = None,
        shifts: Sequence[str] = (),
        num_cases: int = 0,
        rules: MeasuringRules = MeasuringRules(),
    ) -> Battery:
        """Clean, then every corruption at every severity, then the clean images of every shift set."""
        pairs = [Condition(*pair) for pair in itertools.product(corruptions, severities)]
        conditions = (CLEAN_CONDITION, *pairs, *to_conditions(shifts))
        return cls(conditions, seed, strengths or default_strengths(), num_cases=num_cases, rules=rules)


def draw_subset(cases: Sequence[_Case], number: int, seed: int) -> list[_Case]:
    """A number of the cases, drawn by name, in their given order; all if the number is 0 or at least their count.

    One case of every domain is drawn first, so that the worst group over domains covers every domain. A smaller number
    draws a subset of what a larger one does.
    """
    if not 0 < number < len(cases):
        return list(cases)
    drawn = sorted(cases, key=lambda case: derive_seed("quick case", case.name, seed))
    firsts = {case.domain: case.name for case in reversed(drawn)}
    drawn.sort(key=lambda case: firsts[case.domain] != case.name)
    names = {case.name for case in drawn[:number]}
    return [case for case in cases if case.name in names]


def to_conditions(shifts: Sequence[str]) -> list[Condition]:
    """Every shift set with its uncorrupted images."""
    return [Condition(CLEAN, 0, shift) for shift in shifts]


def choose_quick(corruptions: Sequence[str], severities: Sequence[int], seed: int) -> list[Condition]:
    """Every corruption at one severity: a small part of the battery that is the same for all trials of a study.

    The seed assigns severities to corruptions, as evenly as possible. One severity of a corruption gets its whole
    weight, so this part is harder than the whole battery, and equally so for all trials.
    """
    drawn = sorted(corruptions, key=lambda name: derive_seed("quick severity", name, seed))
    levels = sorted(severities)
    start = derive_seed("quick start", seed) % len(levels) if levels else 0
    severity_of = {name: levels[(start + place) % len(levels)] for place, name in enumerate(drawn)}
    return [Condition(name, severity_of[name]) for name in corruptions]
