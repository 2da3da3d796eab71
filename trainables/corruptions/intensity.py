"""Corruptions of intensity: gain, offset, gamma, contrast and occlusion. All channels are changed alike."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor

from paretoseg.trainables.corruptions.axis_maps import apply_along
from paretoseg.trainables.corruptions.draws import Generators, Images, draw_uniform, per_image

BIAS_ORDER = 3
"""Highest total power of the polynomial in `bias_field`."""

NUM_BLOCKS = 8
"""Blocks of `occlusion`."""


def bias_field(images: Images, strength: float, generators: Generators) -> Images:
    """A slowly varying gain, as from a receive coil or uneven light: exp of a random polynomial of order three.

    The strength is the standard deviation of that polynomial over the image, its mean 0; coefficients are uniform
    before they are scaled (the model of Van Leemput et al., IEEE TMI 1999). All channels have the same field.
    """
    size = images.shape[2:]
    coefficients = 2.0 * draw_uniform(generators, *[BIAS_ORDER + 1] * len(size)) - 1.0
    coefficients[:, ~_is_low_order(len(size))] = 0.0
    mean, spread = _summarise(coefficients, size)
    coefficients.flatten(1)[:, 0] -= mean
    coefficients *= per_image(strength / spread, coefficients)
    field = evaluate_polynomial(coefficients.to(images.device), size)
    return _one_by_one(field, torch.exp_).mul(images)


def evaluate_polynomial(
    coefficients: Float[Tensor, "b *order"], size: tuple[int, ...]
) -> Float[Tensor, "b 1 *spatial"]:
    """The sum of coefficients times powers of the positions along the axes, which run from -1 to 1."""
    field = coefficients[:, None]
    for axis, extent in enumerate(size):
        field = apply_along(field, _powers(extent), axis)
    return field


def gamma_up(images: Images, strength: float, generators: Generators) -> Images:
    """A power of the intensities above 1, which darkens, as from another display curve.

    The strength is the exponent.
    """
    return _raise(images, strength)


def gamma_down(images: Images, strength: float, generators: Generators) -> Images:
    """A power of the intensities below 1, which brightens, as from another display curve.

    The strength is the inverse of the exponent.
    """
    return _raise(images, 1.0 / strength)


def contrast_up(images: Images, strength: float, generators: Generators) -> Images:
    """The distance from the mean of each channel grows, as with a narrow window.

    The strength is the factor. The mean is that of the image clipped to [0, 1], so that outliers do not move it.
    """
    mean = images.clamp(0.0, 1.0).flatten(2).mean(dim=2).reshape(*images.shape[:2], *[1] * (images.ndim - 2))
    return torch.lerp(mean, images, strength)


def contrast_down(images: Images, strength: float, generators: Generators) -> Images:
    """The distance from the mean of each channel shrinks, as with a wide window, scatter or weak staining.

    The strength is the share that is lost.
    """
    return contrast_up(images, 1.0 - strength, generators)


def intensity_shift_up(images: Images, strength: float, generators: Generators) -> Images:
    """An offset, as from a differently calibrated scanner.

    The strength is what is added.
    """
    return images + strength


def intensity_shift_down(images: Images, strength: float, generators: Generators) -> Images:
    """A negative offset, as from a differently calibrated scanner.

    The strength is what is subtracted.
    """
    return images - strength


def intensity_scale_up(images: Images, strength: float, generators: Generators) -> Images:
    """More gain or light; bright pixels saturate.

    The strength is the factor.
    """
    return images * strength


def intensity_scale_down(images: Images, strength: float, generators: Generators) -> Images:
    """Less gain or light.

    The strength is the share that is lost.
    """
    return images * (1.0 - strength)


def occlusion(images: Images, strength: float, generators: Generators) -> Images:
    """Eight black blocks at random positions, as from shadows, dirt or lost data; they may overlap.

    The strength is the share of the image that they cover if they do not overlap; every block has the proportions of
    the image.
    """
    size = images.shape[2:]
    edges = [max(1, round(extent * (strength / NUM_BLOCKS) ** (1 / len(size)))) for extent in size]
    hidden = images.clone()
    for one, shares in zip(hidden, draw_uniform(generators, NUM_BLOCKS, len(size)).tolist(), strict=True):
        for block in shares:
            starts = [int(share * (extent - edge + 1)) for share, extent, edge in zip(block, size, edges, strict=True)]
            one[(..., *(slice(start, start + edge) for start, edge in zip(starts, edges, strict=True)))] = 0.0
    return hidden


def _powers(extent: int) -> Float[Tensor, "extent order"]:
    places = torch.linspace(-1.0, 1.0, extent)
    return torch.stack([places**power for power in range(BIAS_ORDER + 1)], dim=1)


def _summarise(
    coefficients: Float[Tensor, "b *order"], size: tuple[int, ...]
) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"]]:
    """Mean and standard deviation of a polynomial over all pixels, from the mean products of its powers."""
    products = coefficients[:, None]
    for axis, extent in enumerate(size):
        powers = _powers(extent)
        products = apply_along(products, powers.T @ powers / extent, axis)
    mean = products.flatten(1)[:, 0]
    square = (products[:, 0] * coefficients).flatten(1).sum(dim=1)
    return mean, (square - mean**2).sqrt()


def _raise(images: Images, exponent: float) -> Images:
    """A power that keeps the sign, by base-2 logarithms: takes a third of the time of torch's power."""
    raised = _one_by_one(images, lambda one: one.abs_().log2_().mul_(exponent).exp2_())
    return raised.copysign_(images)


def _one_by_one(images: Images, change: Callable[[Tensor], Tensor]) -> Images:
    """Each image changed on its own: on a CPU, the last bit of an exponential depends on neighbouring values."""
    if images.device.type != "cpu":
        return change(images.clone())
    return torch.stack([change(one.clone()) for one in images])


def _is_low_order(num_axes: int) -> Tensor:
    """Which products of powers have a total power of at most `BIAS_ORDER`, without the constant."""
    orders = range(BIAS_ORDER + 1)
    sums = torch.tensor([sum(powers) for powers in product(orders, repeat=num_axes)])
    return ((sums > 0) & (sums <= BIAS_ORDER)).reshape([BIAS_ORDER + 1] * num_axes)
