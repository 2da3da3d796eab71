"""The scores that a segmentation search may optimise: accuracy, robustness, the worst group, and NSD. Free of torch."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from paretoseg.spaces.objective import Objective
from paretoseg.trainables.scoring.measures import MEASURES, NSD, ObjectiveMetric, SurfaceMetrics
from paretoseg.trainables.scoring.objectives import (
    ACCURACY,
    WORST_GROUP,
    RobustnessRule,
    define_objectives,
    find_rule,
    measure_accuracy,
)
from paretoseg.trainables.scoring.robustness_kinds import ROBUSTNESS, Robustness
from paretoseg.trainables.trainable import CaseScore

SURFACE = NSD.name
"""The objective that is the mean NSD on clean images, where accuracy is a mean Dice."""


def define_scores(
    metric: ObjectiveMetric, rule: RobustnessRule, surface_metrics: SurfaceMetrics
) -> tuple[Objective, ...]:
    """Accuracy and robustness, then the scores that are not the same as one of these and are measured."""
    measure = MEASURES[metric]
    found = list(define_objectives(measure, rule))
    if rule.kind is not Robustness.worst_group:
        found.append(replace(find_rule(WORST_GROUP, rule).define(measure), name=WORST_GROUP))
    if metric is not ObjectiveMetric.nsd and surface_metrics is not SurfaceMetrics.none:
        found.append(replace(define_objectives(NSD)[0], name=SURFACE))
    return tuple(found)


def measure_scores(
    rows: Sequence[CaseScore], names: Collection[str], metric: str, rule: RobustnessRule
) -> dict[str, float]:
    """The scores of a network by name, of those that are named.

    Raises:
        ValueError: if no row counts towards one.
    """
    found = {}
    if ACCURACY in names:
        found[ACCURACY] = measure_accuracy(rows, metric)
    for name in (ROBUSTNESS, WORST_GROUP):
        if name in names:
            found[name] = find_rule(name, rule).measure(rows, metric)
    if SURFACE in names:
        found[SURFACE] = measure_accuracy(rows, NSD.name)
    return found
