# SPDX-License-Identifier: Apache-2.0. Copied by paretoseg from spaces/architecture.py.
"""The network's shape: everything that decides what is built before a weight is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from .domain import Choice, Float, Int

MIN_BOTTLENECK = 4
"""Fewest pixels per axis that may reach the bottleneck: below, normalisation statistics mean nothing."""

NUM_SKIP_LEVELS = 5
"""Skips of the deepest network there is."""

_FIXED_STRIDES = {"basic_unet_plus_plus": 16, "vnet": 16, "unetr": 16, "swin_unetr": 32}
_SMALLEST_EXTENTS = {"swin_unetr": 64}
"""The Swin transformer's coarsest features are half as fine as other families'; two places an axis are left there."""

_OnOff = Choice(("on", "off"))


@dataclass(frozen=True)
class Architecture:
    """A segmentation network, in two or three spatial dimensions.

    The family `composable` is our encoder-decoder, and hears every field but `bias` and `head`; the other families are
    MONAI's, and hear the fields that `spaces.canonical.FAMILY_DIMENSIONS` names.
    """

    skip: Annotated[str, Choice(("none", "concatenation", "addition", "attention_gate", "dense"))] = "concatenation"
    """How an encoder level reaches the decoder level of its resolution; dense is the nested decoder of UNet++."""

    depth: Annotated[int, Int(2, 6)] = 4
    """Number of resolution levels, the bottleneck included; the total stride is 2^(depth - 1)."""

    width: Annotated[int, Int(4, 64, step=4)] = 16
    """Channels of the first level; they double with every level down."""

    attention: Annotated[str, Choice(("none", "squeeze_excitation", "cbam", "self_attention"))] = "none"
    """Attention that ends every convolution block; self-attention ends the bottleneck alone."""

    family: Annotated[
        str,
        Choice(
            (
                "composable",
                "unet",
                "attention_unet",
                "basic_unet_plus_plus",
                "vnet",
                "segresnet",
                "dynunet",
                "unetr",
                "swin_unetr",
            )
        ),
    ] = "composable"
    """Our composable encoder-decoder, or a network of MONAI's."""

    block: Annotated[str, Choice(("plain", "residual", "separable", "convnext"))] = "plain"
    """Two convolutions; with a shortcut; each split into pointwise and depthwise; or an inverted bottleneck."""

    blocks: Annotated[int, Int(1, 3)] = 1
    """Blocks of every level, in encoder and decoder."""

    kernel: Annotated[int, Int(3, 7, step=2)] = 3
    """Edge of the convolutions' kernels."""

    norm: Annotated[str, Choice(("instance", "batch", "group"))] = "instance"
    """Normalisation that follows convolutions; group norm has up to eight groups of channels."""

    activation: Annotated[str, Choice(("relu", "leaky_relu", "prelu", "gelu", "silu"))] = "relu"
    """Nonlinearity."""

    dropout: Annotated[float, Float(0.0, 0.5)] = 0.0
    """Probability that a feature is dropped in training."""

    upsampling: Annotated[str, Choice(("transposed", "interpolation", "pixel_shuffle"))] = "transposed"
    """How the decoder doubles the resolution."""

    deep_supervision: Annotated[str, Choice(("off", "on"))] = "off"
    """Whether coarser decoder levels are trained to segment too."""

    skip_level_1: Annotated[str, _OnOff] = "on"
    """Whether the finest level has a skip (Wilm et al. 2024: dropping it alone can beat both all and none)."""

    skip_level_2: Annotated[str, _OnOff] = "on"
    """Whether the second level has a skip."""

    skip_level_3: Annotated[str, _OnOff] = "on"
    """Whether the third level has a skip."""

    skip_level_4: Annotated[str, _OnOff] = "on"
    """Whether the fourth level has a skip."""

    skip_level_5: Annotated[str, _OnOff] = "on"
    """Whether the fifth level has a skip."""

    bias: Annotated[str, Choice(("off", "on"))] = "off"
    """Whether convolutions before a norm have a bias; ours have none, as the norm would take it away again."""

    head: Annotated[str, Choice(("narrow", "wide"))] = "narrow"
    """Channels before the last layer of UNet++: `width`, or 32 x `width` as in Kamath et al. (2025)."""

    @property
    def total_stride(self) -> int:
        """Factor by which the extents of the input must be divisible, per axis."""
        return _FIXED_STRIDES.get(self.family, 1 << (self.depth - 1))

    @property
    def smallest_extent(self) -> int:
        """Fewest pixels or voxels per axis that the network can be trained on."""
        return _SMALLEST_EXTENTS.get(self.family, MIN_BOTTLENECK * self.total_stride)

    @property
    def skip_levels(self) -> tuple[bool, ...]:
        """Whether the levels have skips, finest first, shape (depth - 1,); none has where `skip` is none."""
        kept = [getattr(self, f"skip_level_{level}") == "on" for level in range(1, NUM_SKIP_LEVELS + 1)]
        return tuple(is_on and self.skip != "none" for is_on in kept[: self.depth - 1])
