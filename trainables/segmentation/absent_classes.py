"""What is needed to leave absent classes out of means: cases that hold some class. Free of torch."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from paretoseg.trainables.data.datasets import Case, Dataset
from paretoseg.trainables.data.ignored import has_foreground
from paretoseg.trainables.scoring.battery import Battery
from paretoseg.trainables.trainable import Split


@lru_cache(maxsize=32)
def find_holders(cases: tuple[Case, ...]) -> tuple[Case, ...]:
    """The cases whose reference has some foreground class, in their order; cached, because it reads all labels."""
    return tuple(case for case in cases if has_foreground(case.label))


def check_holders(dataset: Dataset, make_battery: Callable[[Split], Battery]) -> list[str]:
    """One finding for every set of measured cases in which no case holds a class: a good network has no score there.

    Args:
        dataset: The data of the study.
        make_battery: The battery of a split, without the cases that are left out.
    """
    findings = []
    for split in Split:
        sets, battery = {"": dataset.cases(split), **dataset.shift_cases(split)}, make_battery(split)
        measured = {
            (condition.shift, tuple(battery.choose_cases(sets[condition.shift], condition)))
            for condition in battery.conditions
        }
        for shift, cases in sorted(measured, key=lambda item: (item[0], len(item[1]))):
            if cases and not find_holders(cases):
                where = f" of shift set {shift}" if shift else ""
                moved = ", leave out the corruptions that move a class out of an image" if battery.left_out else ""
                findings.append(
                    f"task.absent_classes=skip needs cases with some class, and none of {len(cases)} {split.value} "
                    f"cases{where} that are measured holds any; measure more with task.num_battery_cases=0{moved}, or "
                    "set task.absent_classes=one"
                )
    return findings
