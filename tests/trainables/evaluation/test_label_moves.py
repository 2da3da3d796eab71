"""Cases that would lose a class are found on their labels alone, and what is found is what a measurement would meet."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.evaluation.degrading import CaseBatch
from paretoseg.trainables.evaluation.label_moves import find_left_out, find_lost
from paretoseg.trainables.scoring.battery import Battery
from paretoseg.trainables.severities.levels import LEVELS
from paretoseg.trainables.trainable import CLEAN_CONDITION, Condition

MOVING = [name for name, levels in LEVELS.items() if levels.moves_labels]


def build_case(number: int, shape: tuple[int, ...] = (32, 32), *, is_small: bool = True) -> Case:
    """An object in the middle, and one of a second class in a corner if it is small."""
    image = np.random.default_rng(number).random((1, *shape), dtype=np.float32)
    label = np.zeros(shape, dtype=np.uint8)
    label[tuple(slice(extent // 3, 2 * extent // 3) for extent in shape)] = 1
    if is_small:
        label[(slice(0, 2),) * len(shape)] = 2
    return Case(f"c{number}", "here", f"c{number}", "validation", image, label)


@pytest.mark.parametrize("shape", [(32, 32), (16, 20, 24)])
@pytest.mark.parametrize("name", MOVING)
def test_what_is_lost_is_what_a_measurement_would_refuse(name: str, shape: tuple[int, ...]) -> None:
    cases, spacing_mm = [build_case(number, shape) for number in range(12)], (0.7, 1.5, 5.0)[: len(shape)]
    battery = Battery.of([name], [1, 5], seed=3)
    for condition in battery.conditions[1:]:
        lost = find_lost(cases, condition, battery, spacing_mm)
        for case in cases:
            if case.name in lost:
                with pytest.raises(ValueError, match=lost[case.name]):
                    CaseBatch([case], battery, spacing_mm, "cpu").degrade(condition)
            else:
                CaseBatch([case], battery, spacing_mm, "cpu").degrade(condition)


def test_what_moves_no_labels_loses_nothing() -> None:
    cases = [build_case(0)]
    for condition in (CLEAN_CONDITION, Condition("gaussian_noise", 5), Condition("occlusion", 5)):
        assert find_lost(cases, condition, Battery((condition,), 0), (1.0, 1.0)) == {}


def test_a_case_is_left_out_of_the_conditions_alone_that_move_a_class_out_of_it() -> None:
    small, large = build_case(0), build_case(1, is_small=False)
    strengths = {"rotation": (1.0, 2.0, 3.0, 4.0, 45.0)}
    battery = Battery.of(["gaussian_noise", "rotation"], [1, 5], seed=0)
    battery = dataclasses.replace(battery, strengths={**battery.strengths, **strengths})
    left_out = find_left_out({"": [small, large]}, battery, (1.0, 1.0))
    assert left_out == {(Condition("rotation", 5), "c0")}
    battery = dataclasses.replace(battery, left_out=left_out)
    chosen = {condition: battery.choose_cases([small, large], condition) for condition in battery.conditions}
    assert chosen.pop(Condition("rotation", 5)) == [large]
    assert all(cases == [small, large] for cases in chosen.values())
