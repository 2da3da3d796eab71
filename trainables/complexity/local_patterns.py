"""Texture as histograms of local binary patterns, and divergences between two such histograms. Free of torch.

A pattern says which of 24 points on a circle of radius 3 around a pixel are at least as bright as the pixel itself. The
uniform patterns of Ojala, Pietikäinen & Mäenpää, 'Multiresolution gray-scale and rotation invariant texture
classification with local binary patterns' (IEEE PAMI 24, 2002), are numbered by how many of the 24 are bright: codes 0
to 24 if the bright ones are adjacent, 25 for every other pattern. Codes only compare brightness, so they do not change
when a constant is added to an image.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Float32, Shaped, UInt8

RADIUS = 3
"""Radius of the circle, in pixels."""

NUM_POINTS = 24
"""Number of points on the circle."""

NUM_CODES = NUM_POINTS + 2
"""Number of codes, and of bins of every histogram, whichever codes occur in an image."""

_COLOURS = 3
_MAX_GREY = 255


def to_grey(image: Float32[np.ndarray, "c *spatial"]) -> UInt8[np.ndarray, "*spatial"]:
    """The image as one 8-bit channel: the luminance of three channels, or else the first channel.

    Luminance is 0.2125 R + 0.7154 G + 0.0721 B (ITU-R BT.709). Brightness 0 to 1 becomes 0 to 255 on every image, not
    stretched to the image's own range, so that rounding has the same effect everywhere.
    """
    from skimage.color import rgb2gray  # late, as below: composing a config does not need it

    single = rgb2gray(np.moveaxis(np.asarray(image), 0, -1)) if image.shape[0] == _COLOURS else image[0]
    grey: np.ndarray = np.rint(np.asarray(single, dtype=np.float64) * _MAX_GREY).astype(np.uint8)
    return grey


def code_patterns(grey: Shaped[np.ndarray, "*spatial"], spacing_mm: tuple[float, ...]) -> UInt8[np.ndarray, "*spatial"]:
    """The pattern's code at every pixel, 0 to 25; pixels outside the image count as 0.

    Patterns are two-dimensional: a volume is cut into slices across its axis with the coarsest spacing, the last one of
    several.

    Args:
        grey: Integers, so that neighbours are equal or differ by at least one step.
        spacing_mm: Edge lengths of a pixel or voxel, in the order of the axes.
    """
    from skimage.feature import local_binary_pattern

    def code(picture: np.ndarray) -> np.ndarray:
        return np.asarray(local_binary_pattern(picture, NUM_POINTS, RADIUS, method="uniform"))

    if grey.ndim == 2:
        return code(grey).astype(np.uint8)
    axis = find_slice_axis(spacing_mm)
    slices = [code(picture) for picture in np.moveaxis(grey, axis, 0)]
    return np.moveaxis(np.stack(slices).astype(np.uint8), 0, axis)


def find_slice_axis(spacing_mm: tuple[float, ...]) -> int:
    """The axis across which a volume is cut into slices: the one with the coarsest spacing, the last one of several."""
    return max(range(len(spacing_mm)), key=lambda axis: (spacing_mm[axis], axis))


def count_codes(codes: UInt8[np.ndarray, " n"]) -> Float[np.ndarray, " codes"]:
    """The share of every code, shape (26,), sums to 1.

    Args:
        codes: Codes of the pixels of a region, at least one.
    """
    assert codes.size, "a histogram needs at least one pixel"
    return np.bincount(codes, minlength=NUM_CODES) / codes.size


def find_kl_bits(inside: Float[np.ndarray, " codes"], outside: Float[np.ndarray, " codes"]) -> float | None:
    """Kullback-Leibler divergence of the inside from the outside, in bits, over the codes that occur in both.

    The sum of p log2(p / q). Because codes that occur on one side only are left out, it can be too low and even
    negative; None if no code occurs in both.

    Args:
        inside: Shares p that sum to 1.
        outside: Shares q that sum to 1.
    """
    both = (inside > 0.0) & (outside > 0.0)
    if not both.any():
        return None
    return float(np.sum(inside[both] * np.log2(inside[both] / outside[both])))


def find_jsd_bits(first: Float[np.ndarray, " codes"], second: Float[np.ndarray, " codes"]) -> float:
    """Jensen-Shannon divergence in bits: 0 for equal shares, 1 if no code occurs in both; symmetric.

    The mean of the divergences of both from their mixture (Lin, IEEE Transactions on Information Theory 37, 1991).

    Args:
        first: Shares that sum to 1.
        second: Shares that sum to 1.
    """
    mixture = (first + second) / 2.0
    parts = [find_kl_bits(shares, mixture) for shares in (first, second)]
    return float(np.clip(sum(part for part in parts if part is not None) / 2.0, 0.0, 1.0))


def expect_kl_bits(num_inside: int, num_outside: int) -> float:
    """The divergence to expect between samples of one texture, in bits, if their pixels were independent.

    (26 - 1) / (2 ln 2) * (1 / n + 1 / m): to first order, the divergence of two samples of one distribution is half a
    chi-square with 25 degrees of freedom. Measured divergences are higher, because neighbouring pixels share most of
    their circles and textures vary over the image.

    Args:
        num_inside: Pixels n of one sample, at least one.
        num_outside: Pixels m of the other sample, at least one.
    """
    return (NUM_CODES - 1) / (2.0 * math.log(2.0)) * (1.0 / num_inside + 1.0 / num_outside)
