"""Every architecture can be built, keeps the resolution, and differs where it says so."""

from __future__ import annotations

import itertools

import pytest
import torch

from spaces.architecture import Architecture
from spaces.search_space import DIMENSIONS
from trainables.attention import ATTENTION
from trainables.costs import count_parameters
from trainables.networks import build_network, initialise_weights
from trainables.skips import SKIPS, AttentionGate, NoSkip


def build(architecture: Architecture, spatial_dims: int = 2) -> torch.nn.Module:
    network = build_network(architecture, spatial_dims=spatial_dims, in_channels=1, num_classes=3)
    initialise_weights(network, 0)
    return network


def test_the_tables_hold_exactly_the_options_of_the_search_space() -> None:
    assert ", ".join(SKIPS) == DIMENSIONS["skip"].describe()
    assert ", ".join(ATTENTION) == DIMENSIONS["attention"].describe()


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
