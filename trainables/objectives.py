"""What a segmentation search makes as good as it can, read off the rows of single cases. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from spaces.objective import Direction, Objective
from trainables.severities import CLEAN
from trainables.trainable import CaseScore

ACCURACY = Objective(
    name="accuracy",
    unit="Dice",
    direction=Direction.MAXIMISE,
    reference=0.0,
    description="Mean Dice on clean images, over cases and foreground classes.",
)

ROBUSTNESS = Objective(
    name="robustness",
    unit="Dice",
    direction=Direction.MAXIMISE,
    reference=0.0,
    description="Mean Dice on corrupted images; mild severities weigh more, corruptions weigh the same.",
)

SEVERITY_DECAY = 2.0 / 3.0
"""Weight of a severity relative to the one below it (ROOD-MRI, Boone et al., NeuroImage 2023)."""


def measure_accuracy(rows: Sequence[CaseScore]) -> float:
    """Mean of the clean scores, in [0, 1], higher is better.

    Raises:
        ValueError: if no row is clean.
    """
    values = [row.value for row in rows if row.corruption == CLEAN]
    if not values:
        raise ValueError("accuracy needs scores of clean images, got none")
    return float(np.mean(values))


def measure_robustness(rows: Sequence[CaseScore]) -> float:
    """Severity-weighted mean of the corrupted scores, in [0, 1], higher is better.

    Mean over cases; then over the severities s that were measured, with weights (2/3)^s that sum to 1; then over
    corruptions. Absolute and not relative to the clean score: a network that is bad everywhere loses nothing and is
    still bad.

    Raises:
        ValueError: if no row is corrupted.
    """
    values: dict[str, dict[int, list[float]]] = {}
    for row in rows:
        if row.corruption != CLEAN:
            values.setdefault(row.corruption, {}).setdefault(row.severity, []).append(row.value)
    if not values:
        raise ValueError("robustness needs scores of corrupted images, got none")
    return float(np.mean([_weighted_mean(by_severity) for by_severity in values.values()]))


def _weighted_mean(by_severity: Mapping[int, Sequence[float]]) -> float:
    weights = [SEVERITY_DECAY**severity for severity in by_severity]
    return float(np.average([np.mean(values) for values in by_severity.values()], weights=weights))
