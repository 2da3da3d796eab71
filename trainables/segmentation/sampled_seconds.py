"""How long a trial will take on this device: measured on a few iterations and images, and scaled to all of them."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from paretoseg.trainables.data.datasets import Case, Dataset
from paretoseg.trainables.scoring.battery import Battery
from paretoseg.trainables.scoring.windows import count_windows
from paretoseg.trainables.segmentation.search_part import COST_PREDICTIONS
from paretoseg.trainables.trainable import CLEAN, CLEAN_CONDITION, Condition, Split, TrialSeconds

_ITERATIONS = 4
"""Iterations that are timed at once, after the first one."""

_SHORT_SECONDS = 1.0
"""What takes less is timed again, because the first time sets things up."""

_CONDITIONS = 3
"""Corruptions that are tried on one case."""


def sample_seconds(
    *,
    train: Callable[[int, int], None],
    measure: Callable[[Battery, Sequence[Case]], object],
    batteries: Mapping[Split, Battery],
    dataset: Dataset,
    window: Sequence[int],
    num_iterations: int,
    num_quick_images: int,
) -> TrialSeconds:
    """What the parts of a trial take.

    Args:
        train: Does the iterations from one to the one before another.
        measure: Measures cases under the conditions of a battery.
        batteries: The complete measurement of every split.
        dataset: The cases.
        window: Extents of the sliding window; the time of an image grows with the pixels of all its windows.
        num_iterations: Of the whole training.
        num_quick_images: Of all quick measurements.
    """

    def weigh(case: Case) -> int:
        return count_windows(case.label.shape, window) * math.prod(window)

    train(0, 1)
    at_once = min(_ITERATIONS, num_iterations)
    training = num_iterations * _time(lambda: train(0, at_once)) / at_once
    middle = sorted(dataset.validation, key=weigh)[len(dataset.validation) // 2]
    battery = replace(batteries[Split.VALIDATION], has_gate=False, num_cases=0)
    battery = replace(battery, clean_names=frozenset(), changed_names=frozenset())

    def time_pixel(conditions: tuple[Condition, ...]) -> float:
        part = replace(battery, conditions=conditions)
        return _time(lambda: measure(part, [middle])) / len(conditions) / weigh(middle)

    clean, changed = time_pixel((CLEAN_CONDITION,)), time_pixel(_pick(battery.conditions))

    def measure_all(split: Split) -> float:
        sums = _weigh_all(batteries[split], dataset, split, weigh)
        return clean * sums[0] + changed * (sums[1] + COST_PREDICTIONS * weigh(middle))

    quick = num_quick_images * changed * statistics.mean(map(weigh, dataset.validation))
    return TrialSeconds(training, quick + measure_all(Split.VALIDATION), measure_all(Split.TEST))


def _pick(conditions: Sequence[Condition]) -> tuple[Condition, ...]:
    """Some corruptions, evenly spread; the clean image if there are none."""
    changed = [one for one in conditions if one.corruption != CLEAN]
    return tuple(changed[:: max(1, len(changed) // _CONDITIONS)][:_CONDITIONS]) or (CLEAN_CONDITION,)


def _weigh_all(battery: Battery, dataset: Dataset, split: Split, weigh: Callable[[Case], int]) -> tuple[int, int]:
    """The weights of all clean images that are measured, those of shift sets too, and of all corrupted ones."""
    cases, sums = {"": dataset.cases(split), **dataset.shift_cases(split)}, [0, 0]
    for condition in battery.conditions:
        chosen = battery.choose_cases(cases[condition.shift], condition)
        sums[condition.corruption != CLEAN] += sum(map(weigh, chosen))
    return sums[0], sums[1]


def _time(work: Callable[[], object]) -> float:
    """Seconds of some work."""
    for _ in range(2):
        start = time.perf_counter()
        work()
        seconds = time.perf_counter() - start
        if seconds >= _SHORT_SECONDS:
            break
    return seconds
