"""Which cases a study measures under no network, because a corruption would move a class out of their image.

Found on the labels alone before the search starts, and again in every process that measures: the same everywhere. Free
of torch unless the battery moves labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from paretoseg.trainables.data.datasets import Case, DataConfig, load_once
from paretoseg.trainables.scoring.battery import LeftOut
from paretoseg.trainables.segmentation.settings import SegmentationSettings
from paretoseg.trainables.severities.levels import LEVELS
from paretoseg.trainables.trainable import Condition, Split

_MAX_NAMED = 3


@lru_cache(maxsize=8)
def find_left_out_once(settings: SegmentationSettings, data: DataConfig, split: Split) -> LeftOut:
    """The cases of a split that are left out, each with its condition; cached, because it takes time on large labels.

    All cases of the split are looked at, whichever of them the battery draws.
    """
    cases = _list_cases(data, split)
    battery = settings.battery([name for name in cases if name], split)
    battery = replace(battery, num_cases=0, clean_names=frozenset(), changed_names=frozenset())
    if not any(LEVELS[name].moves_labels for name in battery.corruptions):
        return frozenset()
    from paretoseg.trainables.evaluation.label_moves import find_left_out  # torch: late, as most batteries move nothing

    return find_left_out(cases, battery, load_once(data).spacing_mm)


def describe_left_out(settings: SegmentationSettings, data: DataConfig) -> list[str]:
    """One line that names the cases of all splits which are left out, and under which conditions; else empty."""
    by_condition: dict[Condition, list[str]] = {}
    for split in Split:
        for condition, name in sorted(find_left_out_once(settings, data, split)):
            by_condition.setdefault(condition, []).append(name)
    if not by_condition:
        return []
    parts = [f"{condition.describe()}: {_name(names)}" for condition, names in sorted(by_condition.items())]
    return [
        "these cases are measured under a corruption for no candidate, because it would move a class out of their "
        f"image: {'; '.join(parts)}"
    ]


def check_enough_left(settings: SegmentationSettings, data: DataConfig) -> list[str]:
    """One finding for every condition that more than half of its cases are left out of; empty if there is none."""
    findings = []
    for split in Split:
        cases, left_out = _list_cases(data, split), find_left_out_once(settings, data, split)
        battery = settings.battery([name for name in cases if name], split)
        for condition in sorted({condition for condition, _ in left_out}):
            chosen = battery.choose_cases(cases[condition.shift], condition)
            number = sum((condition, case.name) in left_out for case in chosen)
            if 2 * number > len(chosen):
                findings.append(
                    f"{condition.corruption} of severity {condition.severity} would move a class out of {number} of "
                    f"{len(chosen)} {split.value} cases; leave the severity or the corruption out, or set weaker "
                    "strengths with task.strengths"
                )
    return findings


def _list_cases(data: DataConfig, split: Split) -> dict[str, Sequence[Case]]:
    """The cases of a split by shift set; '' for those like in training."""
    dataset = load_once(data)
    return {"": dataset.cases(split), **dataset.shift_cases(split)}


def _name(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:_MAX_NAMED])
    return shown + (f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else "")
