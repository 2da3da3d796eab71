"""What else is learned of candidates beside their objectives: whether their networks count, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from paretoseg.search.strategies.surrogate.gaussian_process import GaussianProcess

_LEAST_CHANCE = 1e-6
"""No candidate is ruled out by a model alone."""

_MIN_COSTS = 4

_MOST = 250
"""At most so many candidates of a kind are learned from, spread evenly over the search."""


@dataclass(frozen=True)
class Feasibility:
    """The probability that the networks of a candidate count: they fit into memory, train, and do not degenerate.

    Least-squares classification by a Gaussian process (Rasmussen and Williams, section 6.5): the probability that the
    label lies above the middle of 0 and 1.
    """

    process: GaussianProcess | None
    """Of the labels 1 and 0 above their mean; None while all labels are 1."""

    base: float
    """The share of candidates whose networks count."""

    def predict(self, features: np.ndarray) -> np.ndarray:
        """The probabilities, shape (num_points,)."""
        if self.process is None:
            return np.ones(len(features))
        means, spreads = self.process.predict(features)
        return np.asarray(np.maximum(ndtr((self.base + means - 0.5) / spreads), _LEAST_CHANCE))


@dataclass(frozen=True)
class Cost:
    """The seconds of a training, by a Gaussian process of their logarithms."""

    process: GaussianProcess | None
    """Of the standardised logarithms; None while fewer than four are known."""

    spread: float
    """The standard deviation of the logarithms."""

    def predict(self, features: np.ndarray) -> np.ndarray:
        """The seconds as a multiple of the geometric mean of those known, shape (num_points,)."""
        if self.process is None:
            return np.ones(len(features))
        return np.exp(self.process.predict(features)[0] * self.spread)


def learn_feasibility(features: np.ndarray, counts: np.ndarray) -> Feasibility:
    """What labels say.

    Args:
        features: Shape (num_candidates, num_features).
        counts: Whether the networks of each count, shape (num_candidates,).
    """
    base = float((counts.sum() + 1.0) / (len(counts) + 2.0))
    if counts.all():
        return Feasibility(None, base)
    kept = np.sort(np.concatenate([_thin(np.flatnonzero(counts)), _thin(np.flatnonzero(~counts))]))
    features, counts = features[kept], counts[kept]
    numbers = _set_numbers(features, 0.0, -1.4)
    return Feasibility(GaussianProcess(numbers, features, counts - base, np.ones(len(counts))), base)


def learn_cost(features: np.ndarray, seconds: np.ndarray) -> Cost:
    """What times say; both arrays as for `learn_feasibility`."""
    if len(seconds) < _MIN_COSTS:
        return Cost(None, 1.0)
    kept = _thin(np.arange(len(seconds)))
    features, logarithms = features[kept], np.log(seconds[kept])
    spread = float(logarithms.std()) or 1.0
    values = (logarithms - logarithms.mean()) / spread
    return Cost(GaussianProcess(_set_numbers(features, 0.7, 0.0), features, values, np.ones(len(values))), spread)


def _set_numbers(features: np.ndarray, length: float, amplitude: float) -> np.ndarray:
    """Logarithms that are not fitted, as these values say too little: one length scale for all, a little noise."""
    return np.array([*np.full(features.shape[1], length), amplitude, -4.0])


def _thin(places: np.ndarray) -> np.ndarray:
    """At most `_MOST` of the places, evenly spread."""
    if len(places) <= _MOST:
        return places
    return np.asarray(places[np.linspace(0, len(places) - 1, _MOST).round().astype(int)])
