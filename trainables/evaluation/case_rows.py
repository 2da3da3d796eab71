"""From the masks of one case to the rows that are stored: one per measure and foreground class, and their mean."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from torch import Tensor

from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.evaluation.metrics import compare_surfaces, describe_emptiness
from paretoseg.trainables.scoring.measures import DICE, HD95, NSD, AbsentClasses, Measure, Scoring
from paretoseg.trainables.trainable import BOTH, CLEAN, MEAN, SOME, CaseScore, Condition


def to_rows(
    case: Case,
    condition: Condition,
    scoring: Scoring,
    spacing_mm: Sequence[float],
    *,
    masks: tuple[Tensor, Tensor],
    dice_scores: Sequence[float],
) -> Iterator[CaseScore]:
    """Yields the rows of one case under one condition: per measure one row per foreground class, then the mean.

    A class that is in neither mask is left out of the mean if the scoring says so. A case without any other class has
    the mean of all, and is marked so that no result counts it.

    Args:
        case: The case.
        condition: The condition under which it was predicted.
        scoring: The measures.
        spacing_mm: Edges of a voxel of the masks.
        masks: Prediction and reference.
        dice_scores: Per foreground class.
    """
    empty = describe_emptiness(*masks, scoring.num_classes, scoring.regions)
    is_kept = [_counts(what, scoring.absent_classes) for what in empty]
    left_out = "" if all(is_kept) else SOME if any(is_kept) else BOTH
    values: dict[Measure, Sequence[float]] = {DICE: dice_scores}
    measures = scoring.measures(is_clean=condition.corruption == CLEAN)
    if NSD in measures:
        values[NSD], values[HD95] = compare_surfaces(
            *masks,
            scoring.num_classes,
            spacing_mm=spacing_mm,
            tolerance_mm=scoring.nsd_tolerance_mm,
            regions=scoring.regions,
        )
    for measure in measures:
        of_classes = values[measure]
        place = (case.name, case.domain, condition.corruption, condition.severity, measure.name)
        for name, value, what in zip(scoring.class_names[1:], of_classes, empty, strict=True):
            yield CaseScore(*place, value, name, what, condition.shift)
        mean = average_classes(of_classes, empty, scoring.absent_classes)
        yield CaseScore(*place, mean, MEAN, left_out, condition.shift)


def average_classes(values: Sequence[float], empty: Sequence[str], absent_classes: AbsentClasses) -> float:
    """The mean of a case over its foreground classes, as it is stored.

    Args:
        values: Per foreground class.
        empty: Per foreground class, which of the two masks lack it; see `describe_emptiness`.
        absent_classes: Whether a class that both lack counts; if all would be left out, all count.
    """
    kept = [value for value, what in zip(values, empty, strict=True) if _counts(what, absent_classes)]
    return statistics.fmean(kept or values)


def _counts(empty: str, absent_classes: AbsentClasses) -> bool:
    return empty != BOTH or absent_classes is not AbsentClasses.skip
