"""Gaussian process regression with a length scale per feature, fitted by maximum a posteriori.

Source: Rasmussen and Williams, Gaussian Processes for Machine Learning, MIT Press 2006: equations 2.25 and 2.26
(prediction), 4.17 (Matern 5/2), 5.9 (gradient), 5.10 to 5.12 (leave-one-out).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri, dpotrs, dtrtrs  # scipy's functions around them take longer than they
from scipy.optimize import minimize

_JITTER = 1e-6
_MAX_ITERATIONS = 40
_ROOT_5 = float(np.sqrt(5.0))
_IMPOSSIBLE = 1e25
"""The loss where rounding leaves no covariance."""


@dataclass(frozen=True)
class Prior:
    """Normal distributions of the logarithms of the kernel's numbers: means and standard deviations.

    The bounds keep an optimiser away from numbers that cannot be computed with.
    """

    lengths: np.ndarray
    """Mean of ln(length scale) of every feature, shape (num_features,)."""

    length_spreads: np.ndarray
    """Standard deviation of ln(length scale) of every feature, shape (num_features,)."""

    amplitude: tuple[float, float] = (0.0, 1.0)
    """Of ln(signal variance)."""

    noise: tuple[float, float] = (-4.0, 1.5)
    """Of ln(noise variance)."""

    length_bounds: tuple[float, float] = (-3.5, 7.0)
    amplitude_bounds: tuple[float, float] = (-4.0, 4.0)
    noise_bounds: tuple[float, float] = (-12.0, 1.0)

    @cached_property
    def means(self) -> np.ndarray:
        """Means of all logarithms: length scales, signal variance, noise variance; shape (num_features + 2,)."""
        return np.array([*self.lengths, self.amplitude[0], self.noise[0]])

    @cached_property
    def spreads(self) -> np.ndarray:
        """Their standard deviations, shape (num_features + 2,)."""
        return np.array([*self.length_spreads, self.amplitude[1], self.noise[1]])

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Their bounds, num_features + 2 pairs."""
        return [self.length_bounds] * len(self.lengths) + [self.amplitude_bounds, self.noise_bounds]


