"""The kinds of robustness: functions that compute one number from the scores on changed images. Free of torch.

A *change* is a corruption or a shift set; `averages.py` says what weighs how much. All kinds but
`mean_corruption_error` are absolute: the drop of a network from its own clean score is reported and never optimised,
because a network that is bad everywhere has no drop.

Each function takes rows of case counts, which say how often every case counts, and returns one number for each row. A
row of ones gives the robustness itself; one row per bootstrap draw gives its interval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias

import numpy as np
from jaxtyping import Float

from paretoseg.spaces.objective import Direction, Objective
from paretoseg.trainables.scoring.averages import (
    SEVERITY_DECAY,
    Average,
    average_changes,
    find_changes,
    weigh_severities,
)
from paretoseg.trainables.scoring.measures import Measure
from paretoseg.trainables.scoring.score_table import ScoreTable, divide
from paretoseg.trainables.trainable import Condition

ROBUSTNESS = "robustness"

TAIL_PERCENT = 5
"""Share of the cases that count as the tail."""

ErrorTable: TypeAlias = Mapping[Condition, float]
"""1 - the mean score of a reference network under every condition but the clean one."""

Times: TypeAlias = Float[np.ndarray, "draws cases"]
"""How often every case counts, one row for each draw."""


class Robustness(StrEnum):
    """How one number is computed from scores on changed images; lower-case names, as in the config."""

    weighted_mean = "weighted_mean"
    worst_corruption = "worst_corruption"
    percentile_5 = "percentile_5"
    cvar_5 = "cvar_5"
    worst_group = "worst_group"
    mean_corruption_error = "mean_corruption_error"
    failure_rate = "failure_rate"


@dataclass(frozen=True)
class Terms:
    """What a robustness depends on besides the scores."""

    average: Average = Average.families
    """What weighs the same in means over changes."""

    decay: float = SEVERITY_DECAY
    """Weight of a severity relative to the one below it."""

    failure_below: float = 0.5
    """Score under which a mask is a failure, only for `failure_rate`."""

    errors: ErrorTable = field(default_factory=dict, hash=False)
    """The errors of a reference network, only for `mean_corruption_error`."""


def average_scores(scores: ScoreTable, times: Times, terms: Terms) -> Float[np.ndarray, " draws"]:
    """The mean score over cases, then over severities, then over changes, in [0, 1], higher is better."""
    return _average(scores, scores.average(times), terms)


def find_worst_change(scores: ScoreTable, times: Times, terms: Terms) -> Float[np.ndarray, " draws"]:
    """The lowest severity-weighted mean score over changes, in [0, 1], higher is better.

    Source: the worst case over corruptions in SemSegBench (arXiv 2505.18015).
    """
    return _find_lowest(weigh_severities(scores.conditions, scores.average(times), terms.decay))


def find_percentile(scores: ScoreTable, times: Times, terms: Terms) -> Float[np.ndarray, " draws"]:
    """The 5th percentile over cases of `average_scores` for the case alone, in [0, 1], higher is better.

    Linear between the order statistics, as in NumPy (type 7 of Hyndman & Fan, The American Statistician 1996).
    """
    values, upto = _rank_cases(scores, times, terms)
    last = upto[:, -1] - 1.0
    place = last * TAIL_PERCENT / 100
    lower = np.floor(place)
    # Case number k, counted from 0, is the first one up to which more than k cases count.
    below, above = (
        values[(upto > number[:, None]).argmax(axis=1)] for number in (lower, np.minimum(lower + 1.0, last))
    )
    return np.where(last >= 0.0, below + (place - lower) * (above - below), np.nan)  # NaN where no case counts


def average_tail(scores: ScoreTable, times: Times, terms: Terms) -> Float[np.ndarray, " draws"]:
    """The mean over the worst 5 percent of the cases, at least one, of `average_scores` for the case alone.

    In [0, 1], higher is better. Of n cases, the ceil(0.05 n) worst count, so up to 20 cases it is the worst one.
    Conditional value at risk (Rockafellar & Uryasev, Journal of Risk 2000) of equally likely cases.
    """
    values, upto = _rank_cases(scores, times, terms)
    size = np.ceil(upto[:, -1] * TAIL_PERCENT / 100)
    in_tail = np.diff(np.minimum(upto, size[:, None]), axis=1, prepend=0.0)
    return divide(in_tail @ values, size)


def find_worst_group(scores: ScoreTable, times: Times, terms: Terms) -> Float[np.ndarray, " draws"]:
    """The lowest over groups of `average_scores` for the group alone, in [0, 1], higher is better.

    A group is a domain among the corrupted images, or a shift set (worst-group score, Sagawa et al., ICLR 2020). A
    group without a case that counts is left out.
    """
    groups = [(case.shift, "" if case.shift else case.domain) for case in scores.cases]
    members = [np.array([group == one for group in groups], dtype=float) for one in sorted(set(groups))]
    return _find_lowest(np.stack([average_scores(scores, times * is_in, terms) for is_in in members], axis=1))


def average_relative_errors(scores: ScoreTable, times: Times, terms: Terms) -> Float[np.ndarray, " draws"]:
    """Mean over changes of the error divided by that of a reference network, 0 or more, lower is better.

    With the error E = 1 - mean score over cases: the sum of E over the severities that were measured, divided by the
    same sum of the reference; then the mean over changes (mean corruption error, Hendrycks & Dietterich, ICLR 2019).
    1 means as many errors as the reference makes.

    Args:
        scores: The scores that count.
        times: How often every case counts.
        terms: The reference's errors must have all conditions of the table, and not be 0 for a whole change.
    """
    own = 1.0 - scores.average(times)
    is_known = ~np.isnan(own)
    reference = np.array([terms.errors[condition] for condition in scores.conditions])
    belongs = find_changes(scores.conditions)
    by_change = divide(np.where(is_known, own, 0.0) @ belongs, (is_known * reference) @ belongs)
    return average_changes(scores.conditions, by_change, terms.average)


def count_failures(scores: ScoreTable, times: Times, terms: Terms) -> Float[np.ndarray, " draws"]:
    """The share of cases and changes with a score below a limit, in [0, 1], lower is better.

    The share of cases under every condition, then its mean over severities and changes, with the weights of
    `average_scores`. To call a mask below a limit of Dice a failure follows Robinson et al., Journal of Cardiovascular
    Magnetic Resonance 2019.
    """
    is_failure = np.where(np.isnan(scores.values), np.nan, scores.values < terms.failure_below)
    return average_scores(replace(scores, values=is_failure), times, terms)


@dataclass(frozen=True)
class RobustnessKind:
    """One kind of robustness: its function, and the meaning of its number."""

    measure: Callable[[ScoreTable, Times, Terms], Float[np.ndarray, " draws"]]
    """Computes the numbers from the scores that count, case counts, and terms."""

    description: str
    """The meaning of the number, with {unit} for the unit of the score, {alike} for what weighs the same in means over
    changes, and {limit} for the score under which a mask is a failure.
    """

    source: str
    """The publication that it is from."""

    find_reference: Callable[[Terms], float] | None = None
    """The worst value, that of a network whose scores are all 0, if lower values are better; None for scores."""

    @property
    def is_score(self) -> bool:
        """True if it is a score in the unit of accuracy, of which higher is better."""
        return self.find_reference is None

    def define(self, measure: Measure, terms: Terms, counted: str) -> Objective:
        """The objective in terms of a measure; `counted` describes the images that count.

        The reference is 0 for scores, else the value of a network whose scores are all 0.
        """
        alike = "families" if terms.average is Average.families else "changes"
        meaning = self.description.format(unit=measure.unit, alike=alike, limit=f"{terms.failure_below:g}")
        text = f"{meaning}; over {counted} ({self.source})."
        if self.find_reference is None:
            return Objective(ROBUSTNESS, measure.unit, measure.direction, reference=0.0, description=text)
        reference = self.find_reference(terms)
        return Objective(ROBUSTNESS, "1", Direction.MINIMISE, reference=reference, description=text)


def _find_worst_ratio(terms: Terms) -> float:
    """The mean corruption error of a network whose scores are all 0; 1 without a reference, which the check refuses."""
    if not terms.errors:
        return 1.0
    conditions, errors = sorted(terms.errors), np.array([terms.errors[condition] for condition in sorted(terms.errors)])
    belongs = find_changes(conditions)
    return float(average_changes(conditions, (belongs.sum(axis=0) / (errors @ belongs))[None], terms.average)[0])


ROBUSTNESS_KINDS: Mapping[Robustness, RobustnessKind] = {
    Robustness.weighted_mean: RobustnessKind(
        average_scores,
        "Mean {unit} on changed images; mild severities weigh more, {alike} weigh the same",
        "Boone et al., NeuroImage 2023",
    ),
    Robustness.worst_corruption: RobustnessKind(
        find_worst_change,
        "Mean {unit} under the worst change; mild severities weigh more",
        "SemSegBench, arXiv 2505.18015",
    ),
    Robustness.percentile_5: RobustnessKind(
        find_percentile,
        "5th percentile over cases of the mean {unit} on changed images; {alike} weigh the same",
        "Hyndman & Fan, The American Statistician 1996, type 7",
    ),
    Robustness.cvar_5: RobustnessKind(
        average_tail,
        "Mean over the worst 5 percent of the cases, of up to 20 cases the worst one, of the mean {unit} on changed "
        "images; {alike} weigh the same",
        "Rockafellar & Uryasev, Journal of Risk 2000",
    ),
    Robustness.worst_group: RobustnessKind(
        find_worst_group,
        "Mean {unit} on changed images in the worst domain or shift set; {alike} weigh the same",
        "Sagawa et al., ICLR 2020",
    ),
    Robustness.mean_corruption_error: RobustnessKind(
        average_relative_errors,
        "Errors (1 - mean {unit}) on changed images, divided by those of a reference network; {alike} weigh the same",
        "Hendrycks & Dietterich, ICLR 2019",
        _find_worst_ratio,
    ),
    Robustness.failure_rate: RobustnessKind(
        count_failures,
        "Share of changed images with {unit} below {limit}; mild severities weigh more, {alike} weigh the same",
        "Robinson et al., Journal of Cardiovascular Magnetic Resonance 2019",
        lambda _: 1.0,
    ),
}
"""Every kind of robustness by its name in the config."""

assert set(ROBUSTNESS_KINDS) == set(Robustness), "every kind of robustness needs its entry in the table"


def _average(
    scores: ScoreTable, means: Float[np.ndarray, "draws conditions"], terms: Terms
) -> Float[np.ndarray, " draws"]:
    """The mean over severities and changes of means under every condition."""
    by_change = weigh_severities(scores.conditions, means, terms.decay)
    return average_changes(scores.conditions, by_change, terms.average)


def _find_lowest(values: Float[np.ndarray, "draws items"]) -> Float[np.ndarray, " draws"]:
    """The lowest of every row that is not NaN."""
    return np.asarray(np.fmin.reduce(values, axis=1))


def _rank_cases(
    scores: ScoreTable, times: Times, terms: Terms
) -> tuple[Float[np.ndarray, " known"], Float[np.ndarray, "draws known"]]:
    """`average_scores` for every case alone, worst first, and how many cases count up to each.

    Cases that were not measured are left out.
    """
    alone = _average(scores, scores.values, terms)
    order = np.argsort(alone, kind="stable")[: int((~np.isnan(alone)).sum())]  # NaN is sorted to the end
    return alone[order], np.cumsum(times[:, order], axis=1)
