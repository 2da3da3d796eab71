"""Corruptions that lose detail: blur and lower resolution."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from paretoseg.trainables.corruptions.axis_maps import apply_along, count_fewer, fewer_pixels_matrix, gaussian_matrix
from paretoseg.trainables.corruptions.draws import Generators, Images, draw_integers, draw_uniform


def gaussian_blur(images: Images, strength: float, generators: Generators) -> Images:
    """Convolution with a Gaussian, as from defocus or a soft kernel; border pixels are repeated.

    The strength is its standard deviation in pixels.
    """
    for axis, size in enumerate(images.shape[2:]):
        images = apply_along(images, gaussian_matrix(size, strength), axis)
    return images.clamp_(0.0, 1.0)


def motion_blur(images: Images, strength: float, generators: Generators) -> Images:
    """Mean over a straight path in the plane of the last two axes, as from a moving stage; border pixels are repeated.

    The strength is the length of the path in pixels; every direction is equally likely.
    """
    height, width = images.shape[-2:]
    reach = math.ceil(strength / 2) + 1
    kernels = torch.stack([_path(strength, angle, reach) for angle in (math.pi * draw_uniform(generators)).tolist()])
    planes = functional.pad(images.reshape(len(images), -1, height, width), (reach,) * 4, mode="replicate")
    kernels = kernels[:, None, None].to(images.device)
    blurred = [functional.conv2d(one[:, None], kernel) for one, kernel in zip(planes, kernels, strict=True)]
    return torch.stack(blurred).reshape(images.shape).clamp_(0.0, 1.0)


def low_resolution(images: Images, strength: float, generators: Generators) -> Images:
    """Fewer, larger pixels (means), as from a coarser detector, interpolated linearly to the old grid.

    The strength is the factor by which the number of pixels per axis is reduced.
    """
    size = images.shape[2:]
    fewer = [count_fewer(extent, strength) for extent in size]
    means = functional.interpolate(images, size=fewer, mode="area")
    mode = "bilinear" if len(size) == 2 else "trilinear"
    return functional.interpolate(means, size=size, mode=mode, align_corners=False).clamp_(0.0, 1.0)


def anisotropy(images: Images, strength: float, generators: Generators) -> Images:
    """Fewer, larger pixels (means) along one axis, as from thick slices, interpolated linearly to the old grid.

    The strength is the factor by which the number of pixels of that axis is reduced; every axis is equally likely.
    """
    axes = draw_integers(generators, images.ndim - 2)
    matrices = [fewer_pixels_matrix(size, strength) for size in images.shape[2:]]
    thick = [apply_along(images[[place]], matrices[axis], axis) for place, axis in enumerate(axes)]
    return torch.cat(thick).clamp_(0.0, 1.0)


def legacy_leaking_blur(images: Images, labels: UInt8[Tensor, "b *spatial"], strength: float) -> Images:
    """Gaussian blur of the background only, as in Kamath et al., whose two levels are 3 and 7 pixels.

    It needs the reference mask and leaves a sharp edge at its border: it leaks the label. The strength is the standard
    deviation in pixels.
    """
    return torch.where(labels[:, None] > 0, images, gaussian_blur(images, strength, ()))


def _path(length: float, angle: float, reach: int) -> Float[Tensor, "k k"]:
    """The kernel of a straight path through the centre: points on it, distributed to the pixels around them."""
    num_points = 8 * reach
    along = ((torch.arange(num_points) + 0.5) / num_points - 0.5) * length
    places = torch.arange(-reach, reach + 1.0)
    rows, columns = (
        (1.0 - (places[:, None] - along * part).abs()).clamp_min(0.0) for part in (math.sin(angle), math.cos(angle))
    )
    kernel: Tensor = rows @ columns.T
    return kernel / kernel.sum()
