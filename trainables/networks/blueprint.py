"""A network without weights, and the file `architecture.yaml`, from which an exported network can be built again.

network = rebuild_network(Path("exports/mine-trial-00006-bundle/architecture.yaml"))
network.load_state_dict(torch.load(".../models/model.pt", weights_only=True))
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import yaml
from torch import nn

from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.domain import Float, Int
from paretoseg.spaces.presets import CORE
from paretoseg.spaces.records import decode, encode, shorten
from paretoseg.trainables.networks.encoder_decoder import build_network
from paretoseg.trainables.networks.geometry import Level, find_total_strides, multiply_strides

ARCHITECTURE_FILE = "architecture.yaml"

_EXPLANATION = """\
# The network, as paretoseg builds it, comes back without weights from rebuild_network(path), which is in
# paretoseg.trainables.networks.blueprint.
# window: extents of the sliding window, in pixels or voxels, the training patch.
# spacing: edge lengths of a voxel by axis that strides and kernels follow; empty for equal ones.
# levels: strides, and the axes that kernels reach along, by level; empty unless a plan gives them.
"""


_COUNTS = Int(1, 2**31 - 1)
_Count = Annotated[int, _COUNTS]
_Edge = Annotated[float, Float(1e-9, 1e9)]


@dataclass(frozen=True)
class Blueprint:
    """A network without weights."""

    architecture: Architecture
    """Its shape."""

    spatial_dims: Annotated[int, Int(2, 3)]
    """2 for pictures, 3 for volumes."""

    in_channels: _Count
    """Channels of an image."""

    num_classes: _Count
    """Channels of the logits, background included."""

    window: tuple[_Count, ...]
    """Extents of the sliding window, in pixels or voxels: the training patch."""

    spacing: tuple[_Edge, ...] = ()
    """Edge lengths of a voxel by axis that strides and kernels follow; empty if they are equal on all axes."""

    levels: tuple[Level, ...] = ()
    """The levels of a plan, finest first; empty if they follow from architecture and spacing."""

    @property
    def total_strides(self) -> tuple[int, ...]:
        """The number by which each spatial extent of the input must be divisible."""
        if self.levels:
            return multiply_strides(self.levels)
        return find_total_strides(self.architecture, self.spatial_dims, self.spacing)

    def build(self) -> nn.Module:
        """The network, with torch's default weights."""
        return build_network(
            self.architecture,
            spatial_dims=self.spatial_dims,
            in_channels=self.in_channels,
            num_classes=self.num_classes,
            spacing=self.spacing,
            levels=self.levels,
        )

    def to_yaml(self) -> str:
        """The text of `architecture.yaml`."""
        return _EXPLANATION + yaml.safe_dump(encode(self), sort_keys=False)


def rebuild_network(path: Path) -> nn.Module:
    """The network that an `architecture.yaml` describes, without its weights.

    Raises:
        ValueError: if the file does not describe one; the message names the entry.
    """
    return read_blueprint(path).build()


def read_blueprint(path: Path) -> Blueprint:
    """The blueprint in an `architecture.yaml`.

    Raises:
        ValueError: if it cannot be read, lacks an entry or has one that cannot be built.
    """
    try:
        entries = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"'{path}' cannot be read as YAML: {str(error).splitlines()[0]}; export again") from None
    try:
        return _to_blueprint(entries)
    except ValueError as error:
        raise ValueError(f"'{path}' describes no network: {error}; export again") from None


def _to_blueprint(entries: object) -> Blueprint:
    shape = entries.get("architecture") if isinstance(entries, dict) else None
    if not isinstance(entries, dict) or not isinstance(shape, dict):
        return decode(Blueprint, entries)
    # A file from before a dimension existed means its default.
    if missing := [name for name in vars(Architecture()) if name in CORE and name not in shape]:
        raise ValueError(f"architecture.{missing[0]} is missing")
    # Windows had one edge before they could follow the voxels.
    if isinstance(edge := entries.get("window"), int):
        entries = entries | {"window": [edge] * int(entries.get("spatial_dims") or 0)}
    # A network that was matched to a number of parameters may have any width.
    width = shape["width"]
    if not _COUNTS.contains(width):
        raise ValueError(f"architecture.width must lie in {_COUNTS.describe()}, got {shorten(width)}")
    blueprint = decode(Blueprint, entries | {"architecture": shape | {"width": Architecture.width}})
    return dataclasses.replace(blueprint, architecture=dataclasses.replace(blueprint.architecture, width=width))
