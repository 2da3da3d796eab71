"""How a network follows the shape of voxels: the extents of its window, where its levels halve and convolve.

Thick slices are not to be halved like the pixels in them, and a convolution must not mix what lies far apart. The rules
are those of nnU-Net (Isensee et al., Nature Methods 18, 2021, and the planner of nnU-Net v2): an axis is coarse as long
as the edge of a voxel along it is at least twice the shortest one. A coarse axis is not halved, and kernels have one
voxel along it. Every halving of the other axes makes it less coarse. Unlike nnU-Net's, the depth is given, so an axis
that becomes short is halved all the same, and the window is padded there. Free of torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from paretoseg.spaces.architecture import COARSE, MIN_BOTTLENECK, Architecture

EQUAL_EDGES = 1e-3
"""Edges of a voxel that differ by less than this share are equal."""

FOLLOWING = frozenset({"composable", "dynunet"})
"""The families whose levels may halve some axes only; the others have cubic windows, whatever the voxels."""

Spacing = tuple[float, ...]
"""Edge lengths of a voxel by axis, in millimetres or relative; only their ratios count. Empty for equal ones."""


@dataclass(frozen=True)
class Level:
    """A resolution of a network."""

    strides: tuple[int, ...]
    """By how much each axis shrinks from the level above: 1 or 2; 1 on all axes of the first level."""

    reach: tuple[bool, ...]
    """Whether convolutions of this level reach along each axis; along the others, kernels have one voxel."""

    def shape_kernel(self, edge: int) -> tuple[int, ...]:
        """The extents of a kernel of this edge, in voxels."""
        return tuple(edge if is_reached else 1 for is_reached in self.reach)


def plan_levels(depth: int, spatial_dims: int, spacing: Spacing = ()) -> tuple[Level, ...]:
    """The levels of a network of this depth, finest first.

    Args:
        depth: Number of levels.
        spatial_dims: 2 for pictures, 3 for volumes.
        spacing: Edge lengths of a voxel; with equal ones, every level halves and reaches along all axes.
    """
    edges = list(spacing or (1.0,) * spatial_dims)
    assert len(edges) == spatial_dims, "an edge length per axis"
    levels = [Level((1,) * spatial_dims, _find_fine(edges))]
    for _ in range(depth - 1):
        is_halved = _find_fine(edges)
        edges = [edge * 2 if halved else edge for edge, halved in zip(edges, is_halved, strict=True)]
        reach = tuple(before or now for before, now in zip(levels[-1].reach, _find_fine(edges), strict=True))
        levels.append(Level(tuple(2 if halved else 1 for halved in is_halved), reach))
    return tuple(levels)


def find_total_strides(architecture: Architecture, spatial_dims: int, spacing: Spacing = ()) -> tuple[int, ...]:
    """The number by which each extent of the network's input must be divisible."""
    if architecture.family not in FOLLOWING:
        return (architecture.total_stride,) * spatial_dims
    return multiply_strides(plan_levels(architecture.depth, spatial_dims, spacing))


def multiply_strides(levels: Sequence[Level]) -> tuple[int, ...]:
    """The strides of all levels together, by axis."""
    return tuple(math.prod(strides) for strides in zip(*(level.strides for level in levels), strict=True))


def choose_window(
    architecture: Architecture, patch: int, spatial_dims: int, spacing: Spacing = (), extents: Sequence[int] = ()
) -> tuple[int, ...]:
    """The extents of the training patch and of the sliding window, in pixels or voxels.

    The patch has edges that are equal in millimetres as far as the network's strides and the images allow: each extent
    is divisible by the total stride of its axis and leaves at least `MIN_BOTTLENECK` voxels at the bottleneck. So it
    has about `patch`^d voxels, fewer if the images are smaller. Where voxels have equal edges, it has `patch` voxels
    along every axis.

    Args:
        architecture: Its total strides divide the extents.
        patch: The edge of a patch of the same volume in voxels of equal edges.
        spatial_dims: 2 for pictures, 3 for volumes.
        spacing: Edge lengths of a voxel by axis; empty for equal ones.
        extents: The largest extents of an image by axis. With unequal edges, a patch does not go beyond them by more
            than its axis' stride, unless the bottleneck needs it.
    """
    if architecture.family not in FOLLOWING or has_equal_edges(spacing):
        return (patch,) * spatial_dims
    strides = find_total_strides(architecture, spatial_dims, spacing)
    mean = math.prod(spacing) ** (1.0 / spatial_dims)
    wanted = [patch * mean / edge for edge in spacing]
    limits = [math.ceil(extent / stride) for extent, stride in zip(extents, strides, strict=True)] if extents else None
    counts = [max(round(want / stride), MIN_BOTTLENECK) for want, stride in zip(wanted, strides, strict=True)]
    if limits:
        counts = [min(count, max(limit, MIN_BOTTLENECK)) for count, limit in zip(counts, limits, strict=True)]
    return tuple(count * stride for count, stride in zip(counts, strides, strict=True))


def has_equal_edges(spacing: Spacing) -> bool:
    """Whether all edges of a voxel are equal, up to the rounding of what files say."""
    return all(math.isclose(edge, spacing[0], rel_tol=EQUAL_EDGES) for edge in spacing)


def _find_fine(edges: Sequence[float]) -> tuple[bool, ...]:
    return tuple(edge < COARSE * min(edges) for edge in edges)
