"""The network's shape: everything that decides what is built before a weight is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from spaces.domain import Choice, Int


@dataclass(frozen=True)
class Architecture:
    """An encoder-decoder for segmentation, in two or three spatial dimensions."""

    skip: Annotated[str, Choice(("none", "concatenation", "addition", "attention_gate"))] = "concatenation"
    """How an encoder level reaches the decoder level of its resolution."""

    depth: Annotated[int, Int(2, 6)] = 4
    """Number of resolution levels, the bottleneck included; the total stride is 2^(depth - 1)."""

    width: Annotated[int, Int(4, 64, step=4)] = 16
    """Channels of the first level; they double with every level down."""

    attention: Annotated[str, Choice(("none", "squeeze_excitation", "cbam"))] = "none"
    """Attention block that ends every convolution block."""

    @property
    def total_stride(self) -> int:
        """Factor between the resolution of the input and of the bottleneck, per axis."""
        return 1 << (self.depth - 1)
