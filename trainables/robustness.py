"""The ways in which scores on changed images become one number: a function each. Free of torch.

A *change* is a corruption or a shift set. All kinds but the last are absolute: what a network loses against its own
clean score is reported and never optimised, as a network that is bad everywhere loses nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias, TypeVar

import numpy as np

from spaces.objective import Direction, Objective
from trainables.measures import Measure
from trainables.trainable import CaseScore

ROBUSTNESS = "robustness"

SEVERITY_DECAY = 2.0 / 3.0
"""Weight of a severity relative to the one below it (ROOD-MRI, Boone et al., NeuroImage 2023)."""

TAIL_PERCENT = 5
"""Share of the cases that count as the tail."""

ErrorTable: TypeAlias = Mapping[tuple[str, int, str], float]
"""1 - the mean score of a reference network, by corruption, severity and shift set."""

_Key = TypeVar("_Key", bound=Hashable)


class Robustness(StrEnum):
    """How scores on changed images become one number; lower-case names, as the config is written."""

    weighted_mean = "weighted_mean"
    worst_corruption = "worst_corruption"
    percentile_5 = "percentile_5"
    cvar_5 = "cvar_5"
    worst_group = "worst_group"
    mean_corruption_error = "mean_corruption_error"


def average_changes(rows: Sequence[CaseScore], _: ErrorTable) -> float:
    """Mean over changes of the severity-weighted mean score, in [0, 1], higher is better.

    Mean over cases; then over the severities s that were measured, with weights (2/3)^s that sum to 1 (Boone et al.,
    NeuroImage 2023, where the clean score enters each mean with weight 1; here it is an objective of its own); then
    over changes.
    """
    return float(np.mean(list(_mean_by_change(rows).values())))


def find_worst_change(rows: Sequence[CaseScore], _: ErrorTable) -> float:
    """The lowest severity-weighted mean score over changes, in [0, 1], higher is better.

    As the worst case over corruptions in SemSegBench (arXiv 2505.18015).
    """
    return min(_mean_by_change(rows).values())


def find_percentile(rows: Sequence[CaseScore], _: ErrorTable) -> float:
    """The 5th percentile over cases of what `average_changes` gives for the case alone, in [0, 1], higher is better.

    Linear between the order statistics, as NumPy does it (type 7 of Hyndman & Fan, The American Statistician 1996).
    """
    return float(np.percentile(_mean_by_case(rows), TAIL_PERCENT))


def average_tail(rows: Sequence[CaseScore], _: ErrorTable) -> float:
    """The mean over the worst 5 percent of the cases, at least one, of what `average_changes` gives for the case alone.

    In [0, 1], higher is better. Of n cases, the ceil(0.05 n) worst count, so up to 20 cases it is the worst one.
    Conditional value at risk (Rockafellar & Uryasev, Journal of Risk 2000) of equally likely cases.
    """
    values = sorted(_mean_by_case(rows))
    return float(np.mean(values[: math.ceil(len(values) * TAIL_PERCENT / 100)]))


def find_worst_group(rows: Sequence[CaseScore], errors: ErrorTable) -> float:
    """The lowest of what `average_changes` gives for every group alone, in [0, 1], higher is better.

    A group is a domain among the corrupted images, or a shift set (worst-group score, Sagawa et al., ICLR 2020).
    """
    groups = split_rows(rows, lambda row: (row.shift, "" if row.shift else row.domain))
    return min(average_changes(group, errors) for group in groups.values())


def average_relative_errors(rows: Sequence[CaseScore], errors: ErrorTable) -> float:
    """Mean over changes of the error divided by that of a reference network, 0 or more, lower is better.

    With the error E = 1 - mean score over cases: the sum of E over the severities that were measured, divided by the
    same sum of the reference; then the mean over changes (mean corruption error, Hendrycks & Dietterich, ICLR 2019).
    1 means as many errors as the reference makes.

    Args:
        rows: What was measured.
        errors: The reference's errors; must hold all conditions among the rows, and not be 0 for a whole change.
    """
    ratios = []
    for change in split_rows(rows, _change_of).values():
        by_condition = split_rows(change, condition_of)
        own = sum(1.0 - float(np.mean([row.value for row in group])) for group in by_condition.values())
        ratios.append(own / sum(errors[condition] for condition in by_condition))
    return float(np.mean(ratios))


@dataclass(frozen=True)
class RobustnessKind:
    """One way to robustness: its function, and what its number says."""

    measure: Callable[[Sequence[CaseScore], ErrorTable], float]
    """From the rows that count, at least one, and the errors of a reference network to the number."""

    description: str
    """What the number says, with {unit} for the unit of the score."""

    source: str
    """Where it is from."""

    is_relative_error: bool = False
    """True if it is a ratio of errors, of which lower is better; else it is a score, of which higher is better."""

    def define(self, measure: Measure, errors: ErrorTable, counted: str) -> Objective:
        """The objective in terms of a measure; `counted` says which images count.

        The worst value that still counts is 0 for scores, and for ratios that of a network whose scores are all 0.
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


def split_rows(rows: Sequence[CaseScore], key: Callable[[CaseScore], _Key]) -> dict[_Key, list[CaseScore]]:
    """The rows by what a function says of them."""
    groups: dict[_Key, list[CaseScore]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def condition_of(row: CaseScore) -> tuple[str, int, str]:
    """Corruption, severity and shift set of a row: a key of `ErrorTable`."""
    return row.corruption, row.severity, row.shift


def _change_of(row: CaseScore) -> tuple[str, str]:
    return row.corruption, row.shift


def _mean_by_change(rows: Sequence[CaseScore]) -> dict[tuple[str, str], float]:
    return {change: _weighted_mean(group) for change, group in split_rows(rows, _change_of).items()}


def _mean_by_case(rows: Sequence[CaseScore]) -> list[float]:
    return [average_changes(group, {}) for group in split_rows(rows, lambda row: row.case).values()]


def _weighted_mean(rows: Sequence[CaseScore]) -> float:
    groups = split_rows(rows, lambda row: row.severity)
    weights = [SEVERITY_DECAY**severity for severity in groups]
    return float(np.average([np.mean([row.value for row in group]) for group in groups.values()], weights=weights))


def _worst_ratio(errors: ErrorTable) -> float:
    """The mean corruption error of a network whose scores are all 0."""
    changes: dict[tuple[str, str], list[float]] = {}
    for (corruption, _, shift), error in errors.items():
        changes.setdefault((corruption, shift), []).append(error)
    return float(np.mean([len(of_change) / sum(of_change) for of_change in changes.values()]))
