"""One iteration: micro-batches change only the memory, dropout is reproducible, and lack of memory is reported."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.recipe import Recipe
from paretoseg.trainables.networks.encoder_decoder import build_network, initialise_weights
from paretoseg.trainables.training.learner import Learner, use_channels_last, uses_bfloat16
from tests.trainables.rounding import compute_in_double


def build(recipe: Recipe | None = None, *, architecture: Architecture | None = None, **options: bool) -> Learner:
    architecture = architecture or Architecture(depth=3, width=4)
    network = build_network(architecture, spatial_dims=2, in_channels=1, num_classes=3)
    initialise_weights(network, 1)
    return Learner(network, recipe or Recipe(optimiser="sgd"), num_iterations=8, seed=5, **options)


def build_exact(recipe: Recipe | None = None) -> Learner:
    learner = build(recipe)
    compute_in_double(learner._network)
    return learner


def batch(num: int = 5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(3, (num, 16, 16), generator=generator)
    return (labels[:, None] / 2.0 + 0.2 * torch.rand(num, 1, 16, 16, generator=generator)).clamp(0, 1), labels


def weights_of(learner: Learner) -> Tensor:
    return torch.cat([weight.detach().flatten() for weight in learner._network.parameters()])


def limit(learner: Learner, most: int, error: RuntimeError) -> list[int]:
    """Lets the network run out of memory with more than `most` images; returns the sizes that it was asked for."""
    sizes: list[int] = []

    def look(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        sizes.append(len(inputs[0]))
        if len(inputs[0]) > most:
            raise error

    learner._network.register_forward_pre_hook(look)
    return sizes


@pytest.mark.parametrize("loss", ["dice", "dice_cross_entropy"])
def test_parts_end_in_the_weights_of_the_whole_batch(loss: str) -> None:
    whole, parts = (build_exact(Recipe(loss=loss, optimiser="sgd")) for _ in range(2))
    parts.num_parts = 2
    before = weights_of(whole)
    for iteration in range(3):
        losses = [learner.learn(*batch(), iteration).item() for learner in (whole, parts)]
        assert losses[0] == pytest.approx(losses[1], abs=1e-10)
    assert (weights_of(whole) - before).abs().max() > 1e-3
    torch.testing.assert_close(weights_of(whole), weights_of(parts), atol=1e-10, rtol=0)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
def test_out_of_memory_is_met_with_half_the_batch_at_equal_steps(error: RuntimeError) -> None:
    lucky, tight = build_exact(), build_exact()
    sizes = limit(tight, 3, error)
    losses = [[learner.learn(*batch(), iteration).item() for iteration in range(3)] for learner in (lucky, tight)]
    assert sizes == [5, *[3, 2, 3, 2] * 3]
    assert losses[0] == pytest.approx(losses[1], abs=1e-10)
    torch.testing.assert_close(weights_of(lucky), weights_of(tight), atol=1e-10, rtol=0)
    assert tight.state_dict()["num_parts"] == 2


def test_a_second_lack_of_memory_ends_the_training_and_says_so() -> None:
    learner = build()
    limit(learner, 2, torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."))
    with pytest.raises(MemoryError, match=r"out of memory, with 3 patches of edge 16 at a time: CUDA out of memory"):
        learner.learn(*batch(), 0)


def test_a_single_patch_cannot_be_halved() -> None:
    learner = build()
    limit(learner, 0, torch.OutOfMemoryError("CUDA out of memory."))
    with pytest.raises(MemoryError, match="with 1 patches"):
        learner.learn(*batch(1), 0)


def test_other_errors_pass() -> None:
    learner = build()
    limit(learner, 0, RuntimeError("something else"))
    with pytest.raises(RuntimeError, match="something else"):
        learner.learn(*batch(), 0)


def test_dropout_repeats_itself_and_leaves_the_global_generator_alone() -> None:
    architecture = Architecture(depth=2, width=4, dropout=0.3)
    first, second = build(architecture=architecture), build(architecture=architecture)
    state = torch.get_rng_state()
    for iteration in range(2):
        first.learn(*batch(), iteration)
    assert torch.equal(state, torch.get_rng_state())
    torch.rand(3)
    for iteration in range(2):
        second.learn(*batch(), iteration)
    assert torch.equal(weights_of(first), weights_of(second))


def test_dropout_drops_something_else_in_every_iteration() -> None:
    learner = build(Recipe(learning_rate=1e-4), architecture=Architecture(depth=2, width=4, dropout=0.3))
    patches = batch()
    outputs = []
    for iteration in (0, 0, 1):
        learner._replica = learner._network
        outputs.append(learner._forward(patches[0], iteration, 0)[0])
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])


def test_deep_supervision_trains_what_the_output_alone_does_not() -> None:
    architecture = Architecture(depth=4, width=4, deep_supervision="on")
    learners = [build(architecture=architecture, has_auxiliary=asked) for asked in (False, True)]
    for learner in learners:
        learner.learn(*batch(), 0)
    trained = [
        {name for name, weight in learner._network.named_parameters() if weight.grad is not None}
        for learner in learners
    ]
    assert trained[0] < trained[1]


def test_bfloat16_ends_near_float32_and_the_weights_stay_float32() -> None:
    exact, half = build(), build(is_bfloat16=True)
    for iteration in range(3):
        losses = [learner.learn(*batch(), iteration).item() for learner in (exact, half)]
        assert losses[0] == pytest.approx(losses[1], abs=0.02)
        assert losses[0] != losses[1]
    assert weights_of(half).dtype == torch.float32


def test_a_cpu_trains_in_float32_unless_told_otherwise() -> None:
    assert not uses_bfloat16("auto", "cpu")
    assert not uses_bfloat16("float32", "cpu")
    assert uses_bfloat16("bfloat16", "cpu")


def test_learning_goes_on_from_a_state() -> None:
    recipe = Recipe(optimiser="adam", schedule="polynomial")
    whole, first, second = (build(recipe) for _ in range(3))
    for iteration in range(4):
        whole.learn(*batch(), iteration)
    for iteration in range(2):
        first.learn(*batch(), iteration)
    second._network.load_state_dict(first._network.state_dict())
    second.load_state_dict(first.state_dict())
    for iteration in range(2, 4):
        second.learn(*batch(), iteration)
    assert torch.equal(weights_of(whole), weights_of(second))


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
@pytest.mark.parametrize("is_last_at_first", [True, False])
def test_learning_goes_on_where_channels_lie_in_another_order(optimiser: str, is_last_at_first: bool) -> None:
    recipe = Recipe(optimiser=optimiser)
    whole, first, second = (build_exact(recipe) for _ in range(3))
    use_channels_last((first if is_last_at_first else second)._network, 2)
    for iteration in range(4):
        whole.learn(*batch(), iteration)
    for iteration in range(2):
        first.learn(*batch(), iteration)
    second._network.load_state_dict(first._network.state_dict())
    second.load_state_dict(first.state_dict())
    for iteration in range(2, 4):
        second.learn(*batch(), iteration)
    torch.testing.assert_close(weights_of(whole), weights_of(second), atol=1e-9, rtol=0)
