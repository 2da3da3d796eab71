"""Classes that overlap: regions, each made of several values of a label. Free of torch; part of exported bundles.

As in nnU-Net: a network answers for every region by itself, whether a voxel is in it. A mask holds one value per voxel,
so the regions are painted into it one after the other, later ones over earlier ones. The value with which a region is
painted is its number as a class; so the foreground class k of masks and references is region k, and it holds the voxels
whose value is one of `values[k - 1]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any


@dataclass(frozen=True)
class Regions:
    """The regions of a dataset."""

    values: tuple[tuple[int, ...], ...]
    """For every foreground class, the values of a label that belong to it."""

    order: tuple[int, ...]
    """The classes in the order in which they are painted."""


def find_order(regions: Regions | None) -> tuple[int, ...] | None:
    """The order of painting; None if classes do not overlap."""
    return None if regions is None else regions.order


def select_class(mask: Any, index: int, regions: Regions | None = None) -> Any:
    """Where a mask or a label, an array or a tensor, holds a class; several classes may be at the same place.

    Args:
        mask: Values.
        index: The class; 0 is the background, which holds what no region does.
        regions: None if every class is its own value.
    """
    if regions is None or index == 0:
        return mask == index
    return reduce(or_, (mask == value for value in regions.values[index - 1]))


def find_unpaintable(regions: Sequence[Sequence[int]], order: Sequence[int]) -> list[int]:
    """The values that painting all regions of a perfect mask, in their order, does not give back.

    Args:
        regions: Values of each region, in the order in which they are painted.
        order: The value with which each of them is painted.
    """
    values = sorted({value for region in regions for value in region})
    painted = dict.fromkeys(values, 0)
    for region, number in zip(regions, order, strict=True):
        painted |= dict.fromkeys(region, number)
    return [value for value in values if painted[value] != value]
