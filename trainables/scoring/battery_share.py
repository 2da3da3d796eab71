"""What measuring a trial will take beside training it, known before a search begins. Free of torch."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping

from paretoseg.trainables.data.datasets import Dataset
from paretoseg.trainables.scoring.battery import Battery
from paretoseg.trainables.scoring.windows import count_windows
from paretoseg.trainables.trainable import CLEAN_CONDITION, Condition, Split

PASSES_OF_TRAINING = 3
"""Passes through the network that an iteration is worth: one forward, and one backward that takes twice as long."""


def count_measured(dataset: Dataset, battery: Battery) -> Counter[tuple[int, ...]]:
    """How many images of which shape a complete measurement of validation cases and shift sets shows the network."""
    cases_of = {"": dataset.cases(Split.VALIDATION), **dataset.shift_cases(Split.VALIDATION)}
    on_same_cases: dict[tuple[str, bool], list[Condition]] = {}
    for condition in battery.conditions:
        on_same_cases.setdefault((condition.shift, condition == CLEAN_CONDITION), []).append(condition)
    shapes: Counter[tuple[int, ...]] = Counter()
    for (shift, _), conditions in on_same_cases.items():
        for case in battery.choose_cases(cases_of[shift], conditions[0]):
            shapes[case.label.shape] += len(conditions)
    return shapes


def predict_share(measured: Mapping[tuple[int, ...], int], patch: int, trained_pixels: int) -> float:
    """The time of a complete measurement by the time of training, about: what the network does, and nothing beside it.

    Args:
        measured: As of `count_measured`.
        patch: Edge of the window, in pixels or voxels.
        trained_pixels: Pixels or voxels that a trial is trained on in all, each counted as often as it is seen.
    """
    pixels: int = sum(times * count_windows(shape, patch) * patch ** len(shape) for shape, times in measured.items())
    return pixels / (PASSES_OF_TRAINING * trained_pixels)


def describe_predicted_shares(shares: Collection[float], iterations_per_step: int) -> list[str]:
    """A line with the ways out if measuring takes longer than training for some patch; else nothing.

    Args:
        shares: As `predict_share` gives them, for every patch that a trial may have.
        iterations_per_step: Optimiser iterations of a step.
    """
    most = max(shares)
    if most <= 1:
        return []
    least, worst = f"{min(shares):.1f}", f"{most:.1f}"
    times, which = (worst, "") if least == worst else (f"{least} to {worst}", ", depending on the patch")
    return [
        f"measuring robustness will take about {times} times as long as the training that it judges{which}; train for "
        f"longer (task.iterations_per_step={math.ceil(iterations_per_step * most)} is enough) or lower "
        "task.num_battery_cases"
    ]
