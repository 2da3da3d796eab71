"""What a training seed does: to all candidates alike, and to each one on its own.

A candidate c under seed s scores y_cs = m_c + b_s + e_cs. The block effect b_s is common to all candidates that ran
under the seed, as when it draws weights that learn badly. The deviation e_cs is that of one training. Candidates have
run under some of the seeds only, so the design is that of incomplete blocks with recovery of inter-block information
(Yates, Annals of Eugenics 10, 1940; Searle, Casella and McCulloch, Variance components, 1992, chapter 7).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

_LEAST_BETWEEN = 1e-3
"""Smallest variance between candidates, in units of that within them."""


@dataclass(frozen=True, eq=False)
class SeedEffects:
    """What the seeds of a study do to its candidates."""

    blocks: Float[np.ndarray, "seeds objectives"]
    """What each seed adds to every candidate, shrunk towards 0 by how little is known of it; 0 without replicates."""

    covariance: Float[np.ndarray, "objectives objectives"] | None
    """Of the deviations of single trainings, pooled over all candidates with several seeds; None if there are none."""

    dof: int
    """Degrees of freedom of the covariance."""


def fit_seed_effects(values: Float[np.ndarray, "candidates seeds objectives"]) -> SeedEffects:
    """The effects of the seeds, from every candidate's values under the seeds that it ran with.

    Args:
        values: NaN where a candidate did not run with a seed; finite or NaN in all objectives together.
    """
    num_seeds, num_objectives = values.shape[1:]
    is_known = ~np.isnan(values).any(axis=2)
    several = is_known.sum(axis=1) >= 2
    nothing = SeedEffects(np.zeros((num_seeds, num_objectives)), None, 0)
    if not several.any():
        return nothing
    residuals, dof = _find_residuals(values[several], is_known[several])
    if dof < 1:
        return nothing
    covariance = residuals.T @ residuals / dof
    columns = np.where(is_known[:, :, None], values, 0.0)
    blocks = [
        _find_blocks(columns[:, :, place], is_known, float(covariance[place, place])) for place in range(num_objectives)
    ]
    return SeedEffects(np.stack(blocks, axis=1), covariance, dof)


def _find_residuals(
    values: Float[np.ndarray, "candidates seeds objectives"], is_known: Bool[np.ndarray, "candidates seeds"]
) -> tuple[Float[np.ndarray, "values objectives"], int]:
    """What is left of the values without candidate and seed, by least squares, and its degrees of freedom."""
    known = is_known.astype(float)
    count = known.sum(axis=1)
    means = np.where(is_known[:, :, None], values, 0.0).sum(axis=1) / count[:, None]
    deviations = np.where(is_known[:, :, None], values - means[:, None], 0.0)
    information = np.diag(known.sum(axis=0)) - known.T @ (known / count[:, None])
    blocks = np.linalg.pinv(information, hermitian=True) @ deviations.sum(axis=0)
    shared = (known @ blocks) / count[:, None]
    residuals = (deviations - blocks + shared[:, None])[is_known]
    return residuals, len(residuals) - len(values) - int(np.linalg.matrix_rank(information, hermitian=True))


def _find_blocks(
    values: Float[np.ndarray, "candidates seeds"], is_known: Bool[np.ndarray, "candidates seeds"], variance: float
) -> Float[np.ndarray, " seeds"]:
    """The seeds' common effects: generalised least squares with random candidates, then shrunk by empirical Bayes.

    Args:
        values: 0 where not known.
        is_known: Which candidate ran with which seed.
        variance: Of the deviation of one training.
    """
    known = is_known.astype(float)
    count, num_seeds = known.sum(axis=1), known.shape[1]
    ran = count > 0
    sums, count, known, values = values.sum(axis=1)[ran], count[ran], known[ran], values[ran]
    between = float(np.var(sums / count, ddof=1)) - variance * float(np.mean(1.0 / count)) if len(sums) > 1 else 0.0
    if variance <= 0.0:
        return np.zeros(num_seeds)
    ratio = variance / max(between, _LEAST_BETWEEN * variance)
    weights = known / (count + ratio)[:, None]
    inverse = np.linalg.pinv(np.diag(known.sum(axis=0)) - known.T @ weights, hermitian=True)
    centre = np.eye(num_seeds) - 1.0 / num_seeds
    found = centre @ inverse @ (values.sum(axis=0) - weights.T @ sums)
    errors = variance * np.diag(centre @ inverse @ centre)
    common = max(0.0, float(found @ found - errors.sum())) / num_seeds
    kept: np.ndarray = np.divide(common, common + errors, out=np.zeros(num_seeds), where=common + errors > 0.0)
    return np.asarray(found * kept)
