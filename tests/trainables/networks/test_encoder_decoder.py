"""Every architecture can be built, keeps the resolution, and differs where it says so."""

from __future__ import annotations

import itertools

import pytest
import torch

from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.search_space import DIMENSIONS
from paretoseg.trainables.networks.attention import ATTENTION
from paretoseg.trainables.networks.blocks import BLOCKS
from paretoseg.trainables.networks.encoder_decoder import build_network, initialise_weights
from paretoseg.trainables.networks.layers import ACTIVATIONS, UPSAMPLING
from paretoseg.trainables.networks.size import count_parameters
from paretoseg.trainables.networks.skips import SKIPS, AttentionGate, NoSkip


def build(architecture: Architecture, spatial_dims: int = 2) -> torch.nn.Module:
    network = build_network(architecture, spatial_dims=spatial_dims, in_channels=1, num_classes=3)
    initialise_weights(network, 0)
    return network


def test_the_tables_hold_exactly_the_options_of_the_search_space() -> None:
    assert ", ".join(SKIPS) == DIMENSIONS["skip"].describe()
    assert ", ".join(ATTENTION) == DIMENSIONS["attention"].describe()
    assert ", ".join(BLOCKS) == DIMENSIONS["block"].describe()
    assert ", ".join(ACTIVATIONS) == DIMENSIONS["activation"].describe()
    assert ", ".join(UPSAMPLING) == DIMENSIONS["upsampling"].describe()


@pytest.mark.parametrize(("skip", "attention"), list(itertools.product(SKIPS, ATTENTION)))
@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_logits_have_the_resolution_of_the_image(skip: str, attention: str, spatial_dims: int) -> None:
    network = build(Architecture(skip=skip, attention=attention, depth=3, width=4), spatial_dims)
    size = (16, 24, 16)[:spatial_dims]
    logits = network(torch.rand(2, 1, *size))
    assert logits.shape == (2, 3, *size)
    assert logits.isfinite().all()
    assert logits.std() > 0


def test_every_parameter_gets_a_gradient() -> None:
    for skip, attention in itertools.product(SKIPS, ATTENTION):
        network = build(Architecture(skip=skip, attention=attention, depth=3, width=4))
        network(torch.rand(2, 1, 16, 16)).square().sum().backward()
        assert all(parameter.grad is not None for parameter in network.parameters())


def test_a_plain_network_has_the_parameters_counted_by_hand() -> None:
    # Two levels, 4 and 8 channels, no skip: blocks 1-4-4, 4-8-8, transposed 8-4, block 4-4-4, head 4-3.
    convolutions = 9 * (1 * 4 + 4 * 4 + 4 * 8 + 8 * 8 + 4 * 4 + 4 * 4)
    norms = 2 * (4 + 4 + 8 + 8 + 4 + 4)
    transposed, head = 4 * 8 * 4 + 4, 4 * 3 + 3
    network = build(Architecture(skip="none", attention="none", depth=2, width=4))
    assert count_parameters(network) == convolutions + norms + transposed + head


def test_depth_and_width_set_the_size_of_the_bottleneck() -> None:
    for depth, width in ((2, 4), (3, 8), (4, 4)):
        network = build(Architecture(depth=depth, width=width))
        assert max(parameter.shape[0] for parameter in network.parameters()) == width * 2 ** (depth - 1)


def test_an_input_that_does_not_fit_the_strides_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must be divisible by 8, got \(20, 16\)"):
        build(Architecture(depth=4, width=4))(torch.rand(1, 1, 20, 16))


def test_without_a_skip_the_encoder_level_has_no_influence() -> None:
    skip = NoSkip(4, 2)
    decoded = torch.rand(1, 4, 8, 8)
    assert torch.equal(skip(decoded, torch.rand(1, 4, 8, 8)), decoded)


def test_an_attention_gate_only_weakens_what_comes_across() -> None:
    gate = AttentionGate(4, 2)
    decoded, encoded = torch.rand(1, 4, 8, 8), torch.rand(1, 4, 8, 8)
    joined = gate(decoded, encoded)
    assert torch.equal(joined[:, :4], decoded)
    assert ((joined[:, 4:] > 0) & (joined[:, 4:] < encoded)).all()


def test_equal_seeds_give_equal_weights_and_shared_layers_start_alike() -> None:
    first, again = build(Architecture(depth=3, width=4)), build(Architecture(depth=3, width=4))
    for one, other in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
    deeper = build(Architecture(depth=4, width=4, skip="addition"))
    assert torch.equal(first.get_parameter("encoders.0.0.weight"), deeper.get_parameter("encoders.0.0.weight"))
    initialise_weights(again, 1)
    assert not torch.equal(first.get_parameter("head.weight"), again.get_parameter("head.weight"))


def test_the_default_network_keeps_the_names_of_its_weights() -> None:
    names = {name for name, _ in build(Architecture(depth=2, width=4)).named_parameters()}
    blocks = {f"{part}.{layer}.weight" for part in ("encoders.0", "encoders.1", "decoders.0") for layer in (0, 1, 3, 4)}
    blocks |= {name.replace("weight", "bias") for name in blocks if name.split(".")[2] in "14"}
    assert names == blocks | {f"{part}.{kind}" for part in ("grow.0", "head") for kind in ("weight", "bias")}


def test_a_level_whose_skip_is_off_gets_nothing_of_the_encoder() -> None:
    network = build(Architecture(depth=3, width=4, skip_level_1="off"))
    assert isinstance(network.get_submodule("skips.0"), NoSkip)
    assert network.get_parameter("decoders.0.0.weight").shape[1] == 4
    assert network.get_parameter("decoders.1.0.weight").shape[1] == 16


def test_a_residual_block_starts_like_the_plain_one() -> None:
    plain, residual = build(Architecture(depth=2, width=4)), build(Architecture(depth=2, width=4, block="residual"))
    for name, parameter in plain.named_parameters():
        assert torch.equal(parameter, residual.get_parameter(name))


def test_self_attention_stands_in_the_bottleneck_alone() -> None:
    network = build(Architecture(depth=3, width=4, attention="self_attention"))
    names = {name.split(".attn")[0] for name, _ in network.named_parameters() if ".attn." in name}
    assert names == {"encoders.2.6"}


def test_more_blocks_are_more_of_the_same() -> None:
    one, three = (
        count_parameters(build(Architecture(depth=2, width=4, blocks=blocks)).get_submodule("encoders.1"))
        for blocks in (1, 3)
    )
    assert three == one + 2 * (2 * 9 * 8 * 8 + 2 * 2 * 8)


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_a_separable_convolution_looks_at_one_channel_with_many_filters(spatial_dims: int) -> None:
    network = build(Architecture(depth=2, width=4, block="separable"), spatial_dims)
    assert network.get_parameter("encoders.0.0.0.weight").shape == (4, 1, *[1] * spatial_dims)
    assert network.get_parameter("encoders.0.0.1.weight").shape == (4, 1, *[3] * spatial_dims)
