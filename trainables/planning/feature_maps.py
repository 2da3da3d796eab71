"""How large the feature maps of nnU-Net's plain U-Net are: the measure by which its planner fits memory.

Free of torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

BASE_WIDTH = 32
"""Channels of the full resolution; they double on every level."""

MOST_WIDTH = {2: 512, 3: 320}
"""Most channels, by number of spatial axes."""

CONVOLUTIONS = 2
"""Convolutions of a level, in the encoder and in the decoder."""

TARGET_GB = 8.0
"""Memory of the GPU for which nnU-Net's default plan is made."""

REFERENCE = {2: 85_000_000, 3: 560_000_000}
"""Numbers in feature maps of a patch that fit into it, with the reference batch, by number of spatial axes."""

REFERENCE_BATCH = {2: 12, 3: 2}
"""The batch with which they do."""


def count_features(num_levels: int, spatial_dims: int) -> tuple[int, ...]:
    """Channels by level, from the full resolution down."""
    return tuple(min(BASE_WIDTH * 2**level, MOST_WIDTH[spatial_dims]) for level in range(num_levels))


def count_feature_maps(patch: Sequence[int], strides: Sequence[Sequence[int]], num_classes: int) -> int:
    """The numbers in all feature maps that convolutions of the network give for one patch.

    As `compute_conv_feature_map_size` of the plain U-Net of the package dynamic-network-architectures counts them:
    the convolutions of encoder and decoder, the transposed convolutions, and the output.

    Args:
        patch: Edges in voxels.
        strides: By level, from the full resolution down.
        num_classes: Output channels.
    """
    size, voxels = list(patch), []
    for level in strides:
        size = [edge // stride for edge, stride in zip(size, level, strict=True)]
        voxels.append(math.prod(size))
    features = count_features(len(strides), len(patch))
    encoder = sum(CONVOLUTIONS * width * count for width, count in zip(features, voxels, strict=True))
    decoder = sum((CONVOLUTIONS + 1) * width * count for width, count in zip(features[:-1], voxels[:-1], strict=True))
    return encoder + decoder + num_classes * voxels[0]


def estimate_gb(feature_maps: int, batch: int, spatial_dims: int) -> float:
    """The memory of a training, in GB: in proportion to nnU-Net's reference."""
    return TARGET_GB * feature_maps * batch / (REFERENCE[spatial_dims] * REFERENCE_BATCH[spatial_dims])
