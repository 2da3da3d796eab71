"""Networks of all kinds come to the same number of parameters, or of operations."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
import torch

from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.network_rules import NetworkRules
from paretoseg.spaces.network_size import NetworkSize
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.data.datasets import load_once
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.networks.attention import ATTENTION
from paretoseg.trainables.networks.capacity import Frame, draw_blueprint, match_width
from paretoseg.trainables.networks.encoder_decoder import build_network
from paretoseg.trainables.networks.size import count_flops, count_parameters
from paretoseg.trainables.networks.skips import SKIPS
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.trainable import Assignment

PATCH = 32


def match(architecture: Architecture, num_parameters: int, spatial_dims: int = 2) -> tuple[Architecture, int]:
    size = NetworkSize(parameters=num_parameters)
    found = match_width(architecture, size, Frame((PATCH,) * spatial_dims, in_channels=1, num_classes=3))
    return found, count(found, spatial_dims)


def match_operations(architecture: Architecture, num_flops: int, spatial_dims: int = 2, patch: int = PATCH) -> int:
    size = NetworkSize(flops=num_flops)
    return match_width(architecture, size, Frame((patch,) * spatial_dims, in_channels=1, num_classes=3)).width


def count_operations(architecture: Architecture, spatial_dims: int = 2, patch: int = PATCH) -> int:
    network = build_network(architecture, spatial_dims=spatial_dims, in_channels=1, num_classes=3)
    return count_flops(network, torch.zeros(1, *[patch] * spatial_dims), [patch] * spatial_dims)


def count(architecture: Architecture, spatial_dims: int = 2) -> int:
    return count_parameters(build_network(architecture, spatial_dims=spatial_dims, in_channels=1, num_classes=3))


@pytest.mark.parametrize(("skip", "attention"), list(itertools.product(SKIPS, ATTENTION)))
def test_skips_and_attention_change_the_width_and_not_the_size(skip: str, attention: str) -> None:
    _, found = match(Architecture(skip=skip, attention=attention), 400_000)
    assert found == pytest.approx(400_000, rel=0.1)


@pytest.mark.parametrize("spatial_dims", [2, 3])
@pytest.mark.parametrize("depth", [2, 3, 4, 5])
def test_the_depth_changes_the_width_and_not_the_size(depth: int, spatial_dims: int) -> None:
    wanted = {2: 700_000, 3: 3_000_000}[spatial_dims]
    _, found = match(Architecture(depth=depth, block="residual"), wanted, spatial_dims)
    assert found == pytest.approx(wanted, rel=0.1)


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_skips_of_all_kinds_come_to_one_number_of_operations_up_to_a_step_of_the_width(spatial_dims: int) -> None:
    wanted = {2: 20_000_000, 3: 2_000_000_000}[spatial_dims]
    widths, found = {}, {}
    for skip in SKIPS:
        architecture = Architecture(skip=skip, depth=3)
        widths[skip] = match_operations(architecture, wanted, spatial_dims)
        around = [
            count_operations(dataclasses.replace(architecture, width=widths[skip] + step), spatial_dims)
            for step in (-1, 0, 1)
        ]
        assert around[0] < wanted < around[2], skip
        found[skip] = (around[1], max(around[2] - around[1], around[1] - around[0]))
    assert len(set(widths.values())) > 1, "networks of one width would show nothing"
    for (one, step), (other, other_step) in itertools.combinations(found.values(), 2):
        assert abs(one - other) < max(step, other_step)


def test_operations_are_those_of_the_training_patch() -> None:
    wanted = count_operations(Architecture(width=20), patch=48)
    assert match_operations(Architecture(), wanted, patch=48) == 20
    assert match_operations(Architecture(), wanted, patch=32) > 20


@pytest.mark.parametrize(("family", "patch"), [("unet", 32), ("segresnet", 32), ("unetr", 32), ("swin_unetr", 64)])
def test_the_operations_of_a_family_are_matched_as_they_are_counted(family: str, patch: int) -> None:
    architecture = Architecture(family=family, width=8, depth=3)
    assert match_operations(architecture, count_operations(architecture, patch=patch), patch=patch) == 8


@pytest.mark.parametrize("num_parameters", [1_000, 50_000, 1_000_000])
def test_no_other_width_comes_closer(num_parameters: int) -> None:
    best, found = match(Architecture(attention="squeeze_excitation", depth=3), num_parameters)
    for step in (-1, 1):
        if best.width + step >= 2:
            other = count(dataclasses.replace(best, width=best.width + step))
            assert max(found, num_parameters) / min(found, num_parameters) <= max(other, num_parameters) / min(
                other, num_parameters
            )


def test_the_width_of_a_network_is_found_again() -> None:
    for width in (4, 13, 32):
        architecture = Architecture(width=width, skip="dense")
        assert match(architecture, count(architecture))[0] == architecture


@pytest.mark.parametrize(
    ("family", "num_parameters"), [("unet", 300_000), ("segresnet", 300_000), ("dynunet", 300_000)]
)
def test_families_are_matched_too(family: str, num_parameters: int) -> None:
    assert match(Architecture(family=family), num_parameters)[1] == pytest.approx(num_parameters, rel=0.1)


def test_the_swin_transformer_keeps_a_width_that_its_heads_divide() -> None:
    swin, frame = Architecture(family="swin_unetr"), Frame((64, 64), in_channels=1, num_classes=2)
    for size in (NetworkSize(parameters=10_000_000), NetworkSize(flops=2_000_000_000)):
        assert match_width(swin, size, frame).width % 4 == 0


def test_nothing_to_match_leaves_the_architecture_as_it_is() -> None:
    assert match(Architecture(width=20), 0)[0] == Architecture(width=20)


def test_a_family_of_one_width_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"family vnet have one width .* 100000 parameters; .*task\.match_parameters=0"
    ):
        match(Architecture(family="vnet"), 100_000)
    with pytest.raises(ValueError, match=r"family vnet have one width .* 100000 flops; .*task\.match_flops=0"):
        match_operations(Architecture(family="vnet"), 100_000)


def test_a_trial_trains_a_network_of_the_size_that_the_task_wants() -> None:
    data = TexturesConfig(num_train=2, num_validation=1, num_test=1)
    task = SegmentationConfig(match_parameters=200_000).build(data)
    for width in (4, 64):
        trial = task.build(Assignment(Candidate(Architecture(depth=3, width=width)), seed=0))
        assert count_parameters(trial._network) == pytest.approx(200_000, rel=0.1)
    by_operations = SegmentationConfig(match_flops=20_000_000).build(data)
    trial = by_operations.build(Assignment(Candidate(Architecture(depth=3, width=4)), seed=0))
    assert count_flops(trial._network, torch.zeros(1, 32, 32), (32, 32)) == pytest.approx(20_000_000, rel=0.1)


def test_a_network_of_the_wanted_size_is_that_of_its_blueprint_with_the_patch_for_a_window() -> None:
    dataset = load_once(TexturesConfig(num_train=2, num_validation=1, num_test=1))
    candidate, rules = Candidate(Architecture(depth=3)), NetworkRules(NetworkSize(parameters=200_000))
    blueprint = draw_blueprint(candidate, dataset, rules)
    assert count_parameters(blueprint.build()) == pytest.approx(200_000, rel=0.1)
    assert (blueprint.window, blueprint.num_classes) == ((candidate.recipe.patch,) * 2, dataset.num_classes)
    assert draw_blueprint(candidate, dataset, NetworkRules()).architecture == candidate.architecture