class GaussianProcess:
    """A zero-mean process given noisy values.

    Args:
        logarithms: Of the length scales, the signal variance and the noise variance, shape (num_features + 2,).
        features: Where values are known, shape (num_points, num_features).
        values: Shape (num_points,).
        noise: Factor of the noise variance of every value, such as 1 / number of seeds; shape (num_points,).
    """

    def __init__(self, logarithms: np.ndarray, features: np.ndarray, values: np.ndarray, noise: np.ndarray) -> None:
        self.logarithms = logarithms
        self._lengths = np.exp(logarithms[:-2])
        self._amplitude = float(np.exp(logarithms[-2]))
        self._scaled = features / self._lengths
        self._values = values
        covariance = self._amplitude * _matern(_distances(self._scaled, self._scaled))
        _add_to_diagonal(covariance, np.exp(logarithms[-1]) * noise + _JITTER)
        self._factor = _root(covariance)
        self._weights = dpotrs(self._factor, values, lower=1)[0]

    def predict(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of the noiseless function, each of shape (num_points,)."""
        cross = self._amplitude * _matern(_distances(features / self._lengths, self._scaled))
        solved = dtrtrs(self._factor, cross.T, lower=1)[0]
        variances = self._amplitude - np.einsum("ij,ij->j", solved, solved)
        return cross @ self._weights, np.sqrt(np.maximum(variances, 1e-12))

    def predict_means(self, features: np.ndarray) -> np.ndarray:
        """The means of `predict` alone, which take a fraction of its time; shape (num_points,)."""
        cross = self._amplitude * _matern(_distances(features / self._lengths, self._scaled))
        return np.asarray(cross @ self._weights)

    def average(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means and covariance of averages of the noiseless function over groups of points.

        Args:
            features: Shape (num_groups, num_points, num_features).

        Returns:
            Shapes (num_groups,) and (num_groups, num_groups).
        """
        num_groups, num_points, _ = features.shape
        scaled = features.reshape(num_groups * num_points, -1) / self._lengths
        cross = self._amplitude * _matern(_distances(scaled, self._scaled))
        cross = cross.reshape(num_groups, num_points, -1).mean(axis=1)
        own = self._amplitude * _matern(_distances(scaled, scaled))
        own = own.reshape(num_groups, num_points, num_groups, num_points).mean(axis=(1, 3))
        solved = dtrtrs(self._factor, cross.T, lower=1)[0]
        return cross @ self._weights, own - solved.T @ solved

    def with_values(self, features: np.ndarray, values: np.ndarray) -> GaussianProcess:
        """The same process given further values without noise, as if they had been measured."""
        scaled = features / self._lengths
        cross = self._amplitude * _matern(_distances(scaled, self._scaled))
        corner = self._amplitude * _matern(_distances(scaled, scaled))
        lower = dtrtrs(self._factor, cross.T, lower=1)[0].T
        rest = corner - lower @ lower.T
        _add_to_diagonal(rest, np.full(len(rest), 10 * _JITTER))
        grown: GaussianProcess = object.__new__(GaussianProcess)
        grown.logarithms, grown._lengths, grown._amplitude = self.logarithms, self._lengths, self._amplitude
        grown._scaled = np.concatenate([self._scaled, scaled])
        grown._values = np.concatenate([self._values, values])
        grown._factor = np.block([[self._factor, np.zeros((len(self._factor), len(values)))], [lower, _root(rest)]])
        grown._weights = dpotrs(grown._factor, grown._values, lower=1)[0]
        return grown

    def leave_one_out(self) -> np.ndarray:
        """What the process predicts of every known value from all others, shape (num_points,)."""
        return np.asarray(self._values - self._weights / np.diag(_invert(self._factor)))


def fit(
    prior: Prior, features: np.ndarray, values: np.ndarray, noise: np.ndarray, starts: Sequence[np.ndarray]
) -> np.ndarray:
    """The most probable logarithms, given the values; shape (num_features + 2,). See `GaussianProcess`.

    Args:
        prior: Of the logarithms.
        features: Shape (num_points, num_features).
        values: Shape (num_points,).
        noise: Factors of the noise variance, shape (num_points,).
        starts: Where L-BFGS-B starts; the best of the optima is returned.
    """
    low, high = np.array(prior.bounds).T
    found = [
        minimize(
            _negative_log_posterior,
            np.clip(start, low, high),
            args=(prior, features, values, noise),
            jac=True,
            method="L-BFGS-B",
            bounds=prior.bounds,
            options={"maxiter": _MAX_ITERATIONS},
        )
        for start in starts
    ]
    best = min(found, key=lambda one: float(one.fun))
    return np.asarray(best.x, dtype=float)


def _negative_log_posterior(
    logarithms: np.ndarray, prior: Prior, features: np.ndarray, values: np.ndarray, noise: np.ndarray
) -> tuple[float, np.ndarray]:
    lengths, amplitude, level = np.exp(logarithms[:-2]), np.exp(logarithms[-2]), np.exp(logarithms[-1])
    scaled = features / lengths
    distances = _distances(scaled, scaled)
    signal = amplitude * _matern(distances)
    covariance = signal.copy()
    _add_to_diagonal(covariance, level * noise + _JITTER)
    factor, failed = dpotrf(covariance, lower=1)
    if failed:
        return _IMPOSSIBLE, np.zeros_like(logarithms)
    weights = dpotrs(factor, values, lower=1)[0]
    deviations = (logarithms - prior.means) / prior.spreads
    loss = 0.5 * values @ weights + np.log(np.diag(factor)).sum() + 0.5 * deviations @ deviations

    change = 0.5 * (_invert(factor) - np.outer(weights, weights))  # of the loss with the covariance
    # d k / d ln(length of a feature) = this slope times the squared scaled difference in the feature.
    slope = change * (amplitude * 5.0 / 3.0 * (1.0 + _ROOT_5 * distances) * np.exp(-_ROOT_5 * distances))
    totals = slope.sum(axis=1)
    by_length = 2.0 * (totals @ scaled**2 - np.einsum("if,if->f", scaled, slope @ scaled))
    by_noise = level * (np.diag(change) * noise).sum()
    gradient = np.concatenate([by_length, [(change * signal).sum(), by_noise]]) + deviations / prior.spreads
    return float(loss), gradient


def _distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Euclidean distances, shape (num_first, num_second)."""
    squares = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)[None, :] - 2.0 * first @ second.T
    return np.asarray(np.sqrt(np.maximum(squares, 0.0)))


def _matern(distances: np.ndarray) -> np.ndarray:
    """Matern 5/2 correlations of scaled distances."""
    return np.asarray((1.0 + _ROOT_5 * distances + 5.0 / 3.0 * distances**2) * np.exp(-_ROOT_5 * distances))


def _add_to_diagonal(matrix: np.ndarray, values: np.ndarray) -> None:
    matrix.ravel()[:: len(matrix) + 1] += values


def _invert(factor: np.ndarray) -> np.ndarray:
    """The inverse of a matrix, from its lower Cholesky factor."""
    half = dpotri(factor, lower=1)[0]  # its upper triangle is 0, like that of the factor
    inverse = half + half.T
    inverse.ravel()[:: len(inverse) + 1] *= 0.5
    return np.asarray(inverse)


def _root(matrix: np.ndarray) -> np.ndarray:
    """The lower Cholesky factor of a matrix that rounding may have made slightly indefinite."""
    factor, failed = dpotrf(matrix, lower=1)
    added = _JITTER
    while failed:
        factor, failed = dpotrf(matrix + added * np.eye(len(matrix)), lower=1)
        added *= 10.0
    return np.asarray(factor)
