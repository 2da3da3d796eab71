"""What all networks of a study have in common beside their candidates: their size, and what they make of voxels."""

from __future__ import annotations

from dataclasses import dataclass, field

from paretoseg.spaces.network_size import NetworkSize


@dataclass(frozen=True)
class NetworkRules:
    """How a candidate becomes a network for a dataset. Free of torch."""

    size: NetworkSize = field(default_factory=NetworkSize)
    """The size that the widths of networks are chosen to match."""

    follows_spacing: bool = False
    """Whether patches, strides and kernels follow the edge lengths of a voxel; else they are equal on all axes."""
