"""The effects of seeds: found where they are, nothing where there is no evidence, unbiased."""

from __future__ import annotations

import numpy as np
import pytest

from paretoseg.search.candidates.seed_effects import fit_seed_effects

NOISE = np.array([[0.02**2, -0.0001], [-0.0001, 0.01**2]])


def draw(
    generator: np.random.Generator, num_candidates: int, num_seeds: int, blocks: np.ndarray, kept: float
) -> np.ndarray:
    """Values of candidates, each with its first seed in rotation and some with further ones."""
    means = generator.normal(0.8, 0.05, (num_candidates, 1, 2))
    noise = generator.multivariate_normal([0, 0], NOISE, (num_candidates, num_seeds))
    values = means + blocks + noise
    is_known = generator.random((num_candidates, num_seeds)) < kept
    is_known[np.arange(num_candidates), np.arange(num_candidates) % num_seeds] = True
    return np.where(is_known[:, :, None], values, np.nan)


def test_without_replicates_nothing_is_known() -> None:
    found = fit_seed_effects(draw(np.random.default_rng(0), 12, 3, np.zeros((3, 2)), kept=0.0))
    assert found.covariance is None
    assert found.dof == 0
    assert not found.blocks.any()


def test_a_single_pair_in_which_one_seed_differs_gives_no_degree_of_freedom() -> None:
    values = np.full((2, 2, 1), np.nan)
    values[0] = [[0.8], [0.9]]
    values[1, 0] = 0.7
    assert fit_seed_effects(values).covariance is None


def test_the_covariance_is_unbiased() -> None:
    generator = np.random.default_rng(1)
    blocks = np.array([[0.05, 0.0], [0.0, 0.02], [-0.05, -0.02]])
    found = [fit_seed_effects(draw(generator, 20, 3, blocks, kept=0.3)) for _ in range(400)]
    mean = np.mean([one.covariance for one in found], axis=0)
    assert mean == pytest.approx(NOISE, rel=0.08, abs=1e-6)


def test_the_residuals_are_those_of_ordinary_least_squares() -> None:
    values = draw(np.random.default_rng(2), 15, 4, np.zeros((4, 2)), kept=0.5)
    several = (~np.isnan(values[:, :, 0])).sum(axis=1) >= 2
    rows = [(c, s) for c in np.flatnonzero(several) for s in range(4) if not np.isnan(values[c, s, 0])]
    design = np.zeros((len(rows), 15 + 4))
    for place, (candidate, seed) in enumerate(rows):
        design[place, candidate] = design[place, 15 + seed] = 1.0
    measured = np.array([values[row] for row in rows])
    left = measured - design @ np.linalg.lstsq(design, measured, rcond=None)[0]
    dof = len(rows) - np.linalg.matrix_rank(design)
    found = fit_seed_effects(values)
    assert found.dof == dof
    assert found.covariance == pytest.approx(left.T @ left / dof)


def test_effects_of_seeds_are_found_where_they_are_and_shrunk_where_they_are_not() -> None:
    generator = np.random.default_rng(3)
    blocks = np.array([[0.06, 0.0], [0.0, 0.0], [-0.06, 0.0]])
    found = np.array([fit_seed_effects(draw(generator, 30, 3, blocks, kept=0.4)).blocks for _ in range(100)])
    assert found.mean(axis=0) == pytest.approx(blocks, abs=0.004)
    # The second objective has no effect of seeds: what is found is less than half of what it would be unshrunk.
    assert np.sqrt((found[:, :, 1] ** 2).mean()) < 0.5 * 0.01 / np.sqrt(12)


def test_correcting_for_seeds_brings_candidates_nearer_to_the_truth() -> None:
    generator = np.random.default_rng(4)
    blocks = np.array([[0.05, 0.03], [0.0, 0.0], [-0.05, -0.03]])
    raw, corrected = [], []
    for _ in range(50):
        means = generator.normal(0.8, 0.05, (30, 1, 2))
        values = means + blocks + generator.multivariate_normal([0, 0], NOISE, (30, 3))
        is_known = (np.arange(30)[:, None] % 3 == np.arange(3)) | (generator.random((30, 3)) < 0.3)
        values = np.where(is_known[:, :, None], values, np.nan)
        found = fit_seed_effects(values)
        raw.append(np.nanmean(values, axis=1) - means[:, 0])
        corrected.append(np.nanmean(values - found.blocks, axis=1) - means[:, 0])
    assert np.square(corrected).mean() < 0.5 * np.square(raw).mean()
