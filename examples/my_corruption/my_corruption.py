"""Corruption `stripes`: rows get brighter and darker, as from a detector whose lines differ."""

import torch

from paretoseg.trainables.severities.levels import Levels, PluggedCorruption


def stripes(images, strength, generators):
    """Adds an offset to each row; the strength is its standard deviation. One draw per image, from its generator."""
    rows = torch.stack([torch.randn(images.shape[-2], 1, generator=generator) for generator in generators])
    return images + strength * rows.to(images)[(slice(None), *[None] * (images.ndim - 3))]


STRIPES = PluggedCorruption(Levels("standard deviation of rows", (0.02, 0.05, 0.1, 0.15, 0.2), "stripes"), stripes)
