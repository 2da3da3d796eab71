"""The sliding window of inference: overlap and number of windows. Free of torch."""

from __future__ import annotations

import math
from collections.abc import Sequence

WINDOW_OVERLAP = 0.25
"""Smallest share of a window that its neighbour also covers, in [0, 1)."""


def count_windows(shape: Sequence[int], window: Sequence[int]) -> int:
    """Number of windows that cover an image of this shape; a smaller image is padded to one window."""
    strides = [max(int(edge * (1 - WINDOW_OVERLAP)), 1) for edge in window]
    along = zip(shape, window, strides, strict=True)
    return math.prod(1 + math.ceil(max(extent - edge, 0) / stride) for extent, edge, stride in along)
