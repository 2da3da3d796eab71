"""Dice against known answers, MONAI, and the policy for empty masks."""

from __future__ import annotations

import pytest
import torch
from monai.metrics.meandice import DiceMetric
from torch.nn.functional import one_hot

from trainables.metrics import dice


def square(top: int, left: int, size: int = 4, value: int = 1) -> torch.Tensor:
    mask = torch.zeros(1, 12, 12, dtype=torch.long)
    mask[:, top : top + size, left : left + size] = value
    return mask


def test_two_half_overlapping_squares_score_one_half() -> None:
    assert dice(square(2, 2), square(2, 4), 2).tolist() == [[0.5]]


def test_equal_and_disjoint_masks_score_one_and_zero() -> None:
    assert dice(square(2, 2), square(2, 2), 2).tolist() == [[1.0]]
    assert dice(square(0, 0), square(8, 8), 2).tolist() == [[0.0]]


@pytest.mark.parametrize(("predicted", "actual", "score"), [(0, 0, 1.0), (1, 0, 0.0), (0, 1, 0.0)])
def test_empty_masks_follow_the_policy(predicted: int, actual: int, score: float) -> None:
    assert dice(square(2, 2, value=predicted), square(2, 2, value=actual), 2).tolist() == [[score]]


def test_classes_are_scored_apart() -> None:
    predicted = torch.maximum(square(0, 0), square(6, 6, value=2))
    actual = torch.maximum(square(0, 2), square(6, 6, value=2))
    assert dice(predicted, actual, 4).tolist() == [[0.5, 1.0, 1.0]]


def test_agrees_with_monai_where_both_masks_hold_something() -> None:
    generator = torch.Generator().manual_seed(0)
    predicted, actual = (torch.randint(0, 3, (5, 10, 10), generator=generator) for _ in range(2))
    theirs = DiceMetric(include_background=False)(
        one_hot(predicted, 3).movedim(-1, 1), one_hot(actual, 3).movedim(-1, 1)
    )
    assert isinstance(theirs, torch.Tensor)
    torch.testing.assert_close(dice(predicted, actual, 3), theirs)


def test_volumes_are_scored_alike() -> None:
    volume = torch.zeros(1, 4, 4, 4, dtype=torch.long)
    volume[:, :2] = 1
    shifted = volume.roll(1, dims=1)
    assert dice(volume, shifted, 2).tolist() == [[0.5]]
