"""The intervals that were compared with those of `paretoseg.search.certainty.estimates`.

All take tables of shape (tables, seeds, subjects) and return lower and upper bounds, shape (tables,).
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit, ndtr, ndtri, stdtrit

from paretoseg.search.certainty.estimates import SeedVariance, compare, estimate

Bounds = tuple[np.ndarray, np.ndarray]
BOOTSTRAPS = 400


def use_seeds_alone(tables: np.ndarray) -> Bounds:
    """A t interval over the means of seeds; needs two seeds."""
    means = tables.mean(axis=2)
    half = stdtrit(means.shape[1] - 1, 0.975) * means.std(axis=1, ddof=1) / means.shape[1] ** 0.5
    return means.mean(axis=1) - half, means.mean(axis=1) + half


def find_crossed_parts(tables: np.ndarray, pooled: np.ndarray | None, dof: float, most: float) -> np.ndarray:
    """Mean, squared error and degrees of freedom, shape (3, tables); like `estimates`, for many tables at once."""
    by_seed, by_subject = tables.mean(axis=2), tables.mean(axis=1)
    num_seeds, num_subjects = tables.shape[1:]
    borrowed = 0.0 if pooled is None else min(dof, most)
    squares = ((by_seed - by_seed.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    squares = squares + (0.0 if pooled is None else borrowed * pooled)
    seeds_dof = num_seeds - 1 + borrowed
    seeds = squares / seeds_dof / num_seeds
    subjects = by_subject.var(axis=1, ddof=1) / num_subjects
    total = seeds + subjects
    found = total**2 / (seeds**2 / seeds_dof + subjects**2 / (num_subjects - 1))
    return np.stack([tables.mean(axis=(1, 2)), total, found])


def use_crossed(tables: np.ndarray, pooled: np.ndarray | None, dof: float, most: float = 8.0) -> Bounds:
    """A t interval with Satterthwaite's degrees of freedom over seeds and subjects."""
    mean, total, found = find_crossed_parts(tables, pooled, dof, most)
    half = stdtrit(found, 0.975) * total**0.5
    return mean - half, mean + half


def use_crossed_once(tables: np.ndarray, pooled: np.ndarray | None, dof: float, most: float = 8.0) -> Bounds:
    """The same without counting the rest of the table twice; needs two seeds."""
    mean, total, found = find_crossed_parts(tables, pooled, dof, most)
    rest = tables - tables.mean(axis=1, keepdims=True) - tables.mean(axis=2, keepdims=True) + mean[:, None, None]
    num_seeds, num_subjects = tables.shape[1:]
    rest_part = (rest**2).sum(axis=(1, 2)) / ((num_seeds - 1) * (num_subjects - 1)) / (num_seeds * num_subjects)
    half = stdtrit(found, 0.975) * np.sqrt(np.maximum(total - rest_part, 0.5 * total))
    return mean - half, mean + half


def use_logit(tables: np.ndarray, pooled: np.ndarray | None, dof: float, most: float = 8.0) -> Bounds:
    """The crossed t interval of the logit, transformed back."""
    mean, total, found = find_crossed_parts(tables, pooled, dof, most)
    half = stdtrit(found, 0.975) * total**0.5 / (mean * (1.0 - mean))
    return expit(logit(mean) - half), expit(logit(mean) + half)


def use_bootstrap(tables: np.ndarray, generator: np.random.Generator, *, is_accelerated: bool) -> Bounds:
    """Seeds, then subjects, resampled: percentiles, or BCa (Efron, JASA 82, 1987)."""
    _, num_seeds, num_subjects = tables.shape
    weights = [generator.multinomial(n, np.full(n, 1 / n), size=BOOTSTRAPS) / n for n in (num_seeds, num_subjects)]
    draws = np.sort(np.einsum("bs,tsi,bi->tb", weights[0], tables, weights[1], optimize=True), axis=1)
    levels = np.broadcast_to([[0.025, 0.975]], (len(tables), 2))
    if is_accelerated:
        mean = tables.mean(axis=(1, 2))[:, None]
        influence = [tables.mean(axis=2) - mean, tables.mean(axis=1) - mean]
        cubes = sum((one**3).sum(axis=1) / one.shape[1] ** 3 for one in influence)
        squares = sum((one**2).sum(axis=1) / one.shape[1] ** 2 for one in influence)
        speed = (cubes / (6.0 * squares**1.5))[:, None]
        bias = ndtri(np.clip((draws < mean).mean(axis=1), 1 / BOOTSTRAPS, 1 - 1 / BOOTSTRAPS))[:, None]
        moved = bias + ndtri(levels)
        levels = ndtr(bias + moved / (1.0 - speed * moved))
    places = np.clip(np.round(levels * (BOOTSTRAPS - 1)), 0, BOOTSTRAPS - 1).astype(int)
    found = np.take_along_axis(draws, places, axis=1)
    return found[:, 0], found[:, 1]


def use_posterior(tables: np.ndarray, others: np.ndarray, pooled: np.ndarray | None, dof: float) -> Bounds:
    """The normal posterior of a candidate among the others of its study (Morris, JASA 78, 1983).

    Args:
        tables: Of the candidates.
        others: Means of all candidates of each study, shape (tables, candidates).
        pooled: Variance of single trainings.
        dof: Its degrees of freedom.
    """
    mean, total, found = find_crossed_parts(tables, pooled, dof, 8.0)
    by_seed = total - tables.mean(axis=1).var(axis=1, ddof=1) / tables.shape[2]
    # What all candidates share moves their centre too, so only the rest can be shrunk.
    spread = np.maximum(others.var(axis=1, ddof=1) - by_seed, 1e-12)
    kept = spread / (spread + by_seed)
    centre = kept * mean + (1.0 - kept) * others.mean(axis=1)
    half = stdtrit(found, 0.975) * np.sqrt(total - by_seed + kept * by_seed)
    return centre - half, centre + half


def use_shipped(tables: np.ndarray, pooled: np.ndarray | None, dof: float, kind: str) -> Bounds:
    """The interval of `paretoseg.search.certainty.estimates`."""
    borrowed = [None] * len(tables) if pooled is None else [SeedVariance(float(one), dof) for one in pooled]
    nothing = np.zeros(tables.shape[1:])
    found = [
        estimate(table, one) if kind == "objective" else compare(table, nothing, one)
        for table, one in zip(tables, borrowed, strict=True)
    ]
    assert all(one is not None for one in found)
    return np.array([one.low for one in found]), np.array([one.high for one in found])  # type: ignore[union-attr]
