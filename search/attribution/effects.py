"""The effect of a dimension, or of two together, on the objectives: a part of the functional analysis of variance.

The mean of an objective over all other dimensions, as a function of one, is its marginal. Without its own mean, it is
the main effect. What two dimensions do together beyond their main effects is their interaction. Over independent
dimensions the variances of all effects sum to that of the function, so each has a share (Hutter, Hoos and Leyton-Brown,
ICML 2014). On a Gaussian process marginals are normal with known covariance (Oakley and O'Hagan, JRSS B 66, 2004).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from paretoseg.search.attribution.surrogate import Fitted

_RANK = 1e-8
"""A direction of the covariance with less than this share of the largest variance counts as none."""


@dataclass(frozen=True, eq=False)
class Effect:
    """What levels of a dimension, or pairs of them, do to standardised losses; lower is better."""

    means: Float[np.ndarray, "levels objectives"]
    """By level, less the mean over levels; of an interaction, less both main effects."""

    covariances: Float[np.ndarray, "objectives levels levels"]

    dof: float
    """Degrees of freedom of the covariances."""

    def combine(
        self, weights: Float[np.ndarray, " objectives"]
    ) -> tuple[Float[np.ndarray, " levels"], Float[np.ndarray, "levels levels"]]:
        """Means and covariance of a weighted sum of the objectives, whose models are independent."""
        return self.means @ weights, np.einsum("o,olm->lm", weights**2, self.covariances)

    def measure_variance(self, weights: Float[np.ndarray, " objectives"]) -> float:
        """The expected variance of the effect on a weighted sum, each level equally likely."""
        means, covariance = self.combine(weights)
        return float((means**2).mean() + np.trace(covariance) / len(means))

    def find_p_value(self, weights: Float[np.ndarray, " objectives"]) -> float:
        """One minus the level of the smallest credible region that holds no effect at all, in [0, 1].

        The region is the ellipsoid of highest density of a t distribution (Box and Tiao, Bayesian Inference in
        Statistical Analysis, 1973, section 2.8).
        """
        from scipy.special import fdtrc  # late: loading it takes long

        means, covariance = self.combine(weights)
        values, vectors = np.linalg.eigh(covariance)
        is_kept = values > max(_RANK * float(values[-1]), 0.0)
        rank = int(is_kept.sum())
        if not rank:
            return 1.0
        distance = float(((vectors.T @ means)[is_kept] ** 2 / values[is_kept]).sum())
        return float(fdtrc(float(rank), self.dof, distance / rank))

    def draw(self, count: int, generator: np.random.Generator) -> Float[np.ndarray, "draws levels objectives"]:
        """Draws of the effect."""
        drawn = []
        for place, covariance in enumerate(self.covariances):
            values, vectors = np.linalg.eigh(covariance)
            root = vectors * np.sqrt(np.maximum(values, 0.0))
            noise = generator.normal(size=(count, len(values)))
            drawn.append(self.means[:, place] + noise @ root.T)
        return np.stack(drawn, axis=-1)


@dataclass(frozen=True, eq=False)
class Whole:
    """What the surrogate expects of the whole space, in standardised losses."""

    means: Float[np.ndarray, "sample objectives"]
    unknown: Float[np.ndarray, " objectives"]
    """The variance over the space that is not learned yet: that of the models less that of their mean."""

    def measure_variance(self, weights: Float[np.ndarray, " objectives"]) -> float:
        """The expected variance of a weighted sum over the space; above 0."""
        return max(float((self.means @ weights).var() + weights**2 @ self.unknown), 1e-12)


@dataclass(frozen=True, eq=False)
class Response:
    """What the surrogate says of a sample with a dimension, or two, set to each level; in standardised losses."""

    means: Float[np.ndarray, "levels objectives"]
    """The marginal."""

    covariances: Float[np.ndarray, "objectives levels levels"]

    variances: Float[np.ndarray, " objectives"]
    """The variance over levels at one place of the sample, averaged over it: of the main effect and of all
    interactions, which is the total effect (Jansen, Computer Physics Communications 117, 1999)."""

    dof: float
    """Degrees of freedom of the covariances."""

    def find_effect(self, sizes: tuple[int, ...]) -> Effect:
        """The main effect of a dimension with so many levels, or the interaction of two."""
        projection: np.ndarray = np.ones((1, 1))
        for size in sizes:
            projection = np.kron(projection, np.eye(size) - 1.0 / size)
        covariances = np.einsum("lm,omn,kn->olk", projection, self.covariances, projection)
        return Effect(projection @ self.means, covariances, self.dof)


def find_response(fitted: Fitted, features: Float[np.ndarray, "levels sample features"]) -> Response:
    """The answers of the surrogate."""
    means, covariances, variances = [], [], []
    for process in fitted.processes:
        mean, covariance = process.average(features)
        means.append(mean)
        covariances.append(covariance)
        points = process.predict_means(features.reshape(math.prod(features.shape[:2]), -1))
        variances.append(points.reshape(features.shape[:2]).var(axis=0).mean())
    return Response(np.stack(means, axis=1), np.stack(covariances), np.array(variances), fitted.dof)


def find_whole(fitted: Fitted, sample: Float[np.ndarray, "sample features"]) -> Whole:
    """What the surrogate expects of a sample of the space."""
    means, unknown = [], []
    for process in fitted.processes:
        mean, spread = process.predict(sample)
        _, of_mean = process.average(sample[None])
        means.append(mean)
        unknown.append(max(float((spread**2).mean() - of_mean[0, 0]), 0.0))
    return Whole(np.stack(means, axis=1), np.array(unknown))
