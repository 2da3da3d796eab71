"""How large the feature maps of nnU-Net's networks are: the measure by which its planners fit memory.

Free of torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from paretoseg.spaces.planned import count_blocks, count_widths

TARGET_GB = 8.0
"""Memory of the GPU for which nnU-Net's default plan is made."""

REFERENCE_BATCH = {2: 12, 3: 2}
"""The batch with which the reference fits into it, by number of spatial axes."""


@dataclass(frozen=True)
class Design:
    """What nnU-Net's planner assumes of a kind of network."""

    reference: Mapping[int, int]
    """Numbers in feature maps of a patch that fit into `TARGET_GB`, with `REFERENCE_BATCH`, by number of axes."""

    most_covered: float
    """Largest share of the dataset's voxels that a batch may hold."""


DESIGNS: Mapping[str, Design] = {
    "nnunet": Design({2: 85_000_000, 3: 560_000_000}, most_covered=0.05),
    "resenc": Design({2: 135_000_000, 3: 680_000_000}, most_covered=1.0),
}
"""By family: the plain U-Net, and the residual encoder in size M."""


def count_feature_maps(
    patch: Sequence[int], strides: Sequence[Sequence[int]], num_classes: int, family: str = "nnunet"
) -> int:
    """The numbers in all feature maps that convolutions of the network give for one patch.

    As `compute_conv_feature_map_size` of the package dynamic-network-architectures counts them: the convolutions of
    encoder and decoder, the transposed convolutions, and the output.

    Args:
        patch: Edges in voxels.
        strides: By level, from the full resolution down.
        num_classes: Output channels.
        family: One of `DESIGNS`.
    """
    size, voxels = list(patch), []
    for level in strides:
        size = [edge // stride for edge, stride in zip(size, level, strict=True)]
        voxels.append(math.prod(size))
    widths = count_widths(len(strides), len(patch))
    encoder = _count_residual(widths) if family == "resenc" else [2 * width for width in widths]
    transposed, convolutions = 1, 1 if family == "resenc" else 2
    decoder = [*((transposed + convolutions) * width for width in widths[:-1]), 0]
    channels = [down + up for down, up in zip(encoder, decoder, strict=True)]
    channels[0] += num_classes
    return sum(number * count for number, count in zip(channels, voxels, strict=True))


def _count_residual(widths: Sequence[int]) -> list[int]:
    """Channels of all feature maps by level of the residual encoder.

    A block has two convolutions, the first of a level below the full resolution a third map: its shortcut, which
    shrinks. The full resolution begins with one more convolution.
    """
    blocks = count_blocks(len(widths))
    return [width * (2 * count + 1) for width, count in zip(widths, blocks, strict=True)]


def estimate_gb(feature_maps: int, batch: int, spatial_dims: int, family: str = "nnunet") -> float:
    """The memory of a training, in GB: in proportion to nnU-Net's reference."""
    reference = DESIGNS[family].reference[spatial_dims]
    return TARGET_GB * feature_maps * batch / (reference * REFERENCE_BATCH[spatial_dims])
