"""The probability that a candidate is on the front: over training seeds and subjects, for all candidates together.

The front is drawn many times. A draw takes the covariance of single trainings from its posterior, moves every
candidate by what its seeds and the subjects leave open, and sees which candidates no other dominates. The share of
draws in which a candidate is on the front becomes its probability by `recalibration.py`, which knows how often such
shares were right.

The best of many candidates are partly lucky, so what is drawn is shrunk towards the mean of all candidates by
multivariate empirical Bayes (Efron and Morris, Biometrika 59, 1972): the less, the better the candidates can be told
apart. Draws of the posterior are taken by conditioning draws of the prior (Matheron's rule; Journel and Huijbregts,
Mining geostatistics, 1978), so the subjects' part keeps its shape. The method was chosen by simulation,
`benchmarks/certainty.py`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from paretoseg.search.candidates.seed_effects import SeedEffects, fit_seed_effects
from paretoseg.search.certainty.estimates import MOST_BORROWED
from paretoseg.search.certainty.recalibration import recalibrate
from paretoseg.search.fronts.dominance import find_nondominated_in_draws

NUM_DRAWS = 2000
"""Number of drawn fronts."""

SURELY_ON, SURELY_OFF = 0.9, 0.1
"""A probability of at least the first is on the front, one of at most the second is dominated."""

LEAST_TO_SHRINK = 8
"""The smallest number of candidates that shows how candidates spread."""


LEAST_BETWEEN = 0.1
"""Smallest variance of candidates' expectations in any direction, in units of that of their noise."""


class State(enum.Enum):
    """What the probability says."""

    ON_FRONT = "on the front"
    UNDECIDED = "undecided"
    DOMINATED = "dominated"

    @staticmethod
    def of(probability: float) -> State:
        """What a probability of being on the front, in [0, 1], says."""
        if probability >= SURELY_ON:
            return State.ON_FRONT
        return State.DOMINATED if probability <= SURELY_OFF else State.UNDECIDED


@dataclass(frozen=True, eq=False)
class Membership:
    """How sure it is which candidates are on the front."""

    probabilities: Float[np.ndarray, " candidates"]
    """That the candidate is on the front, in [0, 1]; of a hundred candidates given .9, about 90 are on it."""

    shares: Float[np.ndarray, " candidates"]
    """Of the drawn fronts, those that hold the candidate, in [0, 1]."""

    @property
    def states(self) -> tuple[State, ...]:
        """Of every candidate."""
        return tuple(map(State.of, self.probabilities.tolist()))


def find_membership(
    values: Float[np.ndarray, "candidates seeds objectives"],
    subject_draws: Float[np.ndarray, "draws candidates objectives"] | None,
    generator: np.random.Generator,
    *,
    effects: SeedEffects | None = None,
    further: Int[np.ndarray, " candidates"] | None = None,
) -> Membership | None:
    """The probability of every candidate to be on the front of the expected losses.

    Args:
        values: Losses, lower is better, of every candidate under the seeds that it ran with; NaN where it did not.
            Every candidate has run with one at least.
        subject_draws: How far the candidates' losses move in each resampling of the subjects, the same resampling for
            all candidates, or None to leave subjects out. Of n subjects, multiplied by sqrt(n / (n - 1)), because
            resampling moves them too little. What moves all candidates alike cancels, and so does the mean of all
            draws; draws in which a candidate is NaN are left out.
        generator: Source of the draws.
        effects: Of the seeds, if they are known already; computed from the values otherwise.
        further: How many further seeds each candidate is imagined to have had, with the same mean.

    Returns:
        None, for unknown, if no candidate shows what a seed does, or no draw of subjects is left.
    """
    drawn = draw_losses(values, subject_draws, generator, effects=effects, further=further)
    if drawn is None:
        return None
    shares = find_nondominated_in_draws(drawn).mean(axis=0)
    count = _count_seeds(values, further)
    return Membership(recalibrate(shares, count, is_shrunk=len(values) >= LEAST_TO_SHRINK), shares)


