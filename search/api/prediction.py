"""What a network says of an image, and what counts as one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

Image: TypeAlias = "str | os.PathLike[str] | np.ndarray"


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a network says of one image."""

    image: str
    """The path of the image, or `array 0`, `array 1` and so on."""

    mask: np.ndarray
    """The number of the class of every pixel or voxel, uint8, axes as in the image without its channels."""

    probabilities: np.ndarray | None
    """Of every class in [0, 1], float32, axes (class, ...); None if they were not asked for."""

    classes: Mapping[str, tuple[int, ...]]
    """By name, the values in `mask` that belong to a class, the background first; several where classes overlap."""
