"""Each kind of broken network is caught, and sane ones are not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from trainables.degeneracy import find_degeneracy, measure_sameness
from trainables.textures import draw_shape


@pytest.fixture
def labels() -> list[torch.Tensor]:
    return [torch.from_numpy(draw_shape(48, np.random.default_rng(seed))).long() for seed in range(8)]


def test_perfect_predictions_are_sane(labels: list[torch.Tensor]) -> None:
    assert find_degeneracy(labels, labels) == ""


def test_poor_but_varying_predictions_are_sane(labels: list[torch.Tensor]) -> None:
    assert find_degeneracy([label.roll((7, -7), dims=(0, 1)) for label in labels], labels) == ""


def test_nothing_and_almost_nothing_are_caught(labels: list[torch.Tensor]) -> None:
    nothing = [torch.zeros_like(label) for label in labels]
    assert "predicts almost no foreground" in find_degeneracy(nothing, labels)
    nothing[0][:3, :3] = 1
    assert "predicts almost no foreground" in find_degeneracy(nothing, labels)


def test_all_foreground_is_caught(labels: list[torch.Tensor]) -> None:
    everything = [torch.ones_like(label) for label in labels]
    everything[0][:4, :4] = 0
    assert "almost everything as foreground" in find_degeneracy(everything, labels)


def test_one_mask_for_all_is_caught(labels: list[torch.Tensor]) -> None:
    same = [labels[0].clone() for _ in labels]
    same[1][20:22, 20:22] = 0
    assert "same mask for every image" in find_degeneracy(same, labels)


def test_one_mask_for_all_is_caught_over_images_of_different_sizes(labels: list[torch.Tensor]) -> None:
    sizes = [40 + 4 * index for index in range(8)]
    references = [torch.from_numpy(draw_shape(size, np.random.default_rng(size))).long() for size in sizes]
    middle = [torch.zeros(size, size, dtype=torch.long) for size in sizes]
    for mask, size in zip(middle, sizes, strict=True):
        mask[size // 4 : -size // 4, size // 4 : -size // 4] = 1
    assert "same mask for every image" in find_degeneracy(middle, references)


def test_equal_references_prove_nothing(labels: list[torch.Tensor]) -> None:
    same = [labels[0]] * 8
    assert find_degeneracy(same, same) == ""


def test_a_single_case_is_not_judged_by_sameness(labels: list[torch.Tensor]) -> None:
    assert find_degeneracy(labels[:1], labels[1:2]) == ""


def test_a_class_of_its_own_counts_as_foreground(labels: list[torch.Tensor]) -> None:
    assert find_degeneracy([2 * label for label in labels], labels) == ""


def test_sameness_by_hand() -> None:
    one = torch.tensor([[True, True, False, False]])
    half = torch.tensor([[True, False, False, False]])
    assert measure_sameness([one, one]) == 1.0
    # The consensus of these two holds both pixels: Dice 1 and 2/3.
    assert measure_sameness([one, half]) == pytest.approx((1 + 2 / 3) / 2)
