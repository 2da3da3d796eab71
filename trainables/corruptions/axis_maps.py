"""Linear maps along one axis of images, as matrices: blur, resampling and shifts are one each.

A matrix has a row for every pixel after the map; what lies beyond the border is built into it. Two or three small
matrix products take the place of a convolution: fewer passes over the memory, and the same lines in 2D and 3D.
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
    """The images with a matrix along one spatial axis (0 is the first); one for all, or one for every image."""
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
    """Convolution with a sampled Gaussian of a standard deviation in pixels, cut at four of them.

    The border is continued by its last pixel.
    """
    reach = math.ceil(4 * spread)
    places = torch.arange(-reach, reach + 1)
    taps = torch.exp(-0.5 * (places / spread) ** 2) if spread > 0 else torch.ones(1)
    sources = (torch.arange(size)[:, None] + places).clamp(0, size - 1)
    return torch.zeros(size, size).scatter_add_(1, sources, (taps / taps.sum()).expand(size, -1))


def fewer_pixels_matrix(size: int, factor: float) -> Matrix:
    """Fewer, larger pixels (their mean), brought back to the old grid by linear interpolation."""
    means = functional.interpolate(torch.eye(size)[None], size=count_fewer(size, factor), mode="area")
    return functional.interpolate(means, size=size, mode="linear", align_corners=False)[0].T.contiguous()


def count_fewer(size: int, factor: float) -> int:
    """Pixels of an axis that has fewer of them by a factor: one at least."""
    return max(round(size / factor), 1)


def mirror(places: Tensor, size: int) -> Tensor:
    """Whole places with those outside of [0, size) mirrored at the border: -1 is 0, -2 is 1."""
    places = places.remainder(2 * size)
    return torch.minimum(places, 2 * size - 1 - places)
