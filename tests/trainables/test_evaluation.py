"""Measuring a network: with hand-made networks whose scores are known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from trainables.costs import measure_latency_ms
from trainables.datasets import Case
from trainables.evaluation import Battery, Condition, measure, predict
from trainables.objectives import measure_accuracy, measure_robustness
from trainables.textures import draw_shape


class Threshold(nn.Module):
    """Foreground where the image is bright: perfect on the cases below as long as they are clean."""

    def __init__(self, at: float = 0.5) -> None:
        super().__init__()
        self.at = at
        self.sizes: list[tuple[int, ...]] = []

    def forward(self, images: Tensor) -> Tensor:
        self.sizes.append(tuple(images.shape))
        return torch.cat((torch.full_like(images, self.at), images), dim=1)


class Constant(nn.Module):
    """The same mask whatever the image shows."""

    def forward(self, images: Tensor) -> Tensor:
        foreground = torch.zeros_like(images)
        foreground[..., 8:24, 8:24] = 1.0
        return torch.cat((torch.full_like(images, 0.5), foreground), dim=1)


def build_cases(num: int = 4, size: int = 32) -> list[Case]:
    cases = []
    for index in range(num):
        label = draw_shape(size, np.random.default_rng(index))
        image = (0.3 + 0.4 * label[np.newaxis]).astype(np.float32)
        cases.append(Case(f"c{index}", "here", f"c{index}", "validation", image, label))
    return cases


BATTERY = Battery.of(["gaussian_noise", "gaussian_blur"], [1, 5], seed=0)


def scores(network: nn.Module, cases: list[Case], battery: Battery = BATTERY) -> dict[tuple[str, str, int], float]:
    rows = measure(network, cases, battery, patch=32, num_classes=2).rows
    return {(row.case, row.corruption, row.severity): row.value for row in rows}


def test_a_battery_is_clean_and_every_pair() -> None:
    pairs = [(condition.corruption, condition.severity) for condition in BATTERY.conditions]
    assert pairs == [
        ("none", 0), ("gaussian_noise", 1), ("gaussian_noise", 5), ("gaussian_blur", 1), ("gaussian_blur", 5)
    ]  # fmt: skip


def test_there_is_one_row_for_every_case_and_condition() -> None:
    result = measure(Threshold(), build_cases(3), BATTERY, patch=32, num_classes=2)
    assert len(result.rows) == 15
    assert {(row.metric, row.domain) for row in result.rows} == {("dice", "here")}
    assert all(0.0 <= row.value <= 1.0 for row in result.rows)


def test_a_perfect_network_scores_one_on_clean_images_and_less_on_corrupted_ones() -> None:
    result = measure(Threshold(), build_cases(), BATTERY, patch=32, num_classes=2)
    assert measure_accuracy(result.rows) == 1.0
    assert 0.5 < measure_robustness(result.rows) < 1.0
    assert result.degenerate == ""


def test_broken_networks_are_flagged() -> None:
    for network, reason in (
        (Threshold(0.9), "predicts almost no foreground"),
        (Threshold(0.1), "predicts almost everything as foreground"),
        (Constant(), "predicts the same mask"),
    ):
        result = measure(network, build_cases(), BATTERY, patch=32, num_classes=2)
        assert reason in result.degenerate


def test_scores_do_not_depend_on_order_company_or_repetition() -> None:
    cases = build_cases()
    everything = scores(Threshold(), cases)
    assert scores(Threshold(), cases[::-1]) == everything
    alone = scores(Threshold(), cases[2:3], Battery((Condition("gaussian_noise", 5),), seed=0))
    assert alone == {("c2", "gaussian_noise", 5): everything["c2", "gaussian_noise", 5]}
    assert scores(Threshold(), cases, dataclasses.replace(BATTERY, seed=1)) != everything


def test_windows_have_the_size_of_the_training_patch() -> None:
    network = Threshold()
    predict(network, torch.rand(3, 1, 40, 56), patch=16)
    assert {size[2:] for size in network.sizes} == {(16, 16)}


@pytest.mark.parametrize("shape", [(40, 56), (10, 50), (9, 9), (20, 18, 10)])
def test_a_pixelwise_network_predicts_the_same_through_windows(shape: tuple[int, ...]) -> None:
    images = torch.rand(2, 1, *shape)
    network = Threshold()
    torch.testing.assert_close(predict(network, images, patch=16), network(images))


def test_cases_of_different_sizes_are_measured_together() -> None:
    cases = build_cases(2, 32) + [dataclasses.replace(case, name=case.name + "_large") for case in build_cases(2, 40)]
    result = scores(Threshold(), cases)
    assert len(result) == 4 * 5
    assert all(value == 1.0 for (_, corruption, _), value in result.items() if corruption == "none")


def test_the_mode_of_the_network_is_restored() -> None:
    network = Threshold().train()
    measure(network, build_cases(1), BATTERY, patch=32, num_classes=2)
    measure_latency_ms(network, torch.rand(1, 32, 32), 32)
    assert network.training


def test_latency_is_a_positive_number_of_milliseconds() -> None:
    assert 0.0 < measure_latency_ms(Threshold(), torch.rand(1, 32, 32), 32) < 10_000
