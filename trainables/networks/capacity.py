"""Networks of one size: chooses the width so that parameters, or operations, match a given number.

Comparisons of architectures have used networks of 0.56 to 9.6 million parameters; their differences may be due to
capacity. Networks of one size differ in architecture only.
"""

from __future__ import annotations

import dataclasses
import math
from functools import lru_cache

import numpy as np
import torch

from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.canonical import FAMILY_DIMENSIONS
from paretoseg.spaces.network_size import NetworkSize
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.data.datasets import Dataset
from paretoseg.trainables.networks.blueprint import Blueprint
from paretoseg.trainables.networks.encoder_decoder import build_network
from paretoseg.trainables.networks.size import count_flops, count_parameters

MIN_WIDTH = 2
"""Fewest channels of the first level that every attention block can halve."""

_PROBES = (4, 8, 12)
"""Widths of the networks that are counted; three determine a parabola."""

_STEPS = {"swin_unetr": 4}
"""Step between the widths of a family: its heads must divide them."""


def draw_blueprint(candidate: Candidate, dataset: Dataset, size: NetworkSize) -> Blueprint:
    """The network of a candidate for a dataset, in the width closest to a size, or in its own width without a size.

    The only way from a candidate to a network: trials, pictures, calibrations and exports all use it.
    """
    shape = {
        "spatial_dims": dataset.spatial_dims,
        "in_channels": dataset.num_channels,
        "num_classes": dataset.num_classes,
    }
    patch = candidate.recipe.patch
    return Blueprint(match_width(candidate.architecture, size, patch=patch, **shape), **shape, window=patch)


def count_flops_per_voxel(candidate: Candidate, dataset: Dataset, size: NetworkSize) -> float:
    """Operations of one forward pass of a training patch, divided by its voxels, as `count_flops` counts them.

    Args:
        candidate: Architecture and patch.
        dataset: Its dimensions, channels and classes shape the network.
        size: As for `draw_blueprint`.
    """
    blueprint = draw_blueprint(candidate, dataset, size)
    window = (blueprint.in_channels, *[blueprint.window] * blueprint.spatial_dims)
    return _count(blueprint.architecture, "flops", window, blueprint.num_classes) / math.prod(window[1:])


@lru_cache(maxsize=256)
def match_width(
    architecture: Architecture,
    size: NetworkSize,
    *,
    patch: int,
    spatial_dims: int,
    in_channels: int,
    num_classes: int,
) -> Architecture:
    """The architecture with the whole width, at least 2, whose network comes closest to a size.

    Parameters and operations of a convolution are proportional to the product of its channels, so those of a network
    are a parabola of its width. Three narrow networks determine it. Where an odd number of channels is halved, its
    error is less than the step from one width to the next.

    Args:
        architecture: Its width is ignored.
        size: What to match; an empty one leaves the architecture as it is.
        patch: Edge of the window whose operations are counted, in pixels or voxels.
        spatial_dims: 2 for pictures, 3 for volumes.
        in_channels: Channels of an image.
        num_classes: Channels of the logits, background included.

    Raises:
        ValueError: if the width of the family is fixed.
    """
    if not size.measure:
        return architecture
    if "width" not in FAMILY_DIMENSIONS[architecture.family]:
        raise ValueError(
            f"networks of family {architecture.family} have one width and cannot be matched to {size.amount} "
            f"{size.measure}; leave the family out of space.family, or set task.match_{size.measure}=0"
        )
    window = (in_channels, *[patch] * spatial_dims)
    counts = [
        _count(dataclasses.replace(architecture, width=width), size.measure, window, num_classes) for width in _PROBES
    ]
    square, linear, constant = np.polyfit(_PROBES, counts, deg=2)
    step = _STEPS.get(architecture.family, 1)
    # If every width gives more than wanted, the narrowest network is the closest.
    inside = linear**2 - 4.0 * square * (constant - size.amount)
    root = (math.sqrt(max(inside, 0.0)) - linear) / (2.0 * square)
    below = max(math.floor(root / step) * step, MIN_WIDTH, step)

    def distance(width: int) -> float:
        found = float(square * width**2 + linear * width + constant)
        return abs(math.log(found / size.amount))

    return dataclasses.replace(architecture, width=min((below, below + step), key=distance))


def _count(architecture: Architecture, measure: str, window: tuple[int, ...], num_classes: int) -> int:
    """Weights of the network or operations of a window (channels, ...spatial), counted on tensors without values."""
    # MONAI's Swin transformer reads values while it is built, so it cannot be built of tensors without values.
    with torch.device("cpu" if architecture.family == "swin_unetr" else "meta"):
        network = build_network(
            architecture, spatial_dims=len(window) - 1, in_channels=window[0], num_classes=num_classes
        )
    if measure == "parameters":
        return count_parameters(network)
    return count_flops(network.to("meta"), torch.empty(window, device="meta"), window[1])
