"""The sliding window of inference: how far windows overlap, and how many an image takes. Free of torch."""

from __future__ import annotations

import math
from collections.abc import Sequence

WINDOW_OVERLAP = 0.25
"""Least share of a window that its neighbour covers again."""


def count_windows(shape: Sequence[int], patch: int) -> int:
    """How many windows of edge `patch` cover an image of this shape; a smaller image is padded to one."""
    stride = max(int(patch * (1 - WINDOW_OVERLAP)), 1)
    return math.prod(1 + math.ceil(max(extent - patch, 0) / stride) for extent in shape)
