"""Where the pixels of images and labels lie in millimetres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import UInt8
from torch import Tensor


@dataclass(frozen=True)
class Grids:
    """The edge lengths of the voxels of a batch, in the order of the arrays' axes.

    Both grids have the same axes and the same centre, which is place (n - 1) / 2 of an axis of n pixels. Their shapes
    and their spacings may differ.
    """

    image_mm: tuple[float, ...]
    """Of the images, in millimetres."""

    label_mm: tuple[float, ...]
    """Of the labels, in millimetres."""

    def __post_init__(self) -> None:
        assert len(self.image_mm) == len(self.label_mm), "images and labels have the same axes"
        assert min(*self.image_mm, *self.label_mm) > 0, "an edge has a length"


def unit_grids(images: Tensor) -> Grids:
    """The grids of images and labels of one shape, whose pixels have edges of length 1."""
    ones = (1.0,) * (images.ndim - 2)
    return Grids(ones, ones)


def take_nearest(labels: UInt8[Tensor, "b *other"], grids: Grids, size: Sequence[int]) -> UInt8[Tensor, "b *spatial"]:
    """The labels at the pixels of images of a size: those of the nearest label; at the border, of the outermost one."""
    if tuple(size) == tuple(labels.shape[1:]) and grids.image_mm == grids.label_mm:
        return labels
    for axis, (extent, image_mm, label_mm) in enumerate(zip(size, grids.image_mm, grids.label_mm, strict=True)):
        before = labels.shape[axis + 1]
        places = (torch.arange(extent) - (extent - 1) / 2) * (image_mm / label_mm) + (before - 1) / 2
        labels = labels.index_select(axis + 1, places.round().long().clamp(0, before - 1).to(labels.device))
    return labels
