"""Memory: the estimate, computed by hand; the available memory; the memory that was taken."""

from __future__ import annotations

import resource

import pytest
import torch
from torch import Tensor, nn

from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import DIMENSIONS
from paretoseg.trainables.networks.encoder_decoder import build_network
from paretoseg.trainables.training.learner import Learner
from paretoseg.trainables.training.memory import (
    BYTES_PER_GB,
    MemoryNeed,
    PeakMeter,
    available_bytes,
    estimate_need,
    flatten_outputs,
    is_out_of_memory,
    keep_freed_memory,
)


def test_the_need_of_one_layer_by_hand() -> None:
    layer = nn.Linear(10, 20, bias=False)
    need = estimate_need(layer, lambda outputs: outputs[0].square().sum(), (4, 10), state_per_weight=2)
    assert need.fixed == (2 + 2) * 200 * 4
    # The input, kept for the gradient of the weights, and the output, kept for that of its square.
    assert need.activations == (40 + 80) * 4 + 2 * 80 * 4


def test_half_the_batch_takes_half_of_what_depends_on_it() -> None:
    assert MemoryNeed(fixed=10.0, activations=6.0).total() == 16.0
    assert MemoryNeed(fixed=10.0, activations=6.0).total(num_parts=2) == 13.0


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_the_need_grows_with_batch_and_patch_as_they_do(spatial_dims: int) -> None:
    network = build_network(Architecture(depth=2, width=4), spatial_dims=spatial_dims, in_channels=1, num_classes=2)

    def need_of(num: int, edge: int) -> float:
        shape = (num, 1, *[edge] * spatial_dims)
        return estimate_need(network, lambda out: out[0].square().sum(), shape, state_per_weight=1).activations

    assert need_of(4, 16) == pytest.approx(2 * need_of(2, 16), rel=0.02)
    assert need_of(2, 32) == pytest.approx(2**spatial_dims * need_of(2, 16), rel=0.02)


@pytest.mark.parametrize("spatial_dims", [2, 3])
@pytest.mark.parametrize("family", DIMENSIONS["family"].describe().split(", "))
def test_every_family_can_be_estimated_and_weighs_at_least_its_weights(family: str, spatial_dims: int) -> None:
    architecture = Architecture(family=family, width=4, depth=3)
    network = build_network(architecture, spatial_dims=spatial_dims, in_channels=1, num_classes=2)
    shape = (1, 1, *[64] * spatial_dims)
    need = estimate_need(network, lambda out: out[0].square().sum(), shape, state_per_weight=2)
    assert need.fixed == 16 * sum(weight.numel() for weight in network.parameters())
    assert need.activations > 4 * 2 * 64**spatial_dims


def test_estimating_computes_nothing_and_leaves_the_network_as_it_is() -> None:
    network = build_network(Architecture(depth=2, width=4, norm="batch"), spatial_dims=3, in_channels=1, num_classes=2)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    # 4000 volumes of 256 pixels an edge: 268 GB for the images alone.
    need = estimate_need(network, lambda out: out[0].sum(), (4000, 1, 256, 256, 256), state_per_weight=2)
    assert need.total() > 1000 * BYTES_PER_GB
    for name, value in network.state_dict().items():
        assert torch.equal(before[name], value)
        assert value.device.type == "cpu"
    assert all(weight.grad is None for weight in network.parameters())


def test_auxiliary_outputs_follow_the_output() -> None:
    one, two = torch.zeros(1), torch.ones(1)
    assert flatten_outputs(one) == [one]
    assert flatten_outputs((one, [two])) == [one, two]


def test_there_is_some_memory_and_less_than_a_petabyte() -> None:
    assert 1e6 < available_bytes("cpu") < 1e15


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (MemoryError(), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_lack_of_memory_is_distinguished_from_other_errors(error: Exception, is_memory: bool) -> None:
    assert is_out_of_memory(error) == is_memory


def test_a_cpu_without_memory_raises_what_is_recognised() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert is_out_of_memory(caught.value)


def test_the_meter_sees_a_tensor_come_and_go() -> None:
    meter = PeakMeter("cpu")
    size = 200_000_000
    tensor: Tensor = torch.ones(size // 4)
    del tensor
    assert meter.read_gb() == pytest.approx(size / BYTES_PER_GB, rel=0.25)
    meter.restart()
    assert meter.read_gb() < 0.25 * size / BYTES_PER_GB


def test_the_estimate_of_a_training_is_near_what_it_takes() -> None:
    network = build_network(Architecture(depth=3, width=16), spatial_dims=3, in_channels=1, num_classes=3)
    learner = Learner(network, Recipe(), num_iterations=2, seed=0)
    shape = (2, 1, 48, 48, 48)
    meter = PeakMeter("cpu")
    for iteration in range(2):
        learner.learn(torch.rand(shape), torch.randint(3, (2, 48, 48, 48)), iteration)
    taken = meter.read_gb()
    assert learner.estimate_need(shape).total() / BYTES_PER_GB == pytest.approx(taken, rel=0.5)


def test_memory_that_is_freed_is_kept_for_what_comes_until_a_meter_is_made() -> None:
    keep_freed_memory()

    def count_faults() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        tensors = [torch.ones(1_000_000) for _ in range(10)]
        del tensors
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    pages = 10 * 4_000_000 // resource.getpagesize()
    assert min(count_faults() for _ in range(4)) < 0.1 * pages
    PeakMeter("cpu")
    assert count_faults() > 0.5 * pages
