"""From rows of cases to one score a case and corruption. Free of torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from paretoseg.trainables.scoring.averages import SEVERITY_DECAY
from paretoseg.trainables.scoring.measures import DICE
from paretoseg.trainables.scoring.objectives import select_means
from paretoseg.trainables.trainable import CaseScore

CaseScores = tuple[float | None, ...]
"""Dice of every case, 0 to 1; None where a case was not measured."""


def weigh_severities(rows: Iterable[CaseScore], cases: Sequence[str]) -> dict[str, CaseScores]:
    """The mean Dice of every case over the severities of each corruption, weighted as in robustness.

    Args:
        rows: Of one network; clean images are under the name `none`.
        cases: The names of the cases, in the order of the result.

    Returns:
        By corruption, four digits behind the point.
    """
    sums: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for row in select_means(rows, DICE.name):
        sums.setdefault(row.corruption, {}).setdefault(row.case, []).append((row.value, SEVERITY_DECAY**row.severity))
    return {
        corruption: tuple(_average(by_case[name]) if name in by_case else None for name in cases)
        for corruption, by_case in sums.items()
    }


def _average(weighted: Sequence[tuple[float, float]]) -> float:
    values, weights = zip(*weighted, strict=True)
    return round(float(np.average(values, weights=weights)), 4)
