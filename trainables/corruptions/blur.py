"""Corruptions that lose detail: blur and lower resolution."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from paretoseg.trainables.corruptions.axis_maps import apply_along, count_fewer, fewer_pixels_matrix, gaussian_matrix
from paretoseg.trainables.corruptions.draws import Generators, Images, draw_integers, draw_uniform
from paretoseg.trainables.corruptions.plane_maps import from_planes, to_planes

LEAST_FACTORS = {"low_resolution": 1.25, "anisotropy": 1.5}
"""Factors from which pixels are fewer. One pixel less already moves all others against the old grid by up to a half.

So the smallest factors would change an image as much as 1.5 does, and not more with each of them. These are the factors
of severity 1.
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

    The strength is the factor by which the number of pixels per axis is reduced. Below `LEAST_FACTORS`, the image is
    mixed with the clean one.
    """
    least = LEAST_FACTORS["low_resolution"]
    if strength < least:
        return torch.lerp(images, low_resolution_1(images, least, generators), (strength - 1.0) / (least - 1.0))
    return low_resolution_1(images, strength, generators)


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
    Below `LEAST_FACTORS`, the image is mixed with the clean one.
    """
    least = LEAST_FACTORS["anisotropy"]
    if strength < least:
        return torch.lerp(images, anisotropy_1(images, least, generators), (strength - 1.0) / (least - 1.0))
    return anisotropy_1(images, strength, generators)


def anisotropy_1(images: Images, strength: float, generators: Generators) -> Images:
    """As `anisotropy`, by whole pixels for every factor, as version 1 of the corruptions has it."""
    axes = draw_integers(generators, images.ndim - 2)
    matrices = [fewer_pixels_matrix(size, strength) for size in images.shape[2:]]
    thick = [apply_along(images[[place]], matrices[axis], axis) for place, axis in enumerate(axes)]
    return torch.cat(thick)


def legacy_leaking_blur(
    images: Images, labels: UInt8[Tensor, "b *spatial"], strength: float, spacing_mm: Sequence[float]
) -> Images:
    """Gaussian blur of the background only, as in Kamath et al., whose two levels are 3 and 7 pixels.

    It needs the reference mask and leaves a sharp edge at its border: it leaks the label. The strength is the standard
    deviation in pixels, as in `gaussian_blur`; labels lie on the images' grid.
    """
    return torch.where(labels[:, None] > 0, images, gaussian_blur(images, strength, (), spacing_mm))


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
