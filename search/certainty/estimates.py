"""Intervals of an objective and of the difference of two candidates, over training seeds and subjects.

The scores of a candidate form a table of seeds by subjects. Both are random and crossed: another seed moves a whole
row, another subject a whole column. The variance of the mean is that of row means over the number of rows, plus that
of column means over the number of columns. The rest of the table is contained in both, which makes an interval slightly
too wide. Its degrees of freedom are Satterthwaite's (Biometrics Bulletin 2, 1946).

A candidate of few seeds borrows the variance that all candidates of the study show together. Its own variance counts by
its degrees of freedom, as in the moderated t of Smyth (Statistical Applications in Genetics and Molecular Biology 3,
2004): candidates differ in how much a seed does to them, so what is borrowed counts as `MOST_BORROWED` degrees at most.

The interval of an objective is that of its logit, transformed back: it stays in (0, 1), and is longer on the side where
scores have their tail. The methods were chosen by simulation, `benchmarks/certainty.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from paretoseg.search.candidates.seed_effects import SeedEffects
from paretoseg.search.certainty.coverage import Kind, find_coverage

NOMINAL = 0.95
"""Nominal coverage of an interval, two-sided."""

LEAST_SUBJECTS = 2
"""The smallest number of subjects that shows a spread."""

MOST_BORROWED = 8.0
"""Degrees of freedom that the variance of all candidates counts for, at most, beside that of one candidate."""


@dataclass(frozen=True)
class SeedVariance:
    """How far single trainings spread, as the candidates of a study show together."""

    variance: float
    """Of the objective of one training, or of the difference of two trainings under one seed."""

    dof: float
    """Degrees of freedom; above 0."""


@dataclass(frozen=True)
class VariancePart:
    """A part of the variance of a mean."""

    variance: float
    dof: float


@dataclass(frozen=True)
class Estimate:
    """An objective, or a difference of two, with its interval; in the unit of the objective."""

    value: float
    low: float
    high: float
    """The bounds of the interval of nominally 95 percent."""

    seeds: VariancePart
    subjects: VariancePart
    """What seeds and subjects contribute to the variance of the value."""

    coverage: float | None
    """How often such an interval holds the truth in simulations, in [0, 1], where that is under .93; else None."""

    @property
    def error(self) -> float:
        """Standard error of the value."""
        return math.sqrt(self.seeds.variance + self.subjects.variance)

    @property
    def dof(self) -> float:
        """Satterthwaite's degrees of freedom; infinite without any variance."""
        return find_dof(self.seeds, self.subjects)


def pool_seeds(effects: SeedEffects, place: int) -> SeedVariance | None:
    """What `estimate` may borrow for one objective: deviations of single trainings and the seeds' common effects.

    Args:
        effects: Of all candidates of the study.
        place: Column of the objective.

    Returns:
        None if no candidate shows what a seed does.
    """
    if effects.covariance is None:
        return None
    own = VariancePart(float(effects.covariance[place, place]), float(effects.dof))
    common = effects.blocks[:, place]
    shared = VariancePart(float(common.var(ddof=1)) if common.size > 1 else 0.0, float(max(common.size - 1, 1)))
    dof = find_dof(own, shared)
    return SeedVariance(own.variance + shared.variance, dof if math.isfinite(dof) else own.dof)


def pool_differences(effects: SeedEffects, place: int) -> SeedVariance | None:
    """What `compare` may borrow: two deviations; what a seed does to all candidates cancels.

    Args:
        effects: Of all candidates of the study.
        place: Column of the objective.

    Returns:
        None if no candidate shows what a seed does.
    """
    if effects.covariance is None:
        return None
    return SeedVariance(2.0 * float(effects.covariance[place, place]), float(effects.dof))


