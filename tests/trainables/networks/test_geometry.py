"""Windows, strides and kernels follow the edge lengths of a voxel."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.networks.nets.dynunet import DynUNet

from paretoseg.spaces.architecture import Architecture
from paretoseg.trainables.networks.attention import ATTENTION
from paretoseg.trainables.networks.blocks import BLOCKS
from paretoseg.trainables.networks.encoder_decoder import build_network
from paretoseg.trainables.networks.geometry import choose_window, find_total_strides, plan_levels
from paretoseg.trainables.networks.layers import UPSAMPLING
from paretoseg.trainables.networks.size import count_parameters
from paretoseg.trainables.networks.skips import SKIPS

THICK = (5.0, 0.8, 0.8)
"""Slices of 5 mm."""


def test_thick_slices_are_halved_and_convolved_once_pixels_have_caught_up() -> None:
    """By hand: pixels of .8, 1.6 and 3.2 mm; from 3.2 mm on, a slice is less than twice as thick."""
    levels = plan_levels(6, 3, THICK)
    halved, kept = (2, 2, 2), (1, 2, 2)
    assert [level.strides for level in levels] == [(1, 1, 1), kept, kept, halved, halved, halved]
    assert [level.reach[0] for level in levels] == [False, False, True, True, True, True]
    assert all(level.reach[1:] == (True, True) for level in levels)
    assert [level.shape_kernel(3) for level in levels[1:3]] == [(1, 3, 3), (3, 3, 3)]


@pytest.mark.parametrize("spacing", [(), (1.0, 1.0, 1.0), (1.0, 1.2, 1.5)])
def test_voxels_of_about_equal_edges_are_treated_alike(spacing: tuple[float, ...]) -> None:
    levels = plan_levels(4, 3, spacing)
    assert [level.strides for level in levels] == [(1, 1, 1), *[(2, 2, 2)] * 3]
    assert all(level.reach == (True, True, True) for level in levels)


@given(
    depth=st.integers(2, 6),
    multiple=st.integers(1, 4),
    spacing=st.lists(st.floats(0.3, 8.0), min_size=2, max_size=3).map(tuple),
)
def test_a_window_has_about_equal_edges_in_millimetres_and_fits_the_strides(
    depth: int, multiple: int, spacing: tuple[float, ...]
) -> None:
    architecture = Architecture(depth=depth)
    patch = 4 * multiple * architecture.total_stride
    strides = find_total_strides(architecture, len(spacing), spacing)
    window = choose_window(architecture, patch, len(spacing), spacing)
    edge_mm = patch * math.prod(spacing) ** (1.0 / len(spacing))
    for extent, stride, edge in zip(window, strides, spacing, strict=True):
        assert extent % stride == 0
        assert extent >= 4 * stride
        assert abs(extent - edge_mm / edge) <= stride / 2 + 1e-6 or extent == 4 * stride


def test_equal_edges_give_the_patch_and_images_limit_a_window_of_others() -> None:
    architecture = Architecture(depth=3)
    assert choose_window(architecture, 48, 3, (1.5, 1.5, 1.5), extents=(20, 20, 20)) == (48, 48, 48)
    assert choose_window(architecture, 48, 3, (1.5, 1.5, 1.500001), extents=(20, 20, 20)) == (48, 48, 48)
    assert choose_window(architecture, 96, 3, THICK) == (28, 176, 176)  # 96 x 1.474 mm: 28.3 slices, 176.9 pixels
    assert choose_window(architecture, 96, 3, THICK, extents=(20, 130, 400)) == (20, 132, 176)
    assert choose_window(Architecture(family="unetr"), 96, 3, THICK) == (96, 96, 96)


CHOICES = [
    *[Architecture(depth=3, width=4, block=block) for block in BLOCKS],
    *[Architecture(depth=3, width=4, upsampling=upsampling) for upsampling in UPSAMPLING],
    *[Architecture(depth=3, width=4, skip=skip) for skip in SKIPS],
    *[Architecture(depth=3, width=4, attention=attention) for attention in ATTENTION],
    Architecture(depth=3, width=4, family="dynunet", deep_supervision="on"),
]


@pytest.mark.parametrize("architecture", dict.fromkeys(CHOICES))
def test_every_choice_keeps_slices_apart_until_they_are_no_longer_thick(architecture: Architecture) -> None:
    """Slices that are 8 times as thick stay apart in all of three levels, but for what acts on the whole image."""
    spacing = (8.0, 1.0, 1.0)
    network = build_network(architecture, spatial_dims=3, in_channels=1, num_classes=2, spacing=spacing).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.modules.instancenorm._InstanceNorm):
            module.forward = lambda features: features  # type: ignore[method-assign]  # it mixes all slices
    images = torch.rand(1, 1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    changed = images.clone()
    changed[:, :, 1] += 0.5
    with torch.inference_mode():
        moved = (network(images) - network(changed)).abs().amax(dim=(0, 1, 3, 4))
    assert moved[1] > 0
    if architecture.attention not in ("squeeze_excitation", "cbam", "self_attention"):
        assert moved[0] == moved[2] == 0


@pytest.mark.parametrize("block", ["plain", "residual"])
def test_dynunet_has_the_strides_and_kernels_that_monai_is_given(block: str) -> None:
    architecture = Architecture(family="dynunet", depth=4, width=4, block=block)
    ours = build_network(architecture, spatial_dims=3, in_channels=1, num_classes=2, spacing=THICK)
    strides = [(1, 1, 1), (1, 2, 2), (1, 2, 2), (2, 2, 2)]
    theirs = DynUNet(
        3,
        1,
        2,
        kernel_size=[(1, 3, 3), (1, 3, 3), (3, 3, 3), (3, 3, 3)],
        strides=strides,
        upsample_kernel_size=strides[1:],
        filters=[4, 8, 16, 32],
        res_block=block == "residual",
        norm_name=("instance", {"affine": True}),
    )
    assert count_parameters(ours) == count_parameters(theirs)
    assert ours(torch.zeros(1, 1, 8, 32, 32)).shape == (1, 2, 8, 32, 32)


def test_extents_that_do_not_fit_the_strides_of_their_axes_are_refused() -> None:
    network = build_network(Architecture(depth=4, width=4), spatial_dims=3, in_channels=1, num_classes=2, spacing=THICK)
    for extents in itertools.product((2, 3), (8, 12), (8,)):
        if extents == (2, 8, 8):
            continue
        with pytest.raises(ValueError, match=r"divisible by \(2, 8, 8\)"):
            network(torch.zeros(1, 1, *extents))
