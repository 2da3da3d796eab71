"""Test-time degradations: what an image may suffer between the scanner and the network.

Every entry of `CORRUPTIONS` is a function (images, severity, generator) -> images, batched, on the device of the
images. Images have intensities in [0, 1] before and after. Gain, offset and gamma are missing on purpose: training may
use them (`augmentation.py`), and a score on corruptions that were trained on would measure memory. None of the entries
moves anything, so labels stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from trainables.seeds import derive_seed
from trainables.severities import CLEAN, LEVELS, strength

Images = Float[Tensor, "b c *spatial"]
Corruption = Callable[[Tensor, int, torch.Generator], Tensor]

INTERPOLATION = {2: "bilinear", 3: "trilinear"}


def corruption_generator(case: str, corruption: str, severity: int, seed: int) -> torch.Generator:
    """A CPU generator whose draws depend on these four alone: every network meets the same corrupted image."""
    return torch.Generator().manual_seed(derive_seed("corruption", case, corruption, severity, seed))


def corrupt(images: Images, corruption: str, severity: int, generator: torch.Generator) -> Images:
    """The images after a corruption from the table; untouched at severity 0.

    Raises:
        ValueError: for an unknown corruption, or a severity outside 0..5.
    """
    if severity == 0 and (corruption == CLEAN or corruption in LEVELS):
        return images
    strength(corruption, severity)
    return CORRUPTIONS[corruption](images, severity, generator)


def gaussian_noise(images: Images, severity: int, generator: torch.Generator) -> Images:
    """Additive noise, as of a CT after reconstruction."""
    return (images + strength("gaussian_noise", severity) * _normal(images, generator)).clamp(0.0, 1.0)


def rician_noise(images: Images, severity: int, generator: torch.Generator) -> Images:
    """Magnitude of a complex signal with noise in both channels, as of an MRI; it lifts dark regions."""
    spread = strength("rician_noise", severity)
    real, imaginary = images + spread * _normal(images, generator), spread * _normal(images, generator)
    return torch.hypot(real, imaginary).clamp(0.0, 1.0)


def speckle_noise(images: Images, severity: int, generator: torch.Generator) -> Images:
    """Noise in proportion to the intensity, as of ultrasound."""
    return (images * (1.0 + strength("speckle_noise", severity) * _normal(images, generator))).clamp(0.0, 1.0)


def impulse_noise(images: Images, severity: int, generator: torch.Generator) -> Images:
    """Salt and pepper: single pixels become 0 or 1, with equal probability."""
    share = strength("impulse_noise", severity)
    draw = torch.rand(images.shape, generator=generator).to(images.device)
    salted = torch.where(draw < share / 2, torch.zeros_like(images), images)
    return torch.where(draw > 1 - share / 2, torch.ones_like(images), salted)


def gaussian_blur(images: Images, severity: int, generator: torch.Generator) -> Images:
    """Convolution with a Gaussian, as of motion, defocus or a soft kernel; the border is continued."""
    spread = strength("gaussian_blur", severity)
    reach = math.ceil(4 * spread)
    places = torch.arange(-reach, reach + 1, dtype=images.dtype, device=images.device)
    kernel = torch.exp(-0.5 * (places / spread) ** 2)
    kernel = kernel / kernel.sum()
    for axis in range(2, images.ndim):
        # Axis by axis, each as a convolution of rows: the same lines serve two and three dimensions.
        rows = images.movedim(axis, -1)
        padded = functional.pad(rows.reshape(-1, 1, rows.shape[-1]), (reach, reach), mode="replicate")
        images = functional.conv1d(padded, kernel[None, None]).reshape(rows.shape).movedim(-1, axis)
    return images.clamp(0.0, 1.0)


def low_resolution(images: Images, severity: int, generator: torch.Generator) -> Images:
    """Fewer, larger pixels (their mean), brought back to the old grid by linear interpolation."""
    factor = strength("low_resolution", severity)
    size = images.shape[2:]
    fewer = [max(round(extent / factor), 1) for extent in size]
    means = functional.interpolate(images, size=fewer, mode="area")
    return functional.interpolate(means, size=size, mode=INTERPOLATION[len(size)], align_corners=False).clamp(0.0, 1.0)


def _normal(images: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(images.shape, generator=generator).to(images.device)


CORRUPTIONS: Mapping[str, Corruption] = {
    function.__name__: function
    for function in (gaussian_noise, rician_noise, speckle_noise, impulse_noise, gaussian_blur, low_resolution)
}
"""Every corruption by name."""

assert CORRUPTIONS.keys() == LEVELS.keys(), "every corruption needs a function here and its levels in severities.py"