def estimate(
    table: Float[np.ndarray, "seeds subjects"], pooled: SeedVariance | None = None, *, is_tail: bool = False
) -> Estimate | None:
    """An objective in [0, 1], expected over training seeds and subjects, with its interval.

    Args:
        table: What every subject contributes under every seed; its mean is the objective. `contributions.py`
            has them for objectives that are no means, and for minima and tails.
        pooled: What the candidates of the study show together about seeds, by `pool_seeds`.
        is_tail: Whether it looks at the worst cases alone; the interval then carries another coverage.

    Returns:
        None, for unknown, with one subject, or with one seed and nothing to borrow.
    """
    parts = _find_parts(table, pooled)
    if parts is None:
        return None
    num_seeds, num_subjects = table.shape
    coverage = find_coverage(Kind.OBJECTIVE, num_seeds, num_subjects, pooled is not None, is_tail=is_tail)
    return _bound(float(table.mean()), *parts, coverage, Kind.OBJECTIVE)


def compare(
    first: Float[np.ndarray, "seeds subjects"],
    second: Float[np.ndarray, "seeds subjects"],
    pooled: SeedVariance | None = None,
    *,
    is_tail: bool = False,
) -> Estimate | None:
    """The first candidate's objective minus the second's, with the interval of the paired difference.

    Args:
        first: What every subject contributes under every seed.
        second: The same of the second candidate, under the same seeds and subjects in the same order.
        pooled: What the candidates of the study show together about seeds, by `pool_differences`.
        is_tail: Whether the objective looks at the worst cases alone; the interval then carries another coverage.

    Returns:
        None, for unknown, with one subject, or with one seed and nothing to borrow.
    """
    table = first - second
    parts = _find_parts(table, pooled)
    if parts is None:
        return None
    num_seeds, num_subjects = table.shape
    coverage = find_coverage(Kind.DIFFERENCE, num_seeds, num_subjects, pooled is not None, is_tail=is_tail)
    return _bound(float(table.mean()), *parts, coverage, Kind.DIFFERENCE)


def find_seed_part(by_seed: Float[np.ndarray, " seeds"], pooled: SeedVariance | None) -> VariancePart | None:
    """What seeds contribute to the variance of the mean over them; None with one seed and nothing to borrow."""
    own_dof = by_seed.size - 1.0
    borrowed = 0.0 if pooled is None else min(pooled.dof, MOST_BORROWED)
    if own_dof + borrowed <= 0.0:
        return None
    squares = float(((by_seed - by_seed.mean()) ** 2).sum())
    squares += 0.0 if pooled is None else borrowed * pooled.variance
    return VariancePart(squares / (own_dof + borrowed) / by_seed.size, own_dof + borrowed)


def find_dof(*parts: VariancePart) -> float:
    """Satterthwaite's degrees of freedom of a sum of variances; infinite if all are 0."""
    total = sum(part.variance for part in parts)
    return total**2 / sum(part.variance**2 / part.dof for part in parts) if total > 0.0 else math.inf


def _find_parts(
    table: Float[np.ndarray, "seeds subjects"], pooled: SeedVariance | None
) -> tuple[VariancePart, VariancePart] | None:
    seeds = find_seed_part(table.mean(axis=1), pooled)
    by_subject = table.mean(axis=0)
    if seeds is None or by_subject.size < LEAST_SUBJECTS:
        return None
    return seeds, VariancePart(float(by_subject.var(ddof=1)) / by_subject.size, by_subject.size - 1.0)


def _bound(value: float, seeds: VariancePart, subjects: VariancePart, coverage: float | None, kind: Kind) -> Estimate:
    # Late, as loading it takes long, and what was computed before can be shown without it.
    from scipy.special import expit, logit, stdtrit

    error, dof = math.sqrt(seeds.variance + subjects.variance), find_dof(seeds, subjects)
    half = float(stdtrit(dof, (1.0 + NOMINAL) / 2.0)) * error if error > 0.0 else 0.0
    low, high = value - half, value + half
    if kind is Kind.OBJECTIVE and 0.0 < value < 1.0:
        half /= value * (1.0 - value)
        low, high = float(expit(logit(value) - half)), float(expit(logit(value) + half))
    return Estimate(value, low, high, seeds, subjects, coverage)
