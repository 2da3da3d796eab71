"""Leaves pixels about which nothing is known out of masks, before these are scored."""

from __future__ import annotations

from jaxtyping import UInt8
from torch import Tensor

from paretoseg.trainables.data.ignored import IGNORED


def clear_ignored(mask: UInt8[Tensor, "*spatial"], label: UInt8[Tensor, "*spatial"]) -> UInt8[Tensor, "*spatial"]:
    """The mask with background wherever the reference is not known.

    With both prediction and reference cleared, Dice and what is derived from it is that of the known pixels. Surfaces
    end where an object runs into pixels that are not known, in both masks alike.

    Args:
        mask: Prediction or reference.
        label: The reference, with `IGNORED` where it is not known.
    """
    is_ignored = label == IGNORED
    return mask.masked_fill(is_ignored, 0) if bool(is_ignored.any()) else mask
