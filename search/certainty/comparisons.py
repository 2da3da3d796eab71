"""Verdicts on members of a front: which differ by more than noise, when many pairs are compared at once.

Every pair is compared in every objective, so among twenty comparisons without a difference one would seem to differ.
The intervals here are simultaneous: all of them hold the truth in 95 percent of studies. Their length follows from the
largest of correlated t statistics (max-t; Hothorn, Bretz and Westfall, Biometrical Journal 50, 2008), drawn with the
structure of the estimates: a member belongs to two neighbouring pairs, under the same seeds and subjects. The p-values
are Holm's (Scandinavian Journal of Statistics 6, 1979). A difference is more than noise if both say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from paretoseg.search.candidates.seed_effects import fit_seed_effects
from paretoseg.search.certainty.confirming import LEAST_SEEDS
from paretoseg.search.certainty.estimates import (
    LEAST_SUBJECTS,
    NOMINAL,
    Estimate,
    SeedVariance,
    compare,
    pool_differences,
)

NUM_DRAWS = 10_000
"""Number of draws of the largest statistic."""


@dataclass(frozen=True)
class Verdict:
    """Whether two members differ in one objective."""

    first: int
    second: int
    """Positions of the members."""

    objective: str

    estimate: Estimate
    """The first minus the second, with the interval of this difference alone."""

    low: float
    high: float
    """The simultaneous interval."""

    p_value: float
    """Holm's, over all verdicts together."""

    @property
    def is_more_than_noise(self) -> bool:
        """Whether the difference remains after correction for all comparisons."""
        return (self.low > 0.0 or self.high < 0.0) and self.p_value <= 1.0 - NOMINAL


@dataclass(frozen=True)
class _Pair:
    """A comparison on the way to its verdict."""

    first: int
    second: int
    objective: str
    estimate: Estimate
    is_common: Bool[np.ndarray, " seeds"]
    by_subject: Float[np.ndarray, " subjects"]


def judge(
    tables: Mapping[str, Float[np.ndarray, "members seeds _"]],
    pairs: Sequence[tuple[int, int]],
    generator: np.random.Generator,
    pooled: Mapping[str, SeedVariance | None] | None = None,
) -> tuple[Verdict, ...]:
    """The verdicts on pairs of members, corrected for all of them together.

    Args:
        tables: By objective, what every subject contributes to every member's objective under every seed, as for
            `estimate`; NaN where a member did not run with a seed. Objectives may have different subjects.
        pairs: Positions of the members to compare, such as neighbours and ends; one listed twice counts once.
        generator: Source of the draws.
        pooled: By objective, what the candidates of the study show together about seeds, by `pool_differences`. Without
            it, the members' own trainings are pooled: with three seeds, those of a single pair say too little.

    Returns:
        One verdict a pair and objective, in the order of pairs; none for pairs with fewer than `LEAST_SEEDS` common
        seeds or fewer than two subjects.
    """
    borrowed = {name: (pooled or {}).get(name) or _pool(table) for name, table in tables.items()}
    found = [
        pair
        for first, second in dict.fromkeys(pairs)
        for objective, table in tables.items()
        if (pair := _compare(table, first, second, objective, borrowed[objective])) is not None
    ]
    if not found:
        return ()
    largest = _draw_largest(found, len(next(iter(tables.values()))), generator)
    critical = float(np.quantile(largest, NOMINAL))
    p_values = _adjust([_find_p_value(pair) for pair in found])
    return tuple(_conclude(pair, critical, p_value) for pair, p_value in zip(found, p_values, strict=True))


def _pool(table: Float[np.ndarray, "members seeds subjects"]) -> SeedVariance | None:
    return pool_differences(fit_seed_effects(table.mean(axis=2, keepdims=True)), 0)


def _compare(
    table: Float[np.ndarray, "members seeds subjects"],
    first: int,
    second: int,
    objective: str,
    pooled: SeedVariance | None,
) -> _Pair | None:
    is_common = ~np.isnan(table[[first, second]]).any(axis=(0, 2))
    if is_common.sum() < LEAST_SEEDS or table.shape[2] < LEAST_SUBJECTS:
        return None
    one, other = table[first, is_common], table[second, is_common]
    estimate = compare(one, other, pooled)
    assert estimate is not None
    return _Pair(first, second, objective, estimate, is_common, (one - other).mean(axis=0))


def _draw_largest(
    pairs: Sequence[_Pair], num_members: int, generator: np.random.Generator
) -> Float[np.ndarray, " draws"]:
    """The largest absolute statistic of all pairs where no member differs from another.

    Objectives are drawn independently of each other. They are not, which makes the largest a little too large.
    """
    largest = np.zeros(NUM_DRAWS)
    for objective in dict.fromkeys(pair.objective for pair in pairs):
        some = [pair for pair in pairs if pair.objective == objective and pair.estimate.error > 0.0]
        if not some:
            continue
        contrasts = np.stack([_find_contrast(pair, num_members) for pair in some])
        centred = np.stack([pair.by_subject - pair.by_subject.mean() for pair in some])
        top, bottom = np.zeros((2, NUM_DRAWS, len(some)))
        for part, rows in (("seeds", contrasts), ("subjects", centred)):
            found = [getattr(pair.estimate, part) for pair in some]
            variance, dof = np.array([[one.variance, one.dof] for one in found]).T
            length = np.linalg.norm(rows, axis=1, keepdims=True)
            rows = np.divide(rows, length, out=np.zeros_like(rows), where=length > 0.0)
            top += generator.normal(size=(NUM_DRAWS, rows.shape[1])) @ rows.T * np.sqrt(variance)
            bottom += variance * generator.chisquare(dof, size=bottom.shape) / dof
        largest = np.maximum(largest, (np.abs(top) / np.sqrt(bottom)).max(axis=1))
    return largest


def _find_contrast(pair: _Pair, num_members: int) -> Float[np.ndarray, " trainings"]:
    """How the trainings of all members and seeds enter the difference of a pair."""
    weights = np.zeros((num_members, pair.is_common.size))
    weights[pair.first, pair.is_common] = 1.0
    weights[pair.second, pair.is_common] = -1.0
    return weights.ravel()


def _find_p_value(pair: _Pair) -> float:
    """Two-sided, of this comparison alone."""
    if pair.estimate.error == 0.0:
        return 1.0 if pair.estimate.value == 0.0 else 0.0
    # Late, as loading it takes long, and what was computed before can be shown without it.
    from scipy.special import stdtr

    return 2.0 * float(stdtr(pair.estimate.dof, -abs(pair.estimate.value) / pair.estimate.error))


def _adjust(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment, in the same order."""
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    stepped = np.minimum(1.0, np.maximum.accumulate(factors * np.array(p_values)[order]))
    adjusted = np.empty(len(p_values))
    adjusted[order] = stepped
    return [float(one) for one in adjusted]


def _conclude(pair: _Pair, critical: float, p_value: float) -> Verdict:
    half, value = critical * pair.estimate.error, pair.estimate.value
    return Verdict(pair.first, pair.second, pair.objective, pair.estimate, value - half, value + half, p_value)
