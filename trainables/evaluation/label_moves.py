"""Which cases would lose a class because a corruption moves their labels, found on the labels alone.

Where a class is moved out of the image, a network that never predicts it would be right. So such a case is not measured
under this condition, for any network. The result depends on cases and battery alone and is the same in every process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.evaluation.degrading import CaseBatch
from paretoseg.trainables.scoring.battery import Battery, LeftOut
from paretoseg.trainables.severities.levels import LEVELS
from paretoseg.trainables.trainable import Condition


def find_left_out(cases: Mapping[str, Sequence[Case]], battery: Battery, spacing_mm: Sequence[float]) -> LeftOut:
    """The conditions and names of the cases that would lose a class there, among those that the battery measures.

    Args:
        cases: By shift set; '' for those like in training.
        battery: The conditions, and how many cases are measured under them.
        spacing_mm: Of cases that are not from files.
    """
    return frozenset(
        (condition, name)
        for condition in battery.conditions
        if moves_labels(condition)
        for name in find_lost(battery.choose_cases(cases[condition.shift], condition), condition, battery, spacing_mm)
    )


def find_lost(
    cases: Sequence[Case], condition: Condition, battery: Battery, spacing_mm: Sequence[float]
) -> dict[str, str]:
    """What the labels of cases would lose under a condition, by name of the case; cases that lose nothing are absent.

    Args:
        cases: Of any shapes.
        condition: Its corruption may move labels or not.
        battery: Draws, strengths and rules.
        spacing_mm: Of cases that are not from files.
    """
    if not moves_labels(condition):
        return {}
    found = {}
    for case in cases:
        [lost] = CaseBatch([case], battery, spacing_mm, "cpu").find_lost(condition)
        if lost:
            found[case.name] = lost
    return found


def moves_labels(condition: Condition) -> bool:
    """Whether labels move under a condition."""
    return condition.corruption in LEVELS and LEVELS[condition.corruption].moves_labels
