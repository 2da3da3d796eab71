"""The segmentation networks: one encoder-decoder, composed from an `Architecture`, in two or three dimensions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from monai.networks.layers.factories import Conv, Pool
from torch import Tensor, nn

from paretoseg.spaces.architecture import PLANNED, Architecture
from paretoseg.trainables.networks.blocks import build_level
from paretoseg.trainables.networks.geometry import FOLLOWING, Level, Spacing, multiply_strides, plan_levels
from paretoseg.trainables.networks.layers import UPSAMPLING, check_extents
from paretoseg.trainables.networks.monai_families import FAMILIES
from paretoseg.trainables.networks.nested import NestedNode, Place, plan_nodes
from paretoseg.trainables.networks.planned_unet import PlannedUnet, ResidualUnit
from paretoseg.trainables.networks.skips import SKIPS, Skip
from paretoseg.trainables.seeds import derive_seed

_EMBEDDINGS = ("position_embeddings", "relative_position_bias_table")
_EMBEDDING_DEVIATION = 0.02
"""Standard deviation of learned position embeddings, as in the transformers' papers; they have no fan-in."""

_LEAK = 0.01
"""Slope of nnU-Net's leaky ReLU below 0."""


def build_network(
    architecture: Architecture,
    *,
    spatial_dims: int,
    in_channels: int,
    num_classes: int,
    spacing: Spacing = (),
    levels: Sequence[Level] = (),
) -> nn.Module:
    """A network that maps images (b, in_channels, ...spatial) to logits (b, num_classes, ...spatial).

    Every spatial extent of the input must be divisible by the stride of its axis in `geometry.find_total_strides`.
    Strides and kernels are those of `levels`, if a plan gives them. Otherwise they follow the edge lengths of a voxel,
    `spacing`; without them, and in families that cannot, they are equal on all axes. The weights are torch's default
    draw; `initialise_weights` replaces them by a draw that depends on a seed only.

    `network(images, auxiliary=True)` returns the logits and a list of the auxiliary logits of deep supervision, finest
    first, at the resolution of the images or lower. Without deep supervision the list is empty.
    """
    family = architecture.family
    build = PlannedUnet if family in PLANNED else FAMILIES.get(family, EncoderDecoder)
    depth = Architecture.depth if family in PLANNED else architecture.depth
    levels = levels or plan_levels(depth, spatial_dims, spacing if family in FOLLOWING else ())
    return build(architecture, levels, in_channels=in_channels, num_classes=num_classes)


def initialise_weights(network: nn.Module, seed: int) -> None:
    """Redraws all weights, in place: uniform in +-1 / sqrt(fan_in); biases become 0, scales of norms stay 1.

    The draw of a weight depends only on the seed, its name and its shape, so two candidates that share a layer start
    with the same weights there. The variance is a sixth of He's: with He's, the sigmoids of the attention blocks
    saturate, and small networks with attention predict only background. The networks of nnU-Net's plans have its draw:
    He's normal one for their nonlinearity, and residual units that add nothing at first.
    """
    is_planned = isinstance(network, PlannedUnet)
    for name, parameter in network.named_parameters():
        generator = torch.Generator().manual_seed(derive_seed("weights", seed, name))
        if is_planned and parameter.ndim > 1:
            nn.init.kaiming_normal_(parameter, a=_LEAK, generator=generator)
        elif name.endswith(_EMBEDDINGS):
            nn.init.normal_(parameter, std=_EMBEDDING_DEVIATION, generator=generator)
        elif parameter.ndim > 1:
            nn.init.kaiming_uniform_(parameter, a=math.sqrt(5.0), generator=generator)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)
    for unit in network.modules():
        if isinstance(unit, ResidualUnit):
            nn.init.zeros_(unit.get_parameter("last_norm.weight"))


