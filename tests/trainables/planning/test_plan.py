"""The plan is the one that nnU-Net publishes for known datasets, and every number has its reason."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest

from paretoseg.spaces.planned import count_widths
from paretoseg.trainables.planning.feature_maps import count_feature_maps
from paretoseg.trainables.planning.fingerprint import Fingerprint, Intensities
from paretoseg.trainables.planning.plan import make_plan
from paretoseg.trainables.planning.pooling import find_pooling
from paretoseg.trainables.planning.target import find_coarse_axis, find_target_spacing

SOME = Intensities(mean=100.0, std=50.0, median=90.0, low=-20.0, high=300.0)


def draw(
    shape: Sequence[int],
    spacing_mm: Sequence[float],
    num_cases: int = 100,
    channels: Sequence[str] = ("MRI",),
    inside_share: float = 1.0,
) -> Fingerprint:
    return Fingerprint(
        name="some",
        num_cases=num_cases,
        shapes=(tuple(shape),) * num_cases,
        spacings_mm=(tuple(map(float, spacing_mm)),) * num_cases,
        channels=tuple(channels),
        intensities=(SOME,) * len(channels),
        classes=(),
        inside_share=inside_share,
        num_empty=0,
        num_outputs=2,
    )


@pytest.mark.parametrize(
    ("fingerprint", "num_classes", "patch", "batch", "num_levels"),
    [
        # Published plans of nnU-Net for tasks of the Medical Segmentation Decathlon.
        (draw((36, 50, 35), (1, 1, 1), 260), 3, (40, 56, 40), 9, 4),  # Hippocampus, 3d_fullres
        (draw((50, 35), (1, 1), 260 * 36), 3, (56, 40), 366, 4),  # Hippocampus, 2d
        (draw((115, 320, 232), (1.37, 1.25, 1.25), 20), 2, (80, 192, 160), 2, 6),  # Heart, 3d_fullres
        (draw((482, 512, 512), (1.0, 0.767, 0.767), 131), 3, (128, 128, 128), 2, 6),  # Liver, 3d_fullres
        (draw((138, 169, 138), (1, 1, 1), 484, ["FLAIR", "T1", "T1gd", "T2"]), 4, (128, 128, 128), 2, 6),  # BrainTumour
    ],
)
def test_the_plan_of_a_known_dataset(
    fingerprint: Fingerprint, num_classes: int, patch: tuple[int, ...], batch: int, num_levels: int
) -> None:
    plan = make_plan(fingerprint, num_classes)
    assert (plan.patch, plan.batch, plan.num_levels) == (patch, batch, num_levels)
    assert len(plan.kernels) == len(plan.features) == num_levels


def test_thick_slices_are_halved_later_and_convolved_within_the_plane_first() -> None:
    plan = make_plan(draw((320, 320, 20), (0.8, 0.8, 5.0)), 2)
    assert plan.strides[:4] == ((1, 1, 1), (2, 2, 1), (2, 2, 1), (2, 2, 2))
    assert plan.kernels[:4] == ((3, 3, 1), (3, 3, 1), (3, 3, 3), (3, 3, 3))
    assert plan.patch[2] >= 16
    assert plan.patch[0] > 10 * plan.patch[2] / 2
    assert all(
        edge % math.prod(column) == 0 for edge, column in zip(plan.patch, zip(*plan.strides, strict=True), strict=True)
    )


def test_a_coarse_axis_takes_the_spacing_of_its_thin_slices() -> None:
    thick = [(0.8, 0.8, 5.0)] * 8 + [(0.8, 0.8, 2.5)] * 2
    fingerprint = draw((320, 320, 20), (1, 1, 1), 10)
    fingerprint = Fingerprint(**{**fingerprint.__dict__, "spacings_mm": tuple(thick)})
    target, reason = find_target_spacing(fingerprint)
    assert target == (0.8, 0.8, pytest.approx(np.percentile([edges[2] for edges in thick], 10)))
    assert "axis 3, which is more than 3 times coarser" in reason
    never_finer = Fingerprint(
        **{**fingerprint.__dict__, "spacings_mm": ((0.8, 0.8, 0.4),) * 4 + ((0.8, 0.8, 5.0),) * 6}
    )
    assert find_target_spacing(never_finer)[0][2] == pytest.approx(0.8 + 1e-5)


@pytest.mark.parametrize(
    ("spacing_mm", "shape", "axis"),
    [
        ((0.8, 0.8, 5.0), (320, 320, 20), 2),
        ((5.0, 0.8, 0.8), (20, 320, 320), 0),
        ((0.8, 0.8, 2.4), (320, 320, 20), None),  # three times is not more than three times
        ((0.8, 0.8, 5.0), (320, 320, 110), None),  # coarse, but long
        ((1.0, 1.0), (30, 30), None),
    ],
)
def test_an_axis_is_coarse_in_spacing_and_in_voxels(
    spacing_mm: tuple[float, ...], shape: tuple[int, ...], axis: int | None
) -> None:
    assert find_coarse_axis(spacing_mm, tuple(map(float, shape))) == axis


def test_names_of_channels_decide_how_they_are_scaled() -> None:
    plan = make_plan(
        draw((64, 64, 64), (1, 1, 1), channels=["CT", "T1", "noNorm", "rescale_to_0_1"], inside_share=0.5), 2
    )
    assert plan.intensity == ("ct", "zscore", "none", "range")
    words = plan.reasons["intensity"]
    assert "CT: its name is CT" in words
    assert "clipped to -20 to 300" in words
    assert "T1: its name ('T1') is not CT" in words
    assert "without zeros" in words


def test_every_number_has_a_reason_of_one_sentence() -> None:
    plan = make_plan(draw((482, 512, 512), (1.0, 0.767, 0.767)), 3)
    assert plan.reasons.keys() == {
        "spacing_mm", "median_shape", "intensity", "patch", "strides", "kernels", "features", "batch", "memory_gb",
    }  # fmt: skip
    assert all(len(reason) > 20 for reason in plan.reasons.values())
    assert "nnU-Net would train at a low resolution too" in plan.reasons["patch"]
    assert 2.0 < plan.memory_gb < 8.0


def test_feature_maps_are_those_of_a_network_that_is_run() -> None:
    """Counts what convolutions of a plain U-Net give, with torch, for anisotropic strides."""
    import torch
    from torch import nn

    strides, patch, num_classes = ((1, 1, 1), (1, 2, 2), (2, 2, 2)), (8, 16, 24), 3
    features = count_widths(3, 3)
    total = 0

    def run(layer: nn.Module, image: torch.Tensor) -> torch.Tensor:
        nonlocal total
        out: torch.Tensor = layer(image)
        total += out.numel()
        return out

    with torch.device("meta"):
        image, skips = torch.empty(1, 1, *patch), []
        for width, stride in zip(features, strides, strict=True):
            image = run(nn.Conv3d(image.shape[1], width, 3, stride, 1), image)
            image = run(nn.Conv3d(width, width, 3, 1, 1), image)
            skips.append(image)
        for width, stride, skip in zip(features[-2::-1], strides[:0:-1], skips[-2::-1], strict=True):
            image = run(nn.ConvTranspose3d(image.shape[1], width, stride, stride), image)
            image = run(nn.Conv3d(2 * width, width, 3, 1, 1), torch.cat((image, skip), 1))
            image = run(nn.Conv3d(width, width, 3, 1, 1), image)
        run(nn.Conv3d(features[0], num_classes, 1), image)
    assert count_feature_maps(patch, strides, num_classes) == total


@pytest.mark.parametrize("patch", list(itertools.product((8, 13, 24), (31, 64), (9,))))
def test_every_level_halves_whole_voxels_and_leaves_an_edge_of_four(patch: tuple[int, int, int]) -> None:
    pooling = find_pooling((1.0, 1.0, 3.0), patch)
    size = list(pooling.patch)
    for level in pooling.strides:
        assert all(edge % stride == 0 for edge, stride in zip(size, level, strict=True))
        size = [edge // stride for edge, stride in zip(size, level, strict=True)]
    assert min(size) >= 4
