"""Geometric corruptions: images are interpolated linearly, and labels move along by nearest neighbour.

Every movement is one field in millimetres about the common centre of both grids: it is evaluated on the images' grid,
and on the labels' grid. Shares of an edge are those of the images. Beyond the border, image and labels are mirrored.
All channels move together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Literal

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from paretoseg.trainables.corruptions.axis_maps import apply_along, mirror
from paretoseg.trainables.corruptions.draws import (
    Generators,
    Images,
    draw_directions,
    draw_integers,
    draw_signs,
    draw_uniform,
)
from paretoseg.trainables.corruptions.grids import Grids
from paretoseg.trainables.corruptions.plane_maps import from_planes, rotate_and_shift, to_planes

LABEL_VOXELS_AT_ONCE = 2**23
"""Voxels of labels on a grid of their own that `deform` moves at once: every voxel needs the memory of a dozen."""

Labels = UInt8[Tensor, "b *other"]
"""Classes of every pixel, on a grid of their own."""

NUM_CELLS = 4
"""Cells per axis of the B-spline of `elastic_deformation`; it has three more control points, as in TorchIO."""


def rotation(
    images: Images, labels: Labels, strength: float, generators: Generators, grids: Grids
) -> tuple[Images, Labels]:
    """Rotation about the centre in a random plane and direction, as from another position of the patient.

    The strength is the angle in degrees.
    """
    planes = list(combinations(range(images.ndim - 2), 2))
    chosen = draw_integers(generators, len(planes))
    angles = draw_signs(generators) * math.radians(strength)
    pairs = [
        _rotate(images[[place]], labels[[place]], planes[plane], angles[[place]], grids)
        for place, plane in enumerate(chosen)
    ]
    return torch.cat([image for image, _ in pairs]), torch.cat([label for _, label in pairs])


def scaling(
    images: Images, labels: Labels, strength: float, generators: Generators, grids: Grids
) -> tuple[Images, Labels]:
    """Enlarges or shrinks about the centre, with equal probability, as from another zoom or body size.

    The strength is the factor, or its inverse.
    """
    factors = strength ** draw_signs(generators)
    both = []
    for size in (images.shape[2:], labels.shape[1:]):
        middles = [(extent - 1) / 2 for extent in size]
        places = [torch.arange(extent) - middle for extent, middle in zip(size, middles, strict=True)]
        both.append([place / factors[:, None] + middle for place, middle in zip(places, middles, strict=True)])
    return _move_along(images, labels, *both)


def translation(
    images: Images, labels: Labels, strength: float, generators: Generators, grids: Grids
) -> tuple[Images, Labels]:
    """A shift in a random direction, as from another position of the patient.

    The strength is its length as a share of the edge.
    """
    shares = strength * draw_directions(generators, images.ndim - 2)
    shifts = [shares[:, [axis]] * extent for axis, extent in enumerate(images.shape[2:])]
    sources = [torch.arange(extent) - shift for extent, shift in zip(images.shape[2:], shifts, strict=True)]
    per_pixel = [image / label for image, label in zip(grids.image_mm, grids.label_mm, strict=True)]
    label_sources = [
        torch.arange(extent) - shift * ratio
        for extent, shift, ratio in zip(labels.shape[1:], shifts, per_pixel, strict=True)
    ]
    return _move_along(images, labels, sources, label_sources)


def elastic_deformation(
    images: Images, labels: Labels, strength: float, generators: Generators, grids: Grids
) -> tuple[Images, Labels]:
    """A smooth random deformation, as of soft tissue: a cubic B-spline with seven control points per axis.

    Their shifts along each axis are uniform, as in TorchIO. The strength is the largest shift as a share of the edge;
    up to 0.1, nothing folds.
    """
    num_axes = images.ndim - 2
    control = draw_uniform(generators, num_axes, *[NUM_CELLS + 3] * num_axes)
    return deform(images, labels, strength * (2.0 * control - 1.0), grids)


def deform(
    images: Images, labels: Labels, control: Float[Tensor, "b axes *points"], grids: Grids
) -> tuple[Images, Labels]:
    """Images and labels whose pixels come from positions shifted by a cubic B-spline.

    Args:
        images: Interpolated linearly.
        labels: Interpolated by nearest neighbour.
        control: Shifts of the control points along each axis, as a share of the edge.
        grids: Where pixels lie.
    """
    # A spline with control points on a line is that line, so the positions themselves go through it too. Torch measures
    # them from -1 to 1, in the order x, y, z: the reverse of the axes.
    places = torch.linspace(-1.0 - 2.0 / NUM_CELLS, 1.0 + 2.0 / NUM_CELLS, NUM_CELLS + 3)
    control = 2.0 * control + torch.stack(torch.meshgrid([places] * control.shape[1], indexing="ij"))
    control = control.flip(1).to(images.device)
    ones = [1.0] * len(grids.image_mm)
    grid = _find_places(control, [spline_matrix(extent) for extent in images.shape[2:]], ones)
    shares = [
        extent * edge / (image_extent * image_edge)
        for extent, edge, image_extent, image_edge in zip(
            labels.shape[1:], grids.label_mm, images.shape[2:], grids.image_mm, strict=True
        )
    ]
    moved = _sample(images, grid, "bilinear")
    seen = labels[:, None].float()
    if shares == ones and labels.shape[1:] == images.shape[2:]:
        return moved, _sample(seen, grid, "nearest")[:, 0].to(torch.uint8)
    del grid
    splines = [spline_matrix(extent, share) for extent, share in zip(labels.shape[1:], shares, strict=True)]
    rows = max(LABEL_VOXELS_AT_ONCE // math.prod(labels.shape[2:]), 1)
    slabs = [
        _sample(seen, _find_places(control, [splines[0][row : row + rows], *splines[1:]], shares), "nearest").byte()
        for row in range(0, len(splines[0]), rows)
    ]
    return moved, torch.cat(slabs, dim=2)[:, 0]


def _sample(
    images: Images, grid: Float[Tensor, "b *other axes"], mode: Literal["bilinear", "nearest"]
) -> Float[Tensor, "b c *other"]:
    """The images at the places of a grid, as torch measures them."""
    return functional.grid_sample(images, grid, mode=mode, padding_mode="border", align_corners=False)


def _find_places(
    control: Float[Tensor, "b axes *points"], splines: Sequence[Tensor], shares: Sequence[float]
) -> Float[Tensor, "b *spatial axes"]:
    """Where every pixel of a grid comes from, as torch measures places: from -1 to 1 over the grid.

    Args:
        control: Positions of the control points, from -1 to 1 over the images.
        splines: The weights of the control points at the grid's pixels, one matrix for each axis.
        shares: The extent of the grid along each axis, as a share of that of the images.
    """
    places = control
    for axis, spline in enumerate(splines):
        places = apply_along(places, spline, axis)
    if any(share != 1.0 for share in shares):
        places = places / torch.tensor(shares[::-1]).to(places).reshape(-1, *[1] * len(shares))
    # Mirrored here, because torch takes twice as long for it. One reflection is enough for every possible shift.
    return (2.0 * places.clamp(-1.0, 1.0) - places).movedim(1, -1)


def spline_matrix(size: int, share: float = 1.0) -> Float[Tensor, "size points"]:
    """A cubic B-spline over an axis: the weight of every control point at every pixel.

    Beyond the outermost cells, the cubics of these cells go on.

    Args:
        size: Pixels of the axis.
        share: The extent of the axis, as a share of that of the spline; both have the same centre.
    """
    places = (torch.arange(size) + 0.5) / size * NUM_CELLS
    if share != 1.0:
        places = (places - NUM_CELLS / 2) * share + NUM_CELLS / 2
    cells = places.floor().clamp(0, NUM_CELLS - 1)
    part = places - cells
    weights = torch.stack(
        (
            (1 - part) ** 3,
            3 * part**3 - 6 * part**2 + 4,
            -3 * part**3 + 3 * part**2 + 3 * part + 1,
            part**3,
        ),
        dim=1,
    )
    return torch.zeros(size, NUM_CELLS + 3).scatter_(1, cells.long()[:, None] + torch.arange(4), weights / 6)


def _rotate(
    image: Images, label: Labels, plane: tuple[int, int], angle: Float[Tensor, " 1"], grids: Grids
) -> tuple[Images, Labels]:
    shift = torch.zeros(1, 2)
    image_mm, label_mm = ((edges[plane[0]], edges[plane[1]]) for edges in (grids.image_mm, grids.label_mm))
    moved = rotate_and_shift(to_planes(image, plane), angle, shift, spacing=image_mm)
    flat = to_planes(label[:, None].float(), plane)
    moved_label = rotate_and_shift(flat, angle, shift, mode="nearest", spacing=label_mm)
    shape = (1, 1, *label.shape[1:])
    return from_planes(moved, plane, tuple(image.shape)), from_planes(moved_label, plane, shape)[:, 0].to(torch.uint8)


def _move_along(
    images: Images, labels: Labels, sources: Sequence[Tensor], label_sources: Sequence[Tensor]
) -> tuple[Images, Labels]:
    """Axis by axis, every pixel from a place of its own on its own grid: for every axis b x n places."""
    pairs = []
    for number in range(len(images)):
        image, label = images[number], labels[number]
        for axis, places in enumerate(sources):
            image = _take_between(image, places[number], axis + 1)
        for axis, places in enumerate(label_sources):
            nearest = mirror(places[number].round().long(), label.shape[axis])
            label = label.index_select(axis, nearest.to(label.device))
        pairs.append((image, label))
    return torch.stack([image for image, _ in pairs]), torch.stack([label for _, label in pairs])


def _take_between(image: Tensor, places: Float[Tensor, " n"], dim: int) -> Tensor:
    """Linear interpolation along an axis, at places counted from the first pixel's middle."""
    low = places.floor()
    size = image.shape[dim]
    ends = [image.index_select(dim, mirror(place.long(), size).to(image.device)) for place in (low, low + 1)]
    shares = (places - low).reshape([-1 if axis == dim else 1 for axis in range(image.ndim)])
    return torch.lerp(ends[0], ends[1], shares.to(image))
