"""The part of the battery that is measured while a network trains: where a pruner decides, and cheap. Free of torch.

All trials of a study measure the same conditions on the same cases, so that they can be compared. Shift sets are one
condition together, as each corruption is one: their number does not multiply the work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from paretoseg.trainables.data.datasets import Case, Dataset
from paretoseg.trainables.scoring.battery import Battery, LeftOut, to_conditions
from paretoseg.trainables.scoring.battery_share import count_shapes, predict_share
from paretoseg.trainables.scoring.objectives import RobustnessOver, RobustnessRule
from paretoseg.trainables.seeds import derive_seed
from paretoseg.trainables.segmentation.settings import SegmentationSettings
from paretoseg.trainables.trainable import CLEAN_CONDITION, Condition, Split

LEAST_IMAGES = 2
"""A clean image and a changed one: without either, an objective has no value."""

_SETS = Condition("all shift sets", 0)
"""Stands for all shift sets in the list of what may be measured."""


@dataclass(frozen=True)
class QuickPart:
    """What a quick measurement measures."""

    battery: Battery
    cases: Sequence[Case]
    shift: Mapping[str, Sequence[Case]]
    """The cases of the shift sets in the battery, by name."""

    @property
    def num_images(self) -> int:
        """How many images go through the network."""
        num_changed = sum(not condition.shift for condition in self.battery.conditions)
        return num_changed * len(self.cases) + sum(map(len, self.shift.values()))


def choose_quick_part(
    settings: SegmentationSettings, rule: RobustnessRule, dataset: Dataset, left_out: LeftOut = frozenset()
) -> QuickPart:
    """Clean images, every corruption that counts at one severity, and the shift sets if they count.

    At most `quick_images` images: fewer cases if that is enough, else one case and some of the conditions, drawn by
    `battery_seed`.

    Args:
        settings: Of the task.
        rule: What counts towards robustness.
        dataset: The cases.
        left_out: The cases that are not measured under a condition.
    """
    shift_cases = dataset.shift_cases(Split.VALIDATION)
    if not settings.quick_share:  # as earlier versions did
        battery = replace(settings.quick_battery(rule, tuple(shift_cases)), left_out=left_out)
        shift = {name: settings.choose_quick(cases) for name, cases in shift_cases.items()}
        return QuickPart(battery, settings.choose_quick(dataset.cases(Split.VALIDATION), battery), shift)
    battery, number = settings.quick_battery(rule), settings.num_quick_cases
    changed = [condition for condition in battery.conditions if condition != CLEAN_CONDITION]
    if shift_cases and rule.over is not RobustnessOver.corruptions:
        changed.append(_SETS)
    if settings.quick_images:
        number = min(number, max(settings.quick_images // (1 + len(changed)), 1))
        changed = _draw(changed, max(settings.quick_images, LEAST_IMAGES) - 1, settings.battery_seed)
    counts = _share_out(sorted(shift_cases), number, settings.battery_seed) if _SETS in changed else {}
    conditions = [CLEAN_CONDITION, *(one for one in changed if one != _SETS), *to_conditions(list(counts))]
    battery = replace(battery, conditions=tuple(conditions), left_out=left_out)
    shift = {
        name: replace(settings, num_quick_cases=count).choose_quick(shift_cases[name]) for name, count in counts.items()
    }
    few = replace(settings, num_quick_cases=number)
    return QuickPart(battery, few.choose_quick(dataset.cases(Split.VALIDATION), battery), shift)


def fit_quick_images(
    settings: SegmentationSettings, dataset: Dataset, trained: Mapping[int, int], num_measurements: int
) -> int:
    """The images of a quick measurement, so that all of a training take `quick_share` of its time; at least 2.

    Args:
        settings: Of the task.
        dataset: The cases.
        trained: Pixels or voxels that a training sees, by edge of the patch; the mean over these patches counts.
        num_measurements: How many quick measurements a training has.
    """
    images = count_shapes(dataset)
    shares = [predict_share(images, patch, voxels) / images.total() for patch, voxels in trained.items()]
    share = num_measurements * sum(shares) / len(shares)
    return max(LEAST_IMAGES, int(settings.quick_share / share))


def _draw(conditions: Sequence[Condition], number: int, seed: int) -> list[Condition]:
    """A number of the conditions, in their given order."""
    drawn = sorted(conditions, key=lambda one: derive_seed("quick condition", one.corruption, seed))[:number]
    return [one for one in conditions if one in drawn]


def _share_out(names: Sequence[str], number: int, seed: int) -> dict[str, int]:
    """How many cases of every shift set are measured, one or more, in all as many as are asked for."""
    drawn = sorted(names, key=lambda name: derive_seed("quick shift set", name, seed))
    return dict(_count(drawn, number))


def _count(drawn: Sequence[str], number: int) -> Iterator[tuple[str, int]]:
    whole, rest = divmod(number, len(drawn))
    for place, name in enumerate(drawn):
        if count := whole + (place < rest):
            yield name, count
