"""How a network is trained: everything that shapes the weights but not the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from spaces.domain import Choice, Float, Int


@dataclass(frozen=True)
class Recipe:
    """The training of one network."""

    patch: Annotated[int, Int(32, 128, step=16)] = 64
    """Edge of the square or cubic training patch (the context), in pixels or voxels."""

    foreground_ratio: Annotated[float, Float(0.0, 1.0)] = 0.5
    """Share of training patches that are centred on foreground; the others are centred anywhere."""

    augmentation: Annotated[str, Choice(("none", "spatial", "intensity", "spatial_intensity"))] = "spatial"
    """Training transforms: flips and right-angle turns, random gain, offset and gamma, or both."""

    learning_rate: Annotated[float, Float(1e-4, 1e-1, log=True)] = 1e-2
    """Peak learning rate of AdamW, reached after the warm-up."""
