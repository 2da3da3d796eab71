"""Noise, independent for every pixel and channel."""

from __future__ import annotations

import math

import torch

from paretoseg.trainables.corruptions.draws import Generators, Images, draw_normal_pixels, draw_uniform_pixels


def gaussian_noise(images: Images, strength: float, generators: Generators) -> Images:
    """Additive noise, as in a CT after reconstruction.

    The strength is its standard deviation.
    """
    return draw_normal_pixels(images, generators).mul_(strength).add_(images)


def rician_noise(images: Images, strength: float, generators: Generators) -> Images:
    """Magnitude of a complex signal with noise in both parts, as in an MRI; it brightens dark regions.

    The strength is the standard deviation in each part (Gudbjartsson & Patz, Magn Reson Med 1995). A magnitude is not
    negative: intensities below 0 get the noise of 0.
    """
    real = draw_normal_pixels(images, generators).mul_(strength).add_(images.clamp_min(0.0))
    imaginary = draw_normal_pixels(images, generators).mul_(strength)
    return real.hypot_(imaginary).add_(images.clamp_max(0.0))


def speckle_noise(images: Images, strength: float, generators: Generators) -> Images:
    """Noise proportional to the intensity, as in ultrasound.

    The strength is its standard deviation relative to the intensity. Intensities below 0 get none.
    """
    noisy = draw_normal_pixels(images, generators).mul_(strength).add_(1.0).mul_(images)
    return torch.where(images < 0.0, images, noisy)


def impulse_noise(images: Images, strength: float, generators: Generators) -> Images:
    """Salt and pepper, as from dead and hot pixels: single pixels become 0 or 1, with equal probability.

    The strength is the share of these pixels.
    """
    drawn = draw_uniform_pixels(images, generators)
    salted = torch.where(drawn < strength / 2, 0.0, images)
    return torch.where(drawn > 1 - strength / 2, 1.0, salted)


def legacy_speckle(images: Images, strength: float, generators: Generators) -> Images:
    """Multiplicative noise as in Kamath et al., whose two levels are variance 0.1 and 0.3.

    The strength is the variance relative to the squared intensity.
    """
    return speckle_noise(images, math.sqrt(strength), generators)