class EncoderDecoder(nn.Module):
    """An encoder of `depth` resolutions, a decoder to the first, and at most a skip per resolution but the last."""

    def __init__(
        self, architecture: Architecture, levels: Sequence[Level], *, in_channels: int, num_classes: int
    ) -> None:
        super().__init__()
        spatial_dims = len(levels[0].strides)
        self._total_strides = multiply_strides(levels)
        self._is_nested = architecture.skip == "dense"
        self._skip_levels = architecture.skip_levels
        channels = [architecture.width * 2**level for level in range(architecture.depth)]
        self.encoders = nn.ModuleList(
            build_level(
                channels[level - 1] if level else in_channels,
                channels[level],
                architecture,
                levels[level],
                is_bottleneck=level == architecture.depth - 1,
            )
            for level in range(architecture.depth)
        )
        self.shrink = nn.ModuleList(Pool[Pool.MAX, spatial_dims](kernel_size=level.strides) for level in levels[1:])
        self.grow, self.skips, self.decoders = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        # Modules are stored by level, finest first, so that a level has the same name in networks of any depth.
        for level, (here, below) in enumerate(itertools.pairwise(channels)):
            skip: Skip = SKIPS[architecture.skip if self._skip_levels[level] else "none"](here, spatial_dims)
            joined = here * (architecture.depth - level) if self._joins_all(level) else skip.out_channels
            self.grow.append(UPSAMPLING[architecture.upsampling](below, here, levels[level + 1].strides))
            self.skips.append(skip)
            self.decoders.append(build_level(joined, here, architecture, levels[level]))
        self.head = Conv[Conv.CONV, spatial_dims](channels[0], num_classes, kernel_size=1)
        self._places = plan_nodes(self._skip_levels) if self._is_nested else ()
        self.nested = nn.ModuleDict(
            {_name(place): self._build_node(place, channels, architecture, levels) for place in self._places}
        )
        self.auxiliary_heads = nn.ModuleDict(
            {
                str(level): Conv[Conv.CONV, spatial_dims](channels[level], num_classes, kernel_size=1)
                for level in range(1, architecture.depth - 1)
                if architecture.deep_supervision == "on"
            }
        )

    def forward(
        self, images: Float[Tensor, "b c *spatial"], auxiliary: bool = False
    ) -> Tensor | tuple[Tensor, list[Tensor]]:
        """Logits at the resolution of the images; with `auxiliary`, also those of coarser levels, finest first.

        Raises:
            ValueError: if a spatial extent is not divisible by the total stride of its axis.
        """
        check_extents(images, self._total_strides)
        found = self._encode(images)
        features, others = found[len(self.decoders), 0], []
        for level in reversed(range(len(self.decoders))):
            grown = self.grow[level](features)
            if self._joins_all(level):
                joined = torch.cat((grown, *self._before(found, (level, len(self.decoders) - level))), dim=1)
            else:
                joined = self.skips[level](grown, found[level, 0])
            features = self.decoders[level](joined)
            if auxiliary and str(level) in self.auxiliary_heads:
                others.append(self.auxiliary_heads[str(level)](features))
        logits: Tensor = self.head(features)
        return (logits, others[::-1]) if auxiliary else logits

    def _build_node(
        self, place: Place, channels: Sequence[int], architecture: Architecture, levels: Sequence[Level]
    ) -> NestedNode:
        level, column = place
        return NestedNode(
            channels[level],
            channels[level + 1],
            num_before=column if self._skip_levels[level] else 0,
            architecture=architecture,
            levels=(levels[level], levels[level + 1]),
        )

    def _encode(self, images: Tensor) -> dict[Place, Tensor]:
        """The features of every level of the encoder, and of the nodes nested between encoder and decoder."""
        found, features = {}, images
        for level, encoder in enumerate(self.encoders):
            features = encoder(self.shrink[level - 1](features) if level else features)
            found[level, 0] = features
        for level, column in self._places:
            below = found[level + 1, column - 1]
            found[level, column] = self.nested[_name((level, column))](below, self._before(found, (level, column)))
        return found

    def _before(self, found: dict[Place, Tensor], place: Place) -> list[Tensor]:
        """The features that a skip brings to a place of the nested decoder: all before it on its level, or none."""
        level, column = place
        return [found[level, before] for before in range(column)] if self._skip_levels[level] else []

    def _joins_all(self, level: int) -> bool:
        return self._is_nested and self._skip_levels[level]


def _name(place: Place) -> str:
    return "level_{}_column_{}".format(*place)
