"""Linear maps along one axis of images, as matrices: blur, resampling and shifts.

A matrix has one row per output pixel, and includes the handling of the border. Two or three small matrix products
replace a convolution: this needs fewer passes over memory, and the same code works in 2D and 3D.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

Matrix = Float[Tensor, "after before"]


def apply_along(
    images: Float[Tensor, "b c *before"], matrices: Float[Tensor, "b after before"] | Matrix, axis: int
) -> Float[Tensor, "b c *after"]:
    """The images multiplied along one spatial axis (0 is the first) by one matrix for all, or one per image."""
    dim = axis + 2
    batch, before = images.shape[0], images.shape[dim]
    matrices = matrices.to(images).expand(batch, -1, before)
    after = matrices.shape[1]
    shape = [*images.shape[:dim], after, *images.shape[dim + 1 :]]
    if dim == images.ndim - 1:
        return torch.bmm(images.reshape(batch, -1, before), matrices.mT).reshape(shape)
    rest = math.prod(images.shape[dim + 1 :])
    rows = images.reshape(batch, -1, before, rest)
    return torch.stack([matrix @ row for matrix, row in zip(matrices, rows, strict=True)]).reshape(shape)


def gaussian_matrix(size: int, spread: float) -> Matrix:
    """The matrix of a convolution with a Gaussian of standard deviation `spread` in pixels, cut off at four of them.

    Border pixels are repeated.
    """
    reach = math.ceil(4 * spread)
    places = torch.arange(-reach, reach + 1)
    taps = torch.exp(-0.5 * (places / spread) ** 2) if spread > 0 else torch.ones(1)
    sources = (torch.arange(size)[:, None] + places).clamp(0, size - 1)
    return torch.zeros(size, size).scatter_add_(1, sources, (taps / taps.sum()).expand(size, -1))


def fewer_pixels_matrix(size: int, factor: float) -> Matrix:
    """The matrix that averages into fewer, larger pixels and interpolates them linearly back to the old grid."""
    means = functional.interpolate(torch.eye(size)[None], size=count_fewer(size, factor), mode="area")
    return functional.interpolate(means, size=size, mode="linear", align_corners=False)[0].T.contiguous()


def count_fewer(size: int, factor: float) -> int:
    """Number of pixels of an axis after reduction by a factor; at least one."""
    return max(round(size / factor), 1)


def mirror(places: Tensor, size: int) -> Tensor:
    """Integer positions, with those outside [0, size) mirrored at the border: -1 becomes 0, -2 becomes 1."""
    places = places.remainder(2 * size)
    return torch.minimum(places, 2 * size - 1 - places)