def draw_losses(
    values: Float[np.ndarray, "candidates seeds objectives"],
    subject_draws: Float[np.ndarray, "draws candidates objectives"] | None,
    generator: np.random.Generator,
    *,
    effects: SeedEffects | None = None,
    further: Int[np.ndarray, " candidates"] | None = None,
) -> Float[np.ndarray, "fronts candidates objectives"] | None:
    """Draws of the expected losses of all candidates together, from their posterior.

    Args and None as for `find_membership`.
    """
    effects = fit_seed_effects(values) if effects is None else effects
    draws = _read_subjects(values, subject_draws)
    if effects.covariance is None or not len(draws):
        return None
    varies = (np.diag(effects.covariance) > 0.0) | (draws != 0.0).any(axis=(0, 1))
    # An objective that nothing moves, such as parameters, is known: candidates may be equal in it.
    drawn: np.ndarray = np.repeat(np.nanmax(values, axis=1)[None], NUM_DRAWS, axis=0)
    if varies.any():
        noisy = SeedEffects(effects.blocks[:, varies], effects.covariance[np.ix_(varies, varies)], effects.dof)
        count = _count_seeds(values, further)
        drawn[:, :, varies] = _draw_varying(values[:, :, varies], draws[:, :, varies], noisy, count, generator)
    return drawn


def _count_seeds(
    values: Float[np.ndarray, "candidates seeds objectives"], further: Int[np.ndarray, " candidates"] | None
) -> Int[np.ndarray, " candidates"]:
    """Seeds of every candidate, with those that are imagined."""
    return np.asarray((~np.isnan(values[:, :, 0])).sum(axis=1) + (0 if further is None else further))


def _read_subjects(
    values: Float[np.ndarray, "candidates seeds objectives"],
    subject_draws: Float[np.ndarray, "draws candidates objectives"] | None,
) -> Float[np.ndarray, "known candidates objectives"]:
    """What is specific to candidates, in the draws that all have; 0 without draws."""
    if subject_draws is None:
        return np.zeros((1, len(values), values.shape[2]))
    known = subject_draws[~np.isnan(subject_draws).any(axis=(1, 2))]
    if not len(known):
        return np.asarray(known)
    specific = known - known.mean(axis=1, keepdims=True)
    return np.asarray(specific - specific.mean(axis=0))


def _draw_varying(
    values: Float[np.ndarray, "candidates seeds objectives"],
    subject_draws: Float[np.ndarray, "draws candidates objectives"],
    effects: SeedEffects,
    count: Int[np.ndarray, " candidates"],
    generator: np.random.Generator,
) -> Float[np.ndarray, "fronts candidates objectives"]:
    """Expected losses, in units of each objective's spread."""
    assert effects.covariance is not None
    scale = _find_scale(values)
    means = np.nanmean((values - effects.blocks) / scale, axis=1)
    covariances = _draw_covariances(effects.covariance / np.outer(scale, scale), effects.dof, generator)
    specific = subject_draws / scale
    within = np.einsum("dci,dcj->ij", specific, specific) / (specific.shape[0] * specific.shape[1])
    moved = _draw_seed_noise(covariances, count, generator) + specific[np.arange(NUM_DRAWS) % len(specific)]
    return _draw_truth(means, moved, covariances, count, within, generator)


def _find_scale(values: Float[np.ndarray, "candidates seeds objectives"]) -> Float[np.ndarray, " objectives"]:
    """The spread of every objective: parameters are counted in millions, accuracy in hundredths."""
    scale = np.nanstd(values, axis=(0, 1))
    return np.asarray(np.where(scale > 0.0, scale, 1.0))


