"""Costs of a network: operations and bytes counted by hand, and measured values in their units."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from paretoseg.trainables.evaluation.costs import (
    count_flops,
    count_parameters,
    measure_costs,
    measure_latency_ms,
    measure_memory_gb,
    name_device,
)  # fmt: skip


class Classifier(nn.Module):
    """Two classes by a convolution over 3 x 3 (x 3) pixels into five channels and one over single pixels."""

    def __init__(self, spatial_dims: int = 2) -> None:
        super().__init__()
        convolution = nn.Conv2d if spatial_dims == 2 else nn.Conv3d
        self.layers = nn.Sequential(convolution(1, 5, 3, padding=1), nn.ReLU(), convolution(5, 2, 1))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits


class Attention(nn.Module):
    """Self-attention over the pixels of a row, which PyTorch fuses into one operation where it can."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.MultiheadAttention(8, num_heads=2, batch_first=True)

    def forward(self, images: Tensor) -> Tensor:
        tokens = images[:, 0, :, :8]
        attended: Tensor = self.layer(tokens, tokens, tokens, need_weights=False)[0]
        return attended[:, None]


def test_parameters_are_counted_with_biases() -> None:
    assert count_parameters(Classifier()) == (9 * 5 + 5) + (5 * 2 + 2)


@pytest.mark.parametrize(("spatial_dims", "taps"), [(2, 9), (3, 27)])
def test_operations_are_those_of_one_window_whatever_the_image(spatial_dims: int, taps: int) -> None:
    by_hand = 2 * 16**spatial_dims * (taps * 5 + 5 * 2)
    for extent in (8, 40):
        image = torch.rand(1, *[extent] * spatial_dims)
        assert count_flops(Classifier(spatial_dims), image, (16,) * spatial_dims) == by_hand


def test_operations_of_fused_attention_are_counted() -> None:
    # Four projections of 16 tokens with 8 channels, then scores and weighted sums over all pairs of tokens.
    by_hand = 4 * 2 * 16 * 8 * 8 + 2 * 2 * 16 * 16 * 8
    assert count_flops(Attention(), torch.rand(1, 16, 16), (16, 16)) == by_hand
    assert torch.backends.mha.get_fastpath_enabled()


def test_memory_holds_at_least_what_must_be_there_at_once_and_grows_with_the_image() -> None:
    small, large = (measure_memory_gb(Classifier(), torch.rand(1, extent, extent), (64, 64)) for extent in (64, 128))
    # Image, five channels before and five after the activation.
    assert small >= 4 * 64**2 * 11 / 1e9
    assert small < 4 * 64**2 * 40 / 1e9
    assert large > small


def test_memory_that_is_given_back_counts_once() -> None:
    class Repeated(nn.Module):
        def __init__(self, num: int) -> None:
            super().__init__()
            self.num = num

        def forward(self, images: Tensor) -> Tensor:
            for _ in range(self.num):
                images = images + 1.0
            return torch.cat((images, images), dim=1)

    image = torch.rand(1, 64, 64)
    assert measure_memory_gb(Repeated(9), image, (64, 64)) == measure_memory_gb(Repeated(2), image, (64, 64))


def test_latency_is_a_positive_number_of_milliseconds() -> None:
    assert 0.0 < measure_latency_ms(Classifier(), torch.rand(1, 32, 32), (32, 32)) < 10_000


def test_all_costs_are_measured_and_the_mode_of_the_network_is_restored() -> None:
    network = Classifier().train()
    costs = measure_costs(network, torch.rand(1, 32, 32), (32, 32))
    assert list(costs) == ["parameters", "flops", "latency_ms", "memory_gb"]
    assert all(value > 0 for value in costs.values())
    assert network.training


def test_a_cpu_is_named_with_its_threads() -> None:
    assert name_device("cpu", 1).endswith(", 1 thread")
    assert name_device("cpu", 4).endswith(", 4 threads")
    if "model name" in Path("/proc/cpuinfo").read_text():
        assert not name_device("cpu", 1).startswith(",")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_costs_on_a_gpu_agree_with_those_on_the_cpu() -> None:
    network, image = Classifier(), torch.rand(1, 64, 64)
    here = measure_costs(network, image, (64, 64))
    there = measure_costs(network.cuda(), image.cuda(), 64)
    assert (here["parameters"], here["flops"]) == (there["parameters"], there["flops"])
    assert 0.5 < there["memory_gb"] / here["memory_gb"] < 20.0
    assert "thread" not in name_device("cuda", 1)
