"""Where the first candidates of a search on images lie: where networks learn."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from paretoseg.spaces.domain import Float
from paretoseg.spaces.search_space import SearchSpace

LEARNABLE: Mapping[str, tuple[float, float]] = {"learning_rate": (1e-3, 3e-2), "foreground_ratio": (0.25, 1.0)}
"""Ranges in which most trainings learn something. A search starts there, and goes further if that pays."""


def to_learnable(space: SearchSpace, units: np.ndarray) -> np.ndarray:
    """The points of a first design, moved into `LEARNABLE`; as they are in a space that was not fitted to a dataset.

    Args:
        space: What is searched; its own bounds count too.
        units: Points of the unit cube, shape (num_points, num_searched).
    """
    moved = units.copy()
    for place, (name, domain) in enumerate(space.searched.items()):
        if space.has_start and name in LEARNABLE and isinstance(domain, Float):
            low, high = (domain.to_unit(min(max(end, domain.low), domain.high)) for end in LEARNABLE[name])
            moved[:, place] = low + units[:, place] * (high - low)
    return moved
