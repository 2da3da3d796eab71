"""The networks of nnU-Net's plans are as large as those of the package that nnU-Net uses, and start like them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.planned import count_blocks, count_widths
from paretoseg.trainables.networks.encoder_decoder import build_network, initialise_weights
from paretoseg.trainables.networks.geometry import Level
from paretoseg.trainables.planning.feature_maps import count_feature_maps
from paretoseg.trainables.planning.plan import find_start, fit_patch

CUBIC, THICK, PICTURE = (
    ((1.0, 1.0, 1.0), (128.0, 128.0, 128.0)),
    ((3.0, 0.8, 0.8), (100.0, 512.0, 512.0)),
    ((1.0, 1.0), (512.0, 512.0)),
)

RECORDED = [
    ("nnunet", CUBIC, 31_197_263),
    ("resenc", CUBIC, 102_351_439),
    ("nnunet", THICK, 30_704_591),
    ("resenc", THICK, 101_858_767),
    ("nnunet", PICTURE, 46_326_869),
    ("resenc", PICTURE, 140_019_349),
]
"""Parameters of dynamic-network-architectures 0.4.4 for two channels and three classes."""

Images = tuple[tuple[float, ...], tuple[float, ...]]


def plan(family: str, images: Images) -> tuple[tuple[int, ...], tuple[Level, ...]]:
    spacing, shape = images
    pooling, _, _ = fit_patch(spacing, shape, find_start(spacing, shape), 3, family)
    levels = zip(pooling.strides, pooling.kernels, strict=True)
    return pooling.patch, tuple(Level(strides, tuple(edge > 1 for edge in kernel)) for strides, kernel in levels)


def build(family: str, levels: tuple[Level, ...], width: int = 32) -> nn.Module:
    return build_network(
        Architecture(family=family, width=width),
        spatial_dims=len(levels[0].strides),
        in_channels=2,
        num_classes=3,
        levels=levels,
    )


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(("family", "images", "parameters"), RECORDED)
def test_a_plan_has_the_parameters_of_the_reference_package(family: str, images: Images, parameters: int) -> None:
    _, levels = plan(family, images)
    with torch.device("meta"):
        assert count(build(family, levels)) == parameters


@pytest.mark.parametrize(("family", "images", "parameters"), RECORDED)
def test_the_recorded_numbers_are_those_of_the_package_where_it_is_installed(
    family: str, images: Images, parameters: int
) -> None:
    unet = pytest.importorskip("dynamic_network_architectures.architectures.unet")
    patch, levels = plan(family, images)
    dims, num_levels = len(patch), len(levels)
    settings = {
        "input_channels": 2,
        "n_stages": num_levels,
        "features_per_stage": count_widths(num_levels, dims),
        "conv_op": {2: nn.Conv2d, 3: nn.Conv3d}[dims],
        "kernel_sizes": [level.shape_kernel(3) for level in levels],
        "strides": [level.strides for level in levels],
        "num_classes": 3,
        "conv_bias": True,
        "norm_op": {2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}[dims],
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "nonlin": nn.LeakyReLU,
    }
    with torch.device("meta"):
        if family == "nnunet":
            reference = unet.PlainConvUNet(n_conv_per_stage=2, n_conv_per_stage_decoder=2, **settings)
        else:
            blocks = count_blocks(num_levels)
            reference = unet.ResidualEncoderUNet(n_blocks_per_stage=blocks, n_conv_per_stage_decoder=1, **settings)
    assert count(reference) == parameters
    maps = count_feature_maps(patch, [level.strides for level in levels], 3, family)
    assert maps == reference.compute_conv_feature_map_size(patch)


@pytest.mark.parametrize("family", ["nnunet", "resenc"])
def test_every_level_of_the_decoder_but_the_bottleneck_gives_logits(family: str) -> None:
    patch, levels = plan(family, ((4.0, 1.0, 1.0), (8.0, 32.0, 32.0)))
    network = build(family, levels, width=4)
    logits, others = network(torch.rand(1, 2, *patch), auxiliary=True)
    assert logits.shape == (1, 3, *patch)
    assert len(others) == len(levels) - 2
    assert [level.strides for level in levels][1] == (1, 2, 2)
    assert others[0].shape == (1, 3, patch[0], patch[1] // 2, patch[2] // 2)
    with pytest.raises(ValueError, match="spatial extents must be divisible by"):
        network(torch.rand(1, 2, 8, 8, 7))


def test_weights_are_drawn_as_he_et_al_do_and_residual_units_add_nothing_at_first() -> None:
    _, levels = plan("resenc", ((1.0, 1.0), (64.0, 64.0)))
    network = build("resenc", levels, width=16)
    initialise_weights(network, seed=3)
    weight = network.get_parameter("encoders.2.1.second.weight")
    assert float(weight.detach().std()) == pytest.approx(math.sqrt(2 / (1 + 0.01**2) / (9 * 64)), rel=0.02)
    assert not network.get_parameter("encoders.2.1.last_norm.weight").any()
    assert float(network.get_parameter("encoders.2.1.first.1.weight").detach().mean()) == 1.0
    assert not network.get_parameter("heads.0.bias").any()
    unit = network.get_submodule("encoders.2.1")
    features = torch.rand(1, 64, 8, 8)
    assert torch.equal(unit(features), features)
