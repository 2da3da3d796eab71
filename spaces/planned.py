"""The networks of nnU-Net's plans: their channels and blocks by level, and the candidates that are baselines.

Isensee et al., Nature Methods 18:203-211 (2021), for the plain U-Net; Isensee et al., MICCAI 2024 (arXiv 2404.09556),
for the residual encoder in size M. The numbers are those of nnU-Net 2.
"""

from __future__ import annotations

PLANNED_WIDTH = 32
"""Channels of the full resolution in a plan; they double on every level."""

_MOST_WIDTH = {2: 512, 3: 320}
"""Most channels of a level, by number of spatial axes, at this width."""

_FIRST_BLOCKS = (1, 3, 4)
_LATER_BLOCKS = 6


def count_widths(num_levels: int, spatial_dims: int, width: int = PLANNED_WIDTH) -> tuple[int, ...]:
    """Channels by level, from the full resolution down; their cap shrinks and grows with the width.

    Args:
        num_levels: Levels of the network.
        spatial_dims: 2 for pictures, 3 for volumes.
        width: Channels of the full resolution.
    """
    most = _MOST_WIDTH[spatial_dims] // PLANNED_WIDTH * width
    return tuple(min(width * 2**level, most) for level in range(num_levels))


def count_blocks(num_levels: int) -> tuple[int, ...]:
    """Residual blocks by level of the encoder of `resenc`, from the full resolution down."""
    return tuple(_FIRST_BLOCKS[level] if level < len(_FIRST_BLOCKS) else _LATER_BLOCKS for level in range(num_levels))
