"""What a segmentation search makes as good as it can, read off the rows of single cases. Free of torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from spaces.objective import Measurement, Objective
from trainables.measures import DICE, Measure
from trainables.severities import CLEAN
from trainables.trainable import MEAN, CaseScore

ACCURACY, ROBUSTNESS = "accuracy", "robustness"

SEVERITY_DECAY = 2.0 / 3.0
"""Weight of a severity relative to the one below it (ROOD-MRI, Boone et al., NeuroImage 2023)."""


def define_objectives(measure: Measure) -> tuple[Objective, Objective]:
    """Accuracy and robustness in terms of a measure that is at best 1 and at worst 0; the unit says which."""
    clean = f"Mean {measure.unit} on clean images, over cases and foreground classes."
    corrupted = f"Mean {measure.unit} on corrupted images; mild severities weigh more, corruptions weigh the same."
    return (
        Objective(ACCURACY, measure.unit, measure.direction, reference=0.0, description=clean),
        Objective(ROBUSTNESS, measure.unit, measure.direction, reference=0.0, description=corrupted),
    )


def summarise(rows: Sequence[CaseScore], measure: Measure) -> Measurement:
    """Both objectives in terms of a measure."""
    return Measurement(
        {ACCURACY: measure_accuracy(rows, measure.name), ROBUSTNESS: measure_robustness(rows, measure.name)}
    )


def measure_accuracy(rows: Sequence[CaseScore], metric: str = DICE.name) -> float:
    """Mean of the clean scores in one metric, over cases and foreground classes; in [0, 1], higher is better.

    Raises:
        ValueError: if no row is clean.
    """
    values = [row.value for row in select_means(rows, metric) if row.corruption == CLEAN]
    if not values:
        raise ValueError(f"accuracy needs scores of clean images in {metric}, got none")
    return float(np.mean(values))


def measure_robustness(rows: Sequence[CaseScore], metric: str = DICE.name) -> float:
    """Severity-weighted mean of the corrupted scores in one metric, in [0, 1], higher is better.

    Mean over cases and foreground classes; then over the severities s that were measured, with weights (2/3)^s that sum
    to 1; then over corruptions. Absolute and not relative to the clean score: a network that is bad everywhere loses
    nothing and is still bad.

    Raises:
        ValueError: if no row is corrupted.
    """
    values: dict[str, dict[int, list[float]]] = {}
    for row in select_means(rows, metric):
        if row.corruption != CLEAN:
            values.setdefault(row.corruption, {}).setdefault(row.severity, []).append(row.value)
    if not values:
        raise ValueError(f"robustness needs scores of corrupted images in {metric}, got none")
    return float(np.mean([_weighted_mean(by_severity) for by_severity in values.values()]))


def select_means(rows: Iterable[CaseScore], metric: str) -> list[CaseScore]:
    """The rows of one metric that stand for all foreground classes of a case."""
    return [row for row in rows if row.metric == metric and row.label == MEAN]


def _weighted_mean(by_severity: Mapping[int, Sequence[float]]) -> float:
    weights = [SEVERITY_DECAY**severity for severity in by_severity]
    return float(np.average([np.mean(values) for values in by_severity.values()], weights=weights))
