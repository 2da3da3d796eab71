"""The nested decoder of UNet++: nodes between encoder and decoder that refine the skips' features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from paretoseg.spaces.architecture import Architecture
from paretoseg.trainables.networks.blocks import build_level
from paretoseg.trainables.networks.geometry import Level
from paretoseg.trainables.networks.layers import UPSAMPLING

Place = tuple[int, int]
"""Level, 0 for the finest, and column: 0 for the encoder, depth - 1 - level for the decoder, nested between."""


def plan_nodes(skip_levels: Sequence[bool]) -> tuple[Place, ...]:
    """The nested nodes on which the output depends, in an order in which they can be computed.

    A node's inputs are the node one column before and one level below it and, if its level has a skip, all earlier
    columns of its level (Zhou et al., 'UNet++', IEEE TMI 39(6), 2020, equation 1). A level without a skip keeps the
    nodes that the level above needs.
    """
    needed: set[Place] = set()
    depth = len(skip_levels) + 1

    def ask(level: int, column: int) -> None:
        if column == 0 or (level, column) in needed:
            return
        needed.add((level, column))
        ask(level + 1, column - 1)
        if skip_levels[level]:
            for before in range(1, column):
                ask(level, before)

    ask(0, depth - 1)
    nested = (place for place in needed if sum(place) < depth - 1)
    return tuple(sorted(nested, key=lambda place: (place[1], place[0])))


class NestedNode(nn.Module):
    """Upsamples the features from below and joins them with the earlier features of its level."""

    def __init__(
        self, here: int, below: int, *, num_before: int, architecture: Architecture, levels: tuple[Level, Level]
    ) -> None:
        super().__init__()
        level, level_below = levels
        self.grow = UPSAMPLING[architecture.upsampling](below, here, level_below.strides)
        self.block = build_level(here * (1 + num_before), here, architecture, level)

    def forward(
        self, from_below: Float[Tensor, "b below *coarse"], before: list[Tensor]
    ) -> Float[Tensor, "b here *spatial"]:
        """The node's features (b, here, ...spatial), from those below and those before it on its level."""
        features: Tensor = self.block(torch.cat((self.grow(from_below), *before), dim=1))
        return features
