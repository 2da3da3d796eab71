"""The similarity of corrupted to clean images: 1 for equal ones, less with strength, and the number that others get."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from monai.metrics.regression import SSIMMetric

from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.evaluation.degrading import CaseBatch
from paretoseg.trainables.evaluation.similarity import measure_similarity
from paretoseg.trainables.scoring.battery import Battery
from paretoseg.trainables.trainable import CLEAN_CONDITION, Condition

BATTERY = Battery.of(["gaussian_noise", "gaussian_blur"], [1, 2, 3, 4, 5], seed=0)


def build_case(number: int, shape: tuple[int, ...]) -> Case:
    image = np.random.default_rng(number).random((2, *shape), dtype=np.float32)
    label = np.ones(shape, dtype=np.uint8)
    label[0] = 0
    return Case(f"c{number}", "here", f"c{number}", "validation", image, label)


@pytest.mark.parametrize("shape", [(48, 40), (24, 20, 28)])
def test_similarity_falls_from_one_with_the_strength(shape: tuple[int, ...]) -> None:
    cases, spacing_mm = [build_case(number, shape) for number in range(2)], (1.0,) * len(shape)
    assert measure_similarity(cases, CLEAN_CONDITION, BATTERY, spacing_mm) == pytest.approx(1.0)
    for name in ("gaussian_noise", "gaussian_blur"):
        values = [measure_similarity(cases, Condition(name, severity), BATTERY, spacing_mm) for severity in range(1, 6)]
        assert all(weak > strong for weak, strong in itertools.pairwise([1.0, *values]))


def test_similarity_is_that_of_monai_away_from_the_border() -> None:
    """MONAI leaves out the border and cuts the window at 11 pixels, so the two agree to within a few thousandths."""
    case, condition, spacing_mm = build_case(0, (96, 96)), Condition("gaussian_noise", 3), (1.0, 1.0)
    batch = CaseBatch([case], BATTERY, spacing_mm, "cpu")
    clean, corrupted = (batch.degrade(one)[0].image[None] for one in (CLEAN_CONDITION, condition))
    theirs = SSIMMetric(spatial_dims=2, data_range=1.0, win_size=11, kernel_sigma=1.5)(corrupted, clean)
    assert isinstance(theirs, torch.Tensor)
    assert measure_similarity([case], condition, BATTERY, spacing_mm) == pytest.approx(float(theirs.mean()), abs=3e-3)


def test_a_case_that_is_left_out_does_not_count() -> None:
    cases, condition = [build_case(number, (32, 32)) for number in range(2)], Condition("gaussian_noise", 3)
    spacing_mm = (1.0, 1.0)
    battery = dataclasses.replace(BATTERY, left_out=frozenset({(condition, "c0")}))
    assert measure_similarity(cases, condition, battery, spacing_mm) == measure_similarity(
        cases[1:], condition, BATTERY, spacing_mm
    )
