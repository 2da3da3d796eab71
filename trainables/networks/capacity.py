"""Networks of one size: chooses the width so that parameters, or operations, match a given number.

Comparisons of architectures have used networks of 0.56 to 9.6 million parameters; their differences may be due to
capacity. Networks of one size differ in architecture only.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.canonical import FAMILY_DIMENSIONS
from paretoseg.spaces.network_rules import NetworkRules
from paretoseg.spaces.network_size import NetworkSize
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.data.datasets import Dataset
from paretoseg.trainables.networks.blueprint import Blueprint
from paretoseg.trainables.networks.encoder_decoder import build_network
from paretoseg.trainables.networks.geometry import Level, Spacing
from paretoseg.trainables.networks.size import count_flops, count_parameters
from paretoseg.trainables.networks.window import find_levels, find_window

MIN_WIDTH = 2
"""Fewest channels of the first level that every attention block can halve."""

_PROBES = (4, 8, 12)
"""Widths of the networks that are counted; three determine a parabola."""


@dataclass(frozen=True)
class Frame:
    """What surrounds an architecture in a network: its input and output."""

    window: tuple[int, ...]
    """Extents of the window, in pixels or voxels."""

    in_channels: int
    """Channels of an image."""

    num_classes: int
    """Channels of the logits, background included."""

    spacing: Spacing = ()
    """As in `Blueprint`."""

    levels: tuple[Level, ...] = ()
    """As in `Blueprint`."""


_STEPS = {"swin_unetr": 4}
"""Step between the widths of a family: its heads must divide them."""


def draw_blueprint(candidate: Candidate, dataset: Dataset, rules: NetworkRules) -> Blueprint:
    """The network of a candidate for a dataset, in the width closest to a size, or in its own width without a size.

    The only way from a candidate to a network: trials, pictures, calibrations and exports all use it.
    """
    window, spacing = find_window(candidate, dataset, rules)
    levels = find_levels(candidate.architecture.family, dataset)
    frame = Frame(window, dataset.num_channels, dataset.num_outputs, spacing, levels)
    return Blueprint(
        match_width(candidate.architecture, rules.size, frame),
        spatial_dims=dataset.spatial_dims,
        in_channels=frame.in_channels,
        num_classes=frame.num_classes,
        window=frame.window,
        spacing=spacing,
        levels=levels,
    )


def count_flops_per_voxel(candidate: Candidate, dataset: Dataset, rules: NetworkRules) -> float:
    """Operations of one forward pass of a training patch, divided by its voxels, as `count_flops` counts them.

    Args:
        candidate: Architecture and patch.
        dataset: Its dimensions, channels and classes shape the network.
        rules: As for `draw_blueprint`.
    """
    blueprint = draw_blueprint(candidate, dataset, rules)
    return _count(blueprint.architecture, "flops", _frame(blueprint)) / math.prod(blueprint.window)


def count_size(
    candidate: Candidate, dataset: Dataset, rules: NetworkRules, names: Iterable[str] = ("parameters", "flops")
) -> dict[str, float]:
    """Weights of the network, and operations of one window, as a trial reports them; known without a training.

    Args:
        candidate: Architecture and patch.
        dataset: Its dimensions, channels and classes shape the network.
        rules: As for `draw_blueprint`.
        names: Which of the two.
    """
    blueprint = draw_blueprint(candidate, dataset, rules)
    return {name: float(_count_once(blueprint.architecture, name, _frame(blueprint))) for name in names}


@lru_cache(maxsize=256)
def match_width(architecture: Architecture, size: NetworkSize, frame: Frame) -> Architecture:
    """The architecture with the whole width, at least 2, whose network comes closest to a size.

    Parameters and operations of a convolution are proportional to the product of its channels, so those of a network
    are a parabola of its width. Three narrow networks determine it. Where an odd number of channels is halved, its
    error is less than the step from one width to the next.

    Args:
        architecture: Its width is ignored.
        size: What to match; an empty one leaves the architecture as it is.
        frame: Around the network; its window is the one whose operations are counted.

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
    counts = [_count(dataclasses.replace(architecture, width=width), size.measure, frame) for width in _PROBES]
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


def _frame(blueprint: Blueprint) -> Frame:
    return Frame(blueprint.window, blueprint.in_channels, blueprint.num_classes, blueprint.spacing, blueprint.levels)


@lru_cache(maxsize=4096)
def _count_once(architecture: Architecture, measure: str, frame: Frame) -> int:
    return _count(architecture, measure, frame)


def _count(architecture: Architecture, measure: str, frame: Frame) -> int:
    """Weights of the network or operations of a window, counted on tensors without values."""
    # MONAI's Swin transformer reads values while it is built, so it cannot be built of tensors without values.
    with torch.device("cpu" if architecture.family == "swin_unetr" else "meta"):
        network = build_network(
            architecture,
            spatial_dims=len(frame.window),
            in_channels=frame.in_channels,
            num_classes=frame.num_classes,
            spacing=frame.spacing,
            levels=frame.levels,
        )
    if measure == "parameters":
        return count_parameters(network)
    return count_flops(network.to("meta"), torch.empty(frame.in_channels, *frame.window, device="meta"), frame.window)