def _draw_covariances(
    covariance: Float[np.ndarray, "objectives objectives"], dof: int, generator: np.random.Generator
) -> Float[np.ndarray, "draws objectives objectives"]:
    """From the posterior of a covariance: inverse Wishart, or a common inverse chi-square if degrees are too few.

    By Bartlett's decomposition (Proceedings of the Royal Society of Edinburgh 53, 1933).
    """
    size = len(covariance)
    root = _find_root(covariance)
    if dof <= size:
        return np.asarray(covariance * (dof / generator.chisquare(dof, size=(NUM_DRAWS, 1, 1))))
    lower = np.tril(generator.normal(size=(NUM_DRAWS, size, size)), -1)
    lower[:, range(size), range(size)] = np.sqrt(generator.chisquare(dof - np.arange(size), size=(NUM_DRAWS, size)))
    spread = root @ np.linalg.inv(lower).swapaxes(1, 2)
    return np.asarray(dof * spread @ spread.swapaxes(1, 2))


def _find_root(matrix: Float[np.ndarray, "*many size size"]) -> Float[np.ndarray, "*many size size"]:
    """A symmetric square root of positive semidefinite matrices; negative eigenvalues count as 0."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]) @ vectors.swapaxes(-1, -2))


def _draw_seed_noise(
    covariances: Float[np.ndarray, "draws objectives objectives"],
    count: Int[np.ndarray, " candidates"],
    generator: np.random.Generator,
) -> Float[np.ndarray, "draws candidates objectives"]:
    """Of the candidates' means. Some candidates train less reliably than others, so the noise has the tails of t."""
    normal = generator.normal(size=(len(covariances), len(count), covariances.shape[1]))
    dof = MOST_BORROWED + count - 1
    scale = np.sqrt(dof / generator.chisquare(dof, size=normal.shape[:2]) / count)
    return np.asarray(normal @ _find_root(covariances) * scale[:, :, None])


def _draw_truth(
    means: Float[np.ndarray, "candidates objectives"],
    moved: Float[np.ndarray, "draws candidates objectives"],
    covariances: Float[np.ndarray, "draws objectives objectives"],
    count: Int[np.ndarray, " candidates"],
    within: Float[np.ndarray, "objectives objectives"],
    generator: np.random.Generator,
) -> Float[np.ndarray, "draws candidates objectives"]:
    """From the posterior of the expected losses, given the means and draws of their noise."""
    if len(means) < LEAST_TO_SHRINK:
        return np.asarray(means - moved)
    prior = _draw_priors(means, covariances * float(np.mean(1.0 / count)) + within, generator)
    draws = means.mean(axis=0) + generator.normal(size=moved.shape) @ _find_root(prior)
    gap = means - draws - moved
    for number in np.unique(count):
        some = count == number
        total = prior + covariances / number + within
        kept = prior @ np.linalg.pinv(total, hermitian=True)
        draws[:, some] += gap[:, some] @ kept.swapaxes(1, 2)
    return np.asarray(draws)


def _draw_priors(
    means: Float[np.ndarray, "candidates objectives"],
    noise: Float[np.ndarray, "draws objectives objectives"],
    generator: np.random.Generator,
) -> Float[np.ndarray, "draws objectives objectives"]:
    """Covariances of the candidates' expected losses: that of their means without noise.

    In no direction do candidates spread less than `LEAST_BETWEEN` times their noise: as if none differed from another,
    all would be on the front.
    """
    total = np.cov(means.T).reshape(noise.shape[1:])
    totals = _draw_covariances(total, len(means) - 1, generator)
    root = _find_root(noise + 1e-9 * np.diag(np.diag(noise.mean(axis=0))))
    inverse = np.linalg.inv(root)
    ratios, axes = np.linalg.eigh(inverse @ totals @ inverse)
    spread = root @ axes * np.sqrt(np.maximum(ratios - 1.0, LEAST_BETWEEN))[:, None, :]
    return np.asarray(spread @ spread.swapaxes(1, 2))
