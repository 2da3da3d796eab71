"""How often each axis is halved, and by which kernels it is convolved: nnU-Net's rules. Free of torch.

Isensee et al., Nature Methods 18:203-211 (2021), and the planner of nnU-Net 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from paretoseg.spaces.architecture import COARSE, MIN_BOTTLENECK


@dataclass(frozen=True)
class Pooling:
    """The levels of an encoder, and the patch that they can halve."""

    strides: tuple[tuple[int, ...], ...]
    """By level from the full resolution down: by how much each axis shrinks on the way into it."""

    kernels: tuple[tuple[int, ...], ...]
    """By level: the edges of its kernels, along every axis."""

    patch: tuple[int, ...]
    """The patch, each edge rounded up so that it can be halved as often as its axis is."""

    divisors: tuple[int, ...]
    """What each edge of the patch is a multiple of."""


def find_pooling(spacing_mm: Sequence[float], patch: Sequence[int], least_edge: int = MIN_BOTTLENECK) -> Pooling:
    """The levels of an encoder for patches of this size.

    Level by level, those axes are halved that are long enough and whose spacing is less than twice the finest among
    them. So thick slices are halved later than the rest. An axis is convolved by kernels of 3 from the level on at
    which its spacing is less than twice the finest of all; before, by kernels of 1.

    Args:
        spacing_mm: Edges of a voxel.
        patch: Edges of the patch, in voxels, in the same order.
        least_edge: Smallest edge of a feature map.
    """
    spacing, size = list(map(float, spacing_mm)), list(patch)
    counts, kernel = [0] * len(spacing), [1] * len(spacing)
    strides, kernels = [(1,) * len(spacing)], []
    while axes := _choose_axes(spacing, size, least_edge):
        kernel = [3 if edge / min(spacing) < COARSE else old for old, edge in zip(kernel, spacing, strict=True)]
        kernels.append(tuple(kernel))
        strides.append(tuple(2 if axis in axes else 1 for axis in range(len(spacing))))
        for axis in axes:
            counts[axis] += 1
            spacing[axis] *= 2
            size[axis] = math.ceil(size[axis] / 2)
    divisors = tuple(2**count for count in counts)
    rounded = tuple(math.ceil(edge / divisor) * divisor for edge, divisor in zip(patch, divisors, strict=True))
    return Pooling(tuple(strides), (*kernels, (3,) * len(spacing)), rounded, divisors)


def _choose_axes(spacing: Sequence[float], size: Sequence[int], least_edge: int) -> list[int]:
    """The axes that are halved next; none if the level is the last."""
    long = [axis for axis, edge in enumerate(size) if edge >= 2 * least_edge]
    if not long:
        return []
    finest = min(spacing[axis] for axis in long)
    near = [axis for axis in long if spacing[axis] / finest < COARSE]
    return [] if len(near) == 1 and size[near[0]] < 3 * least_edge else near
