"""Texture as histograms of local binary patterns, and how far two such histograms are apart. Free of torch.

A pattern says which of 24 places on a circle of radius 3 around a pixel are at least as bright as the pixel itself. The
uniform patterns of Ojala, Pietikäinen & Mäenpää, 'Multiresolution gray-scale and rotation invariant texture
classification with local binary patterns' (IEEE PAMI 24, 2002), are numbered by how many of the 24 are bright: codes 0
to 24 where the bright ones lie side by side, 25 for every other pattern. Codes compare brightness and never read it, so
they do not change when an image becomes brighter by a constant.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Float32, Shaped, UInt8

RADIUS = 3
"""Of the circle, in pixels."""

NUM_POINTS = 24
"""Places on the circle."""

NUM_CODES = NUM_POINTS + 2
"""Numbers that a pattern may have; always that many bins, whichever codes an image holds."""

_COLOURS = 3
_MAX_GREY = 255


def to_grey(image: Float32[np.ndarray, "c *spatial"]) -> UInt8[np.ndarray, "*spatial"]:
    """The image in one channel of 8 bit: three channels by luminance, of any other number the first one.

    Luminance is 0.2125 R + 0.7154 G + 0.0721 B (ITU-R BT.709). Brightness 0 to 1 becomes 0 to 255 on every image, never
    stretched to the image's own range: rounding then means the same everywhere.
    """
    from skimage.color import rgb2gray  # late, as below: composing a config needs none of it

    single = rgb2gray(np.moveaxis(np.asarray(image), 0, -1)) if image.shape[0] == _COLOURS else image[0]
    grey: np.ndarray = np.rint(np.asarray(single, dtype=np.float64) * _MAX_GREY).astype(np.uint8)
    return grey


def code_patterns(grey: Shaped[np.ndarray, "*spatial"], spacing_mm: tuple[float, ...]) -> UInt8[np.ndarray, "*spatial"]:
    """The pattern's code at every pixel, 0 to 25; outside of the image all is 0.

    Patterns are flat: a volume is cut into slices across its axis with the coarsest spacing, the last one of several.

    Args:
        grey: Integers, so that neighbours are equal or differ by one step at least.
        spacing_mm: In the order of the axes.
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
    """The axis that a volume is cut across: the one with the coarsest spacing, the last one of several."""
    return max(range(len(spacing_mm)), key=lambda axis: (spacing_mm[axis], axis))


def count_codes(codes: UInt8[np.ndarray, " n"]) -> Float[np.ndarray, " codes"]:
    """The share of every code among these, 26 numbers that sum to 1.

    Args:
        codes: Of the pixels of a region, at least one.
    """
    assert codes.size, "a histogram needs at least one pixel"
    return np.bincount(codes, minlength=NUM_CODES) / codes.size


def find_kl_bits(inside: Float[np.ndarray, " codes"], outside: Float[np.ndarray, " codes"]) -> float | None:
    """Kullback-Leibler divergence of the inside from the outside, in bits, over the codes that occur in both.

    The sum of p log2(p / q). As it leaves out codes that occur on one side only, it can come out too low and even
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
    chi-square with 25 degrees of freedom. Neighbouring pixels share most of their circles, and a texture is not the
    same everywhere, so what is measured lies above it.

    Args:
        num_inside: Pixels n of the one sample, at least one.
        num_outside: Pixels m of the other.
    """
    return (NUM_CODES - 1) / (2.0 * math.log(2.0)) * (1.0 / num_inside + 1.0 / num_outside)
