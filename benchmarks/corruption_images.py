"""The images on which all libraries corrupt, and the strengths at which they do."""

from __future__ import annotations

import torch
from torch import Tensor

from paretoseg.trainables.severities.levels import LEVELS

SEVERITY = 4
SHAPES = {2: (256, 256), 3: (96, 96, 96)}
BATCH_SIZES = {2: 16, 3: 2}

STRENGTHS = {name: levels.values[SEVERITY - 1] for name, levels in LEVELS.items()}


def build_images(spatial_dims: int, device: str) -> tuple[Tensor, Tensor]:
    """Smooth random images, b x 1 x spatial, and their labels, b x spatial."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(BATCH_SIZES[spatial_dims], 1, *SHAPES[spatial_dims], generator=generator)
    pool = torch.nn.functional.avg_pool2d if spatial_dims == 2 else torch.nn.functional.avg_pool3d
    images = ((pool(noise, 5, 1, 2) - 0.5) * 3 + 0.5).clamp(0, 1)
    return images.to(device), (images[:, 0] > 0.5).to(torch.uint8).to(device)
