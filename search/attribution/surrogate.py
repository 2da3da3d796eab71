"""What a study's candidates say of all others: a Gaussian process for every objective."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from paretoseg.search.candidates.result import Result
from paretoseg.search.strategies.surrogate.gaussian_process import GaussianProcess
from paretoseg.search.strategies.surrogate.models import Known, fit_all, make_priors, measure_explained
from paretoseg.spaces.objective import Objective, to_losses

_FENCE = 1.5
"""A loss farther above the third quartile than so many interquartile ranges counts as that: a network that learned
nothing is bad, but how bad says nothing (Tukey, Exploratory Data Analysis, 1977)."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """The processes of a study, one for each objective, in standardised losses."""

    processes: tuple[GaussianProcess, ...]
    centre: Float[np.ndarray, " objectives"]
    spread: Float[np.ndarray, " objectives"]
    """How losses are standardised: minus `centre`, over `spread`."""

    explained: Float[np.ndarray, " objectives"]
    """How well the value of each candidate is predicted from all others: 1 is exact, 0 is no better than their mean."""

    dof: float
    """Degrees of freedom of their variances: the candidates less the length scales that are fitted to them, so that few
    candidates of a wide space say little (`benchmarks/attribution.py`); at least 1."""

    num_capped: Int[np.ndarray, " objectives"]
    """How many candidates lie beyond the fence."""


def fit_surrogate(
    features: Float[np.ndarray, "candidates features"],
    results: Sequence[Result],
    objectives: Sequence[Objective],
    is_number: np.ndarray,
    num_dimensions: int,
) -> Fitted:
    """The processes, fitted by maximum a posteriori.

    Args:
        features: Of every candidate.
        results: What every candidate reached.
        objectives: What is modelled.
        is_number: Of every feature, whether it is that of a number.
        num_dimensions: How many dimensions are searched.
    """
    losses = to_losses(objectives, [result.objectives for result in results])
    first, third = np.quantile(losses, [0.25, 0.75], axis=0)
    fence = third + _FENCE * (third - first)
    num_capped = (losses > fence).sum(axis=0)
    losses = np.minimum(losses, fence)
    centre, spread = losses.mean(axis=0), losses.std(axis=0)
    spread = np.where(spread > 0.0, spread, 1.0)
    noise = np.array([1.0 / len(result.trials) for result in results])
    known = Known(features, (losses - centre) / spread, noise, np.ones(len(results), bool))
    priors = make_priors(is_number, num_dimensions)[:1]
    logarithms = fit_all(priors, known, None)
    explained = measure_explained(logarithms, known)
    processes = [
        GaussianProcess(row, features, known.targets[:, place], noise) for place, row in enumerate(logarithms[0])
    ]
    dof = float(max(len(results) - features.shape[1], 1))
    return Fitted(tuple(processes), centre, spread, explained, dof, num_capped)
