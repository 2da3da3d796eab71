"""The nested decoder has the nodes that the output depends on, and no other."""

from __future__ import annotations

import pytest
import torch

from paretoseg.spaces.architecture import Architecture
from paretoseg.trainables.networks.encoder_decoder import build_network, initialise_weights
from paretoseg.trainables.networks.nested import plan_nodes


@pytest.mark.parametrize(
    ("skip_levels", "nodes"),
    [
        ((True,), ()),
        ((True, True), ((0, 1),)),
        ((True, True, True), ((0, 1), (1, 1), (0, 2))),
        ((False, True, True), ((1, 1),)),
        ((True, False, True), ((0, 1), (1, 1), (0, 2))),
        ((False, False, True), ()),
        ((False, False, False), ()),
    ],
)
def test_the_nodes_are_those_drawn_by_hand(skip_levels: tuple[bool, ...], nodes: tuple[tuple[int, int], ...]) -> None:
    assert set(plan_nodes(skip_levels)) == set(nodes)


def test_a_full_decoder_has_a_triangle_of_nodes_in_an_order_that_can_be_computed() -> None:
    nodes = plan_nodes((True,) * 5)
    assert len(nodes) == 4 + 3 + 2 + 1
    known = {(level, 0) for level in range(6)}
    for level, column in nodes:
        assert {(level + 1, column - 1), *((level, before) for before in range(column))} <= known
        known.add((level, column))


def test_every_node_trains() -> None:
    network = build_network(
        Architecture(skip="dense", depth=5, width=4, skip_level_2="off"), spatial_dims=2, in_channels=1, num_classes=2
    )
    initialise_weights(network, 0)
    network(torch.rand(2, 1, 32, 32)).square().mean().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert all(parameter.grad.abs().sum() > 0 for name, parameter in network.named_parameters() if "weight" in name)


def test_a_nested_decoder_whose_only_skip_is_the_deepest_is_a_plain_one() -> None:
    images = torch.rand(1, 1, 16, 16)
    answers = []
    for skip in ("dense", "concatenation"):
        architecture = Architecture(skip=skip, depth=3, width=4, skip_level_1="off")
        network = build_network(architecture, spatial_dims=2, in_channels=1, num_classes=2)
        initialise_weights(network, 0)
        answers.append(network(images))
    assert torch.equal(*answers)
