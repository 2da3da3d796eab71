"""Corruptions that lose detail: blur and lower resolution."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from paretoseg.trainables.corruptions.axis_maps import apply_along, count_fewer, fewer_pixels_matrix, gaussian_matrix
from paretoseg.trainables.corruptions.draws import Generators, Images, draw_integers, draw_uniform
from paretoseg.trainables.corruptions.plane_maps import from_planes, to_planes

STEPS = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0)
"""The factors of fewer pixels that are not mixed from others.

Pixels of other sizes lie at all phases against the old grid: one pixel less would already change an image as much as
half of them do, and one more could bring it nearer again.
"""


def gaussian_blur(images: Images, strength: float, generators: Generators, spacing_mm: Sequence[float]) -> Images:
    """Convolution with a Gaussian, as from defocus or a soft kernel; border pixels are repeated.

    The strength is its standard deviation in pixels: it is equal in millimetres along all axes, and counted in the
    shortest edge of a voxel. `spacing_mm` has all edges.
    """
    for axis, size in enumerate(images.shape[2:]):
        spread = strength * (min(spacing_mm) / spacing_mm[axis])
        images = apply_along(images, gaussian_matrix(size, spread), axis)
    return images


def motion_blur(images: Images, strength: float, generators: Generators, spacing_mm: Sequence[float]) -> Images:
    """Mean over a straight path in the plane of the finest axes, as from a moving stage; border pixels are repeated.

    The strength is the length of the path in pixels, counted in the shortest edge of a voxel; `spacing_mm` has all
    edges. Every direction is equally likely. Of axes that are equally fine, the last ones are taken.
    """
    plane = _find_finest(spacing_mm)
    pixels = [min(spacing_mm) / spacing_mm[axis] for axis in plane]
    reach = math.ceil(strength / 2) + 1
    angles = (math.pi * draw_uniform(generators)).tolist()
    kernels = torch.stack([_path(strength, angle, reach, pixels) for angle in angles])
    planes = functional.pad(to_planes(images, plane), (reach,) * 4, mode="replicate")
    kernels = kernels[:, None, None].to(images.device)
    blurred = [functional.conv2d(one[:, None], kernel) for one, kernel in zip(planes, kernels, strict=True)]
    return from_planes(torch.stack(blurred)[:, :, 0], plane, tuple(images.shape))


def low_resolution(images: Images, strength: float, generators: Generators) -> Images:
    """Fewer, larger pixels (means), as from a coarser detector, interpolated linearly to the old grid.

    The strength is the factor by which the number of pixels per axis is reduced. Between `STEPS`, the images of the two
    nearest are mixed.
    """
    low, high, share = _find_steps(strength)
    finer = low_resolution_1(images, low, generators)
    return finer.lerp_(low_resolution_1(images, high, generators), share) if share else finer


def low_resolution_1(images: Images, strength: float, generators: Generators) -> Images:
    """As `low_resolution`, by whole pixels for every factor, as version 1 of the corruptions has it."""
    size = images.shape[2:]
    fewer = [count_fewer(extent, strength) for extent in size]
    means = functional.interpolate(images, size=fewer, mode="area")
    mode = "bilinear" if len(size) == 2 else "trilinear"
    return functional.interpolate(means, size=size, mode=mode, align_corners=False)


def anisotropy(images: Images, strength: float, generators: Generators) -> Images:
    """Fewer, larger pixels (means) along one axis, as from thick slices, interpolated linearly to the old grid.

    The strength is the factor by which the number of pixels of that axis is reduced; every axis is equally likely.
    Between `STEPS`, the images of the two nearest are mixed.
    """
    low, high, share = _find_steps(strength)
    pairs = [(fewer_pixels_matrix(size, low), fewer_pixels_matrix(size, high)) for size in images.shape[2:]]
    return _thicken(images, [torch.lerp(*pair, share) for pair in pairs], generators)


def anisotropy_1(images: Images, strength: float, generators: Generators) -> Images:
    """As `anisotropy`, by whole pixels for every factor, as version 1 of the corruptions has it."""
    return _thicken(images, [fewer_pixels_matrix(size, strength) for size in images.shape[2:]], generators)


def legacy_leaking_blur(
    images: Images, labels: UInt8[Tensor, "b *spatial"], strength: float, spacing_mm: Sequence[float]
) -> Images:
    """Gaussian blur of the background only, as in Kamath et al., whose two levels are 3 and 7 pixels.

    It needs the reference mask and leaves a sharp edge at its border: it leaks the label. The strength is the standard
    deviation in pixels, as in `gaussian_blur`; labels lie on the images' grid.
    """
    return torch.where(labels[:, None] > 0, images, gaussian_blur(images, strength, (), spacing_mm))


def _find_steps(factor: float) -> tuple[float, float, float]:
    """The step at or below a factor, the one above, and the share of the way to it in [0, 1)."""
    number = max(bisect.bisect_right(STEPS, factor) - 1, 0)
    low, high = STEPS[number], STEPS[min(number + 1, len(STEPS) - 1)]
    return low, high, (factor - low) / (high - low) if high > low else 0.0


def _thicken(images: Images, matrices: Sequence[Tensor], generators: Generators) -> Images:
    """Every image through the matrix of one axis, which is drawn."""
    axes = draw_integers(generators, images.ndim - 2)
    thick = [apply_along(images[[place]], matrices[axis], axis) for place, axis in enumerate(axes)]
    return torch.cat(thick)


def _find_finest(spacing_mm: Sequence[float]) -> tuple[int, int]:
    """The two axes of the shortest edges, in their order in the array; of equal ones, the last."""
    by_edge = sorted(range(len(spacing_mm)), key=lambda axis: (spacing_mm[axis], -axis))
    first, second = sorted(by_edge[:2])
    return first, second


def _path(length: float, angle: float, reach: int, pixels: Sequence[float] = (1.0, 1.0)) -> Float[Tensor, "k k"]:
    """The kernel of a straight path through the centre: points on it, distributed to the pixels around them.

    Args:
        length: In the unit of length.
        angle: In radians.
        reach: Pixels from the centre to the kernel's border.
        pixels: How many pixels the unit of length is along the two axes.
    """
    num_points = 8 * reach
    along = ((torch.arange(num_points) + 0.5) / num_points - 0.5) * length
    places = torch.arange(-reach, reach + 1.0)
    rows, columns = (
        (1.0 - (places[:, None] - along * (part * per_unit)).abs()).clamp_min(0.0)
        for part, per_unit in zip((math.sin(angle), math.cos(angle)), pixels, strict=True)
    )
    kernel: Tensor = rows @ columns.T
    return kernel / kernel.sum()
