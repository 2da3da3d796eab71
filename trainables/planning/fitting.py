"""How large patches and networks may be for the images of a dataset, and with which a search starts. Free of torch.

Without bounds, a search on volumes of 35 x 50 x 35 voxels proposes patches of 224 and networks of six levels, most of
which see only padding, and patches so large that a training has no more than a few iterations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from paretoseg.spaces.architecture import MIN_BOTTLENECK
from paretoseg.spaces.domain import Int
from paretoseg.spaces.planned import PLANNED_WIDTH
from paretoseg.spaces.search_space import DIMENSIONS
from paretoseg.trainables.data.datasets import Dataset
from paretoseg.trainables.planning.network_plan import plan_network

LEAST_PATCHES = 100
"""Patches that a training must see with the largest patch: 50 iterations of two."""

START_PATCHES = 200
"""The same with the patch that a search starts with."""


@dataclass(frozen=True)
class FittingSpace:
    """Bounds of dimensions, both ends included, and the values of the first candidate."""

    patch: tuple[int, int]
    depth: tuple[int, int]
    width: tuple[int, int]
    start_patch: int
    start_depth: int


def fit_space(dataset: Dataset, budget_voxels: float) -> FittingSpace:
    """The sizes that fit the training images of a dataset.

    - The largest patch is the first that has as many voxels as the median image or as the patch of nnU-Net's plan,
      whichever has fewer, and of which a training sees `LEAST_PATCHES`.
    - The deepest network leaves some patch up to this one `MIN_BOTTLENECK` voxels on every axis of its last level.
    - The first level has at most as many channels as the plan's.
    - The first candidate has the plan's patch and number of levels, or the nearest within these bounds; a training
      sees `START_PATCHES` of its patches.

    Args:
        dataset: Prepared, so that all cases have its spacing.
        budget_voxels: Voxels that a training sees; infinite if all trainings have as many iterations.
    """
    dims = dataset.spatial_dims
    shape = np.median([case.label.shape for case in dataset.train], axis=0).tolist()
    plan = plan_network("nnunet", dataset)
    planned = _mean_edge(plan.patch)
    by_budget = [_edge(budget_voxels / count, dims) for count in (LEAST_PATCHES, START_PATCHES)]
    patches, depths, widths = _edges("patch"), _edges("depth"), _edges("width")
    most = min(_first_from(patches, min(_mean_edge(shape), planned)), _last_to(patches, by_budget[0]))
    start = min(_nearest(patches, planned), _last_to(patches, by_budget[1]), most)
    return FittingSpace(
        patch=(patches[0], most),
        depth=(depths[0], max(_find_depth(patch, depths) for patch in patches if patch <= most)),
        width=(widths[0], _last_to(widths, float(PLANNED_WIDTH))),
        start_patch=start,
        start_depth=min(_find_depth(start, depths), len(plan.strides)),
    )


def _edges(name: str) -> list[int]:
    domain = DIMENSIONS[name]
    assert isinstance(domain, Int)
    return list(range(domain.low, domain.high + 1, domain.step))


def _mean_edge(extents: Sequence[int] | Sequence[float]) -> float:
    """The edge of a square or cube with as many voxels."""
    return _edge(float(math.prod(extents)), len(extents))


def _edge(voxels: float, dims: int) -> float:
    return round(float(voxels ** (1.0 / dims)), 6)  # the cube root of 64^3 is 64


def _first_from(values: Sequence[int], wanted: float) -> int:
    return next((value for value in values if value >= wanted), values[-1])


def _last_to(values: Sequence[int], wanted: float) -> int:
    return max((value for value in values if value <= wanted), default=values[0])


def _nearest(values: Sequence[int], wanted: float) -> int:
    return min(values, key=lambda value: abs(value - wanted))


def _find_depth(patch: int, depths: Sequence[int]) -> int:
    """The most levels that a patch can be halved to."""
    strides = {depth: 1 << (depth - 1) for depth in depths}
    return max(depth for depth in depths if patch % strides[depth] == 0 and patch >= MIN_BOTTLENECK * strides[depth])
