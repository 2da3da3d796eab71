"""Counts the classes that means leave out because they are in neither mask of a case. Free of torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from paretoseg.trainables.trainable import BOTH, MEAN, SOME, CaseScore


@dataclass(frozen=True)
class AbsentCount:
    """How much of a network's accuracy is left out: depends on the network, as a false positive is never left out."""

    classes: int
    """Classes of single cases that are left out."""

    all_classes: int
    """Classes of single cases in all."""

    cases: int
    """Cases without any class that counts."""

    all_cases: int
    """Cases in all."""


def count_absent(rows: Iterable[CaseScore]) -> AbsentCount:
    """What the means of clean images leave out, of cases like those in training."""
    clean = [row for row in rows if row.is_clean]
    clean = [row for row in clean if row.metric == clean[0].metric]  # every metric has the same rows
    means = {row.case: row.empty for row in clean if row.label == MEAN}
    of_classes = [row for row in clean if row.label != MEAN]
    left_out = [row for row in of_classes if row.empty == BOTH and means[row.case] in (BOTH, SOME)]
    return AbsentCount(len(left_out), len(of_classes), sum(what == BOTH for what in means.values()), len(means))
