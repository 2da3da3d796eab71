"""Predicts, before a search starts, how long measuring a trial takes relative to its training. Free of torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from paretoseg.trainables.data.datasets import Dataset
from paretoseg.trainables.scoring.battery import Battery
from paretoseg.trainables.scoring.windows import count_windows
from paretoseg.trainables.trainable import CLEAN_CONDITION, Condition, Split

PASSES_OF_TRAINING = 3
"""Cost of an iteration in forward passes: one forward pass, and a backward pass that takes twice as long."""


def count_measured(dataset: Dataset, battery: Battery) -> Counter[tuple[int, ...]]:
    """Number of images by shape in a complete measurement of the validation cases and shift sets."""
    cases_of = {"": dataset.cases(Split.VALIDATION), **dataset.shift_cases(Split.VALIDATION)}
    on_same_cases: dict[tuple[str, bool], list[Condition]] = {}
    for condition in battery.conditions:
        on_same_cases.setdefault((condition.shift, condition == CLEAN_CONDITION), []).append(condition)
    shapes: Counter[tuple[int, ...]] = Counter()
    for (shift, _), conditions in on_same_cases.items():
        for case in battery.choose_cases(cases_of[shift], conditions[0]):
            shapes[case.label.shape] += len(conditions)
    return shapes


def count_shapes(dataset: Dataset) -> Counter[tuple[int, ...]]:
    """Number of validation cases, also of shift sets, by shape: each is one image."""
    cases = (dataset.cases(Split.VALIDATION), *dataset.shift_cases(Split.VALIDATION).values())
    return Counter(case.label.shape for of_set in cases for case in of_set)


def predict_share(measured: Mapping[tuple[int, ...], int], patch: int, trained_pixels: int) -> float:
    """Approximate time of a complete measurement divided by that of training, counting only the network's operations.

    Args:
        measured: From `count_measured`.
        patch: Edge of the window, in pixels or voxels of equal edges.
        trained_pixels: Pixels or voxels in all training batches of a trial, repetitions included.
    """
    pixels: int = sum(
        times * count_windows(shape, (patch,) * len(shape)) * patch ** len(shape) for shape, times in measured.items()
    )
    return pixels / (PASSES_OF_TRAINING * trained_pixels)


def describe_predicted_shares(shares: Collection[float], enough_iterations: int) -> list[str]:
    """One line with the ways out if measuring takes longer than training for some patch; else empty.

    Args:
        shares: Results of `predict_share` for every patch that a trial may have.
        enough_iterations: Iterations per step with which training takes as long as measuring.
    """
    most = max(shares)
    if most <= 1:
        return []
    least, worst = f"{min(shares):.1f}", f"{most:.1f}"
    times, which = (worst, "") if least == worst else (f"{least} to {worst}", ", depending on the patch")
    return [
        f"measuring robustness will take about {times} times as long as the training that it judges{which}; train for "
        f"longer (task.iterations_per_step={enough_iterations} is enough) or lower "
        "task.num_battery_cases"
    ]
