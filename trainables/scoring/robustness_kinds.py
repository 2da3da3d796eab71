"""The kinds of robustness: functions that compute one number from the scores on changed images. Free of torch.

A *change* is a corruption or a shift set. All kinds but the last are absolute: the drop of a network from its own clean
score is reported and never optimised, because a network that is bad everywhere has no drop.

Each function takes rows of case counts, which say how often every case counts, and returns one number for each row. A
row of ones gives the robustness itself; one row per bootstrap draw gives its interval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
from jaxtyping import Float

from paretoseg.spaces.objective import Direction, Objective
from paretoseg.trainables.scoring.measures import Measure
from paretoseg.trainables.scoring.score_table import ScoreTable, average_known, divide
from paretoseg.trainables.trainable import Condition

ROBUSTNESS = "robustness"

SEVERITY_DECAY = 2.0 / 3.0
"""Weight of a severity relative to the one below it (ROOD-MRI, Boone et al., NeuroImage 2023)."""

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


def average_changes(scores: ScoreTable, times: Times, _: ErrorTable) -> Float[np.ndarray, " draws"]:
    """Mean over changes of the severity-weighted mean score, in [0, 1], higher is better.

    Mean over cases; then over the severities s that were measured, with weights (2/3)^s that sum to 1 (Boone et al.,
    NeuroImage 2023, where the clean score enters each mean with weight 1; here it is an objective of its own); then
    over changes.
    """
    return average_known(_weigh_severities(scores.conditions, scores.average(times)))


def find_worst_change(scores: ScoreTable, times: Times, _: ErrorTable) -> Float[np.ndarray, " draws"]:
    """The lowest severity-weighted mean score over changes, in [0, 1], higher is better.

    Source: the worst case over corruptions in SemSegBench (arXiv 2505.18015).
    """
    return _find_lowest(_weigh_severities(scores.conditions, scores.average(times)))


def find_percentile(scores: ScoreTable, times: Times, _: ErrorTable) -> Float[np.ndarray, " draws"]:
    """The 5th percentile over cases of `average_changes` for the case alone, in [0, 1], higher is better.

    Linear between the order statistics, as in NumPy (type 7 of Hyndman & Fan, The American Statistician 1996).
    """
    values, upto = _rank_cases(scores, times)
    last = upto[:, -1] - 1.0
    place = last * TAIL_PERCENT / 100
    lower = np.floor(place)
    # Case number k, counted from 0, is the first one up to which more than k cases count.
    below, above = (
        values[(upto > number[:, None]).argmax(axis=1)] for number in (lower, np.minimum(lower + 1.0, last))
    )
    return np.where(last >= 0.0, below + (place - lower) * (above - below), np.nan)  # NaN where no case counts


def average_tail(scores: ScoreTable, times: Times, _: ErrorTable) -> Float[np.ndarray, " draws"]:
    """The mean over the worst 5 percent of the cases, at least one, of `average_changes` for the case alone.

    In [0, 1], higher is better. Of n cases, the ceil(0.05 n) worst count, so up to 20 cases it is the worst one.
    Conditional value at risk (Rockafellar & Uryasev, Journal of Risk 2000) of equally likely cases.
    """
    values, upto = _rank_cases(scores, times)
    size = np.ceil(upto[:, -1] * TAIL_PERCENT / 100)
    in_tail = np.diff(np.minimum(upto, size[:, None]), axis=1, prepend=0.0)
    return divide(in_tail @ values, size)


def find_worst_group(scores: ScoreTable, times: Times, errors: ErrorTable) -> Float[np.ndarray, " draws"]:
    """The lowest over groups of `average_changes` for the group alone, in [0, 1], higher is better.

    A group is a domain among the corrupted images, or a shift set (worst-group score, Sagawa et al., ICLR 2020). A
    group without a case that counts is left out.
    """
    groups = [(case.shift, "" if case.shift else case.domain) for case in scores.cases]
    members = [np.array([group == one for group in groups], dtype=float) for one in sorted(set(groups))]
    return _find_lowest(np.stack([average_changes(scores, times * is_in, errors) for is_in in members], axis=1))


def average_relative_errors(scores: ScoreTable, times: Times, errors: ErrorTable) -> Float[np.ndarray, " draws"]:
    """Mean over changes of the error divided by that of a reference network, 0 or more, lower is better.

    With the error E = 1 - mean score over cases: the sum of E over the severities that were measured, divided by the
    same sum of the reference; then the mean over changes (mean corruption error, Hendrycks & Dietterich, ICLR 2019).
    1 means as many errors as the reference makes.

    Args:
        scores: The scores that count.
        times: How often every case counts.
        errors: The reference's errors; must have all conditions of the table, and not be 0 for a whole change.
    """
    own = 1.0 - scores.average(times)
    is_known = ~np.isnan(own)
    reference = np.array([errors[condition] for condition in scores.conditions])
    belongs = _find_changes(scores.conditions)
    return average_known(divide(np.where(is_known, own, 0.0) @ belongs, (is_known * reference) @ belongs))


@dataclass(frozen=True)
class RobustnessKind:
    """One kind of robustness: its function, and the meaning of its number."""

    measure: Callable[[ScoreTable, Times, ErrorTable], Float[np.ndarray, " draws"]]
    """Computes the numbers from the scores that count, case counts, and the errors of a reference network."""

    description: str
    """The meaning of the number, with {unit} for the unit of the score."""
    source: str
    """The publication that it is from."""

    is_relative_error: bool = False
    """True if it is a ratio of errors, of which lower is better; else it is a score, of which higher is better."""

    def define(self, measure: Measure, errors: ErrorTable, counted: str) -> Objective:
        """The objective in terms of a measure; `counted` describes the images that count.

        The reference is 0 for scores; for ratios it is the value of a network whose scores are all 0.
        """
        text = f"{self.description.format(unit=measure.unit)}; over {counted} ({self.source})."
        if not self.is_relative_error:
            return Objective(ROBUSTNESS, measure.unit, measure.direction, reference=0.0, description=text)
        return Objective(ROBUSTNESS, "1", Direction.MINIMISE, reference=_worst_ratio(errors), description=text)


ROBUSTNESS_KINDS: Mapping[Robustness, RobustnessKind] = {
    Robustness.weighted_mean: RobustnessKind(
        average_changes,
        "Mean {unit} on changed images; mild severities weigh more, changes weigh the same",
        "Boone et al., NeuroImage 2023",
    ),
    Robustness.worst_corruption: RobustnessKind(
        find_worst_change,
        "Mean {unit} under the worst change; mild severities weigh more",
        "SemSegBench, arXiv 2505.18015",
    ),
    Robustness.percentile_5: RobustnessKind(
        find_percentile,
        "5th percentile over cases of the mean {unit} on changed images",
        "Hyndman & Fan, The American Statistician 1996, type 7",
    ),
    Robustness.cvar_5: RobustnessKind(
        average_tail,
        "Mean over the worst 5 percent of the cases of the mean {unit} on changed images",
        "Rockafellar & Uryasev, Journal of Risk 2000",
    ),
    Robustness.worst_group: RobustnessKind(
        find_worst_group,
        "Mean {unit} on changed images in the worst domain or shift set",
        "Sagawa et al., ICLR 2020",
    ),
    Robustness.mean_corruption_error: RobustnessKind(
        average_relative_errors,
        "Errors (1 - mean {unit}) on changed images, divided by those of a reference network",
        "Hendrycks & Dietterich, ICLR 2019",
        is_relative_error=True,
    ),
}
"""Every kind of robustness by its name in the config."""

assert set(ROBUSTNESS_KINDS) == set(Robustness), "every kind of robustness needs its entry in the table"


def _find_changes(conditions: Sequence[Condition]) -> Float[np.ndarray, "conditions changes"]:
    """1 where a condition belongs to a change, else 0."""
    changes = [condition.change for condition in conditions]
    return np.array([[float(change == one) for one in sorted(set(changes))] for change in changes])


def _weigh_severities(
    conditions: Sequence[Condition], means: Float[np.ndarray, "draws conditions"]
) -> Float[np.ndarray, "draws changes"]:
    """The weighted mean over the severities of every change, NaN where none was measured."""
    weights = np.array([SEVERITY_DECAY**item.severity for item in conditions])[:, None] * _find_changes(conditions)
    is_known = ~np.isnan(means)
    return divide(np.where(is_known, means, 0.0) @ weights, is_known @ weights)


def _find_lowest(values: Float[np.ndarray, "draws items"]) -> Float[np.ndarray, " draws"]:
    """The lowest of every row that is not NaN."""
    return np.asarray(np.fmin.reduce(values, axis=1))


def _rank_cases(
    scores: ScoreTable, times: Times
) -> tuple[Float[np.ndarray, " known"], Float[np.ndarray, "draws known"]]:
    """`average_changes` for every case alone, worst first, and how many cases count up to each.

    Cases that were not measured are left out.
    """
    alone = average_known(_weigh_severities(scores.conditions, scores.values))
    order = np.argsort(alone, kind="stable")[: int((~np.isnan(alone)).sum())]  # NaN is sorted to the end
    return alone[order], np.cumsum(times[:, order], axis=1)


def _worst_ratio(errors: ErrorTable) -> float:
    """The mean corruption error of a network whose scores are all 0."""
    changes: dict[Condition, list[float]] = {}
    for condition, error in errors.items():
        changes.setdefault(condition.change, []).append(error)
    return float(np.mean([len(of_change) / sum(of_change) for of_change in changes.values()]))
