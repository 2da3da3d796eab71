"""Patches and networks are no larger than images, plan and budget bear."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from paretoseg.spaces.architecture import MIN_BOTTLENECK
from paretoseg.trainables.data.datasets import Case, Dataset
from paretoseg.trainables.planning.fitting import LEAST_PATCHES, START_PATCHES, FittingSpace, fit_space

LOOK_2D, LOOK_3D = 200.0 * 16384, 200.0 * 65536


def draw(*shapes: tuple[int, ...], spacing_mm: tuple[float, ...] = ()) -> Dataset:
    train_shapes = [("train", shape) for shape in shapes]
    cases = [
        Case(
            name=str(place),
            domain="any",
            subject=str(place),
            split=split,
            image=np.zeros((1, *shape), np.float32),
            label=np.zeros(shape, np.uint8),
        )
        for place, (split, shape) in enumerate([*train_shapes, ("validation", shapes[-1]), ("test", shapes[-1])])
    ]
    *train, validation, test = cases
    spacing_mm = spacing_mm or (1.0,) * len(shapes[0])
    return Dataset("any", train, [validation], [test], spacing_mm, 1, ("background", "object"))


@pytest.mark.parametrize(
    ("shape", "voxels", "expected"),
    [
        # The volumes of the hippocampus: no patch of 224, no six levels.
        ((35, 50, 35), LOOK_3D, FittingSpace((16, 48), (2, 4), (4, 32), 32, 4)),
        # Large images: the training would end after a few patches.
        ((300, 300, 300), LOOK_3D, FittingSpace((16, 48), (2, 4), (4, 32), 32, 4)),
        ((300, 300, 300), inf, FittingSpace((16, 128), (2, 6), (4, 32), 128, 6)),
        ((512, 512), LOOK_2D, FittingSpace((16, 176), (2, 6), (4, 32), 128, 6)),
        # Pictures smaller than the smallest patch.
        ((12, 12), LOOK_2D, FittingSpace((16, 16), (2, 3), (4, 32), 16, 2)),
    ],
)
def test_sizes_follow_the_images_and_the_budget(shape: tuple[int, ...], voxels: float, expected: FittingSpace) -> None:
    found = fit_space(draw(shape), voxels)
    assert found == expected
    assert found.start_patch % 2 ** (found.start_depth - 1) == 0
    assert found.start_patch >= MIN_BOTTLENECK * 2 ** (found.start_depth - 1)
    if found.patch[1] > 16:
        assert found.patch[1] ** len(shape) * LEAST_PATCHES <= voxels
        assert found.start_patch ** len(shape) * START_PATCHES <= voxels


def test_the_median_image_counts() -> None:
    shapes = ((20, 20, 20), (40, 40, 40), (200, 200, 200))
    assert fit_space(draw(*shapes), inf).patch == (16, 48)


def test_thick_slices_are_measured_in_voxels() -> None:
    """A patch of `p` has about p^3 voxels, whatever their edges."""
    assert fit_space(draw((80, 80, 10), spacing_mm=(1.0, 1.0, 5.0)), inf).patch == (16, 48)
