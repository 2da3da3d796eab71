"""Pixels of references about which nothing is known. Free of torch; part of exported bundles.

In labels they have the value `IGNORED`, whatever their value in the files. They do not train a network, no patch is
centred on them, and no score counts what is predicted there.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

IGNORED = 255
"""The value of these pixels in labels; classes are 0 to 254."""

IGNORE_NAME = "ignore"
"""How lists and `data.label_map` name it."""


def has_foreground(label: UInt8[np.ndarray, "..."]) -> bool:
    """Whether a label has a pixel of a known class besides the background."""
    return bool(label.any()) and bool(((label > 0) & (label != IGNORED)).any())


def find_foreground_share(label: UInt8[np.ndarray, "..."]) -> float:
    """Share of the pixels or voxels of any foreground class among those that are known, in [0, 1]."""
    num_ignored = int(np.count_nonzero(label == IGNORED))
    num_known = label.size - num_ignored
    return float((np.count_nonzero(label) - num_ignored) / num_known) if num_known else 0.0
