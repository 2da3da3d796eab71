"""Does robustness under corruptions predict what happens on real images of another kind, the shift sets?

Asked over the candidates of a study: do those that hold under corruptions also score higher on a shift set, and do they
among candidates of equal accuracy? If accuracy alone orders them as well, robustness adds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from jaxtyping import Float

from paretoseg.search.fronts.ranks import rank

MIN_CANDIDATES = 8
"""With fewer candidates no correlation is given: its interval would hold nearly every value."""

ALL_SHIFTS = ""
"""The key of the mean over several shift sets."""

_DECIMALS = 12
"""Values that agree to as many decimals are tied: rounding orders nothing."""

_NORMAL = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rank correlation in [-1, 1]: 1 for the same order, with its 95 percent interval over candidates."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Prediction:
    """What predicts the scores on one shift set; None where that is unknown."""

    robustness: RankCorrelation | None
    """Of robustness under corruptions with the score."""

    accuracy: RankCorrelation | None
    """Of accuracy with the score."""

    robustness_given_accuracy: RankCorrelation | None
    """Of robustness with the score, with the ranks of accuracy held fixed: what robustness adds to accuracy."""


@dataclass(frozen=True)
class Reality:
    """What predicts the scores on the shift sets of a study."""

    num_candidates: int
    """The candidates that were compared."""

    shifts: Mapping[str, Prediction]
    """By shift set; with several sets, `ALL_SHIFTS` comes first: the mean score over them."""

    @property
    def has_enough(self) -> bool:
        """True if there are enough candidates to compare."""
        return self.num_candidates >= MIN_CANDIDATES

    @property
    def columns(self) -> dict[str, float | None]:
        """The correlations as columns of a table, such as `rho_<shift>`, `rho_<shift>_low`; None where unknown."""
        found: dict[str, float | None] = {}
        for shift, prediction in self.shifts.items():
            name = f"rho_{shift or 'all_shifts'}"
            found |= _to_columns(name, prediction.robustness)
            found |= _to_columns(f"{name}_accuracy", prediction.accuracy)
            found |= _to_columns(f"{name}_given_accuracy", prediction.robustness_given_accuracy)
        return found


def measure_reality(
    robustness: Float[np.ndarray, " candidates"],
    accuracy: Float[np.ndarray, " candidates"],
    scores: Mapping[str, Float[np.ndarray, " candidates"]],
) -> Reality:
    """What predicts the scores on shift sets.

    Args:
        robustness: Under corruptions alone, without shift sets; higher is better.
        accuracy: Higher is better.
        scores: By shift set, the mean score of every candidate, higher is better; NaN where it was not measured.
    """
    shifts = dict(scores)
    if len(scores) > 1:
        shifts = {ALL_SHIFTS: np.mean([*scores.values()], axis=0), **scores}
    return Reality(
        num_candidates=len(robustness),
        shifts={name: _predict(robustness, accuracy, values) for name, values in shifts.items()},
    )


def correlate_ranks(
    first: Float[np.ndarray, " candidates"],
    second: Float[np.ndarray, " candidates"],
    given: Float[np.ndarray, " candidates"] | None = None,
) -> RankCorrelation | None:
    """Spearman's rank correlation with its interval; with `given`, the partial one, with the ranks of that held fixed.

    The interval is tanh(atanh(r) +- 1.96 sqrt((1 + r^2 / 2) / (n - 3 - k))), with k = 1 for a partial correlation, else
    0. Sources: Bonett and Wright, 'Sample size requirements for estimating Pearson, Kendall and Spearman correlations',
    Psychometrika 65, 2000; one degree of freedom for what is held fixed: Fisher, Metron 3, 1924. A perfect order gets
    the interval of the order in which two neighbours are swapped, r = 1 - 12 / (n^3 - n), up to 1.

    Returns:
        None with fewer than `MIN_CANDIDATES` candidates, or if all are equal in one of the two, or do not differ from
        what is held fixed.
    """
    if len(first) < MIN_CANDIDATES:
        return None
    ranks = [_rank(values) for values in (first, second)]
    if given is not None:
        ranks = [_leave_out(column, _rank(given)) for column in ranks]
    spread = float(np.linalg.norm(ranks[0]) * np.linalg.norm(ranks[1]))
    if spread < 1e-9:
        return None
    value = float(np.clip(ranks[0] @ ranks[1] / spread, -1.0, 1.0))
    num, fixed = len(first), 0 if given is None else 1
    most = 1.0 - 12.0 / (num**3 - num)
    inner = float(np.clip(value, -most, most))
    margin = _NORMAL * np.sqrt((1.0 + inner**2 / 2.0) / (num - 3 - fixed))
    low, high = (float(np.tanh(np.arctanh(inner) + side)) for side in (-margin, margin))
    return RankCorrelation(value, -1.0 if value < -most else low, 1.0 if value > most else high)


def _predict(
    robustness: Float[np.ndarray, " candidates"],
    accuracy: Float[np.ndarray, " candidates"],
    scores: Float[np.ndarray, " candidates"],
) -> Prediction:
    is_known = ~np.isnan(scores)
    robustness, accuracy, scores = robustness[is_known], accuracy[is_known], scores[is_known]
    return Prediction(
        robustness=correlate_ranks(robustness, scores),
        accuracy=correlate_ranks(accuracy, scores),
        robustness_given_accuracy=correlate_ranks(robustness, scores, accuracy),
    )


def _rank(values: Float[np.ndarray, " candidates"]) -> Float[np.ndarray, " candidates"]:
    """The ranks around their mean, ties in the middle."""
    ranks = rank(np.round(values, _DECIMALS))
    centred: np.ndarray = ranks - (len(ranks) + 1) / 2.0
    return centred


def _leave_out(
    ranks: Float[np.ndarray, " candidates"], given: Float[np.ndarray, " candidates"]
) -> Float[np.ndarray, " candidates"]:
    """What is left of the ranks without their regression on others."""
    square = float(given @ given)
    return ranks - given * (float(ranks @ given) / square) if square else ranks


def _to_columns(name: str, found: RankCorrelation | None) -> dict[str, float | None]:
    if found is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
