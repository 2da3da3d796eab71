"""The models of a search: for every objective two Gaussian processes that differ in how smooth they expect it to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from paretoseg.search.strategies.surrogate.gaussian_process import GaussianProcess, Prior, fit

_ALL_STARTS_BELOW = 60
"""With fewer points than this, a fit starts from the prior too, not only from the last optimum."""


def make_priors(is_number: np.ndarray, num_genes: int) -> tuple[Prior, ...]:
    """The two priors: one for any length scale, one that expects numbers to matter over their whole range.

    Source of the first: Hvarfner, Hellsten and Nardi, Vanilla Bayesian Optimization Performs Great in High Dimensions,
    ICML 2024.

    Args:
        is_number: Of every feature, whether it is that of a number.
        num_genes: How many dimensions are searched.
    """
    count = len(is_number)
    wide = np.full(count, np.sqrt(2.0) + 0.5 * np.log(max(num_genes, 1)))
    spreads = np.full(count, np.sqrt(3.0))
    return (
        Prior(wide, spreads),
        Prior(np.where(is_number, 0.7, wide), np.where(is_number, 1.2, spreads)),
    )


@dataclass(frozen=True)
class Known:
    """What models are given."""

    features: np.ndarray
    """Shape (num_points, num_features)."""

    targets: np.ndarray
    """Standardised, lower is better, shape (num_points, num_objectives)."""

    noise: np.ndarray
    """Factor of the noise variance of every point: 1 / number of seeds; shape (num_points,)."""

    is_feasible: np.ndarray
    """Whether a point meets the constraints, and so may be on a front; shape (num_points,)."""

    def choose(self, places: np.ndarray) -> Known:
        """Some of the points."""
        return Known(self.features[places], self.targets[places], self.noise[places], self.is_feasible[places])


def fit_all(priors: Sequence[Prior], known: Known, last: np.ndarray | None) -> np.ndarray:
    """The fitted logarithms of all models, shape (num_priors, num_objectives, num_features + 2).

    Args:
        priors: One of each kind of model.
        known: The points.
        last: The result of the fit before; None if this is the first.
    """
    found = [
        [
            fit(
                prior,
                known.features,
                known.targets[:, objective],
                known.noise,
                _list_starts(prior, len(known.features), None if last is None else last[kind, objective]),
            )
            for objective in range(known.targets.shape[1])
        ]
        for kind, prior in enumerate(priors)
    ]
    return np.array(found)


def _list_starts(prior: Prior, num_points: int, last: np.ndarray | None) -> list[np.ndarray]:
    starts = [] if last is None else [last]
    if last is None or num_points < _ALL_STARTS_BELOW:
        short = np.array([*(prior.lengths - 0.5), 0.0, -3.0])
        starts += [prior.means, short]
    return starts


def measure_explained(fitted: np.ndarray, known: Known) -> np.ndarray:
    """How well the models predict a point from all others, per objective: 1 - their squared error / that of the mean.

    The mean is that of the others too, so that 0 is what knowing nothing gives. Shape (num_objectives,).
    """
    models = [Model.build(logarithms, known) for logarithms in fitted]
    left_out = [[process.leave_one_out() for process in model.processes] for model in models]
    predicted = np.mean(left_out, axis=0).T
    count = len(known.targets)
    by_mean = (known.targets - known.targets.mean(axis=0)) * count / max(count - 1, 1)
    errors, scale = ((known.targets - predicted) ** 2).mean(axis=0), (by_mean**2).mean(axis=0)
    return np.asarray(np.where(scale > 0.0, 1.0 - errors / np.where(scale > 0.0, scale, 1.0), 1.0))


@dataclass(frozen=True)
class Model:
    """A process per objective, all with the same prior."""

    processes: tuple[GaussianProcess, ...]

    @classmethod
    def build(cls, logarithms: np.ndarray, known: Known) -> Model:
        """The model with fitted logarithms, shape (num_objectives, num_features + 2)."""
        return cls(
            tuple(
                GaussianProcess(row, known.features, known.targets[:, place], known.noise)
                for place, row in enumerate(logarithms)
            )
        )

    def predict(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means and standard deviations, each of shape (num_points, num_objectives)."""
        pairs = [process.predict(features) for process in self.processes]
        return np.stack([mean for mean, _ in pairs], axis=1), np.stack([spread for _, spread in pairs], axis=1)

    def believe(self, features: np.ndarray) -> Model:
        """The model after points were measured at which it is right: those that run now."""
        if not len(features):
            return self
        return Model(tuple(process.with_values(features, process.predict(features)[0]) for process in self.processes))
