"""The network's shape: everything that decides what is built before a weight is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from paretoseg.spaces.domain import Choice, Float, Int

MIN_BOTTLENECK = 4
"""Fewest pixels per axis that may reach the bottleneck: with fewer, normalisation statistics mean nothing."""

COARSE = 2.0
"""From this ratio of the edge of a voxel to the shortest one on, an axis is coarse."""

PLANNED = ("nnunet", "resenc")
"""The families whose levels, kernels, patch and batch are those of nnU-Net's plan for the images.

They are baselines. A study searches them only where `space.family` names them.
"""

NUM_SKIP_LEVELS = 5
"""Number of skips of the deepest network."""

_FIXED_STRIDES = {
    **{"basic_unet_plus_plus": 16, "vnet": 16, "unetr": 16, "swin_unetr": 32},
    **dict.fromkeys(PLANNED, 8),  # without a plan of their levels
}
_SMALLEST_EXTENTS = {"swin_unetr": 64}
"""The Swin transformer's coarsest features have half the resolution of other families'; 64 pixels leave two per axis.
"""

_OnOff = Choice(("on", "off"))


@dataclass(frozen=True)
class Architecture:
    """A segmentation network, in two or three spatial dimensions.

    The family `composable` is our encoder-decoder. It uses every field but `bias` and `head`. `nnunet` and `resenc` are
    the networks of nnU-Net's plans, see `paretoseg.spaces.planned`. The other families are MONAI's networks. All use
    the fields listed in `paretoseg.spaces.canonical.FAMILY_DIMENSIONS`.
    """

    skip: Annotated[str, Choice(("none", "concatenation", "addition", "attention_gate", "dense"))] = "concatenation"
    """How an encoder level connects to the decoder level of its resolution; dense is the nested decoder of UNet++."""

    depth: Annotated[int, Int(2, 6)] = 4
    """Number of resolution levels, the bottleneck included; the total stride is 2^(depth - 1)."""

    width: Annotated[int, Int(4, 64, step=4)] = 16
    """Channels of the first level; the number doubles with every level down."""

    attention: Annotated[str, Choice(("none", "squeeze_excitation", "cbam", "self_attention"))] = "none"
    """Attention at the end of every convolution block; self-attention is at the end of the bottleneck only."""

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
                *PLANNED,
            )
        ),
    ] = "composable"
    """Our composable encoder-decoder, one of MONAI's networks, or the network of nnU-Net's plan (nnunet, resenc)."""

    block: Annotated[str, Choice(("plain", "residual", "separable", "convnext"))] = "plain"
    """Two convolutions; two with a shortcut; two split into pointwise and depthwise; or an inverted bottleneck."""

    blocks: Annotated[int, Int(1, 3)] = 1
    """Number of blocks per level, in encoder and decoder."""

    kernel: Annotated[int, Int(3, 7, step=2)] = 3
    """Edge of the convolution kernels, in pixels or voxels."""

    norm: Annotated[str, Choice(("instance", "batch", "group"))] = "instance"
    """Normalisation after convolutions; group norm has up to eight groups of channels."""

    activation: Annotated[str, Choice(("relu", "leaky_relu", "prelu", "gelu", "silu"))] = "relu"
    """Nonlinearity."""

    dropout: Annotated[float, Float(0.0, 0.5)] = 0.0
    """Probability that a feature is dropped in training."""

    upsampling: Annotated[str, Choice(("transposed", "interpolation", "pixel_shuffle"))] = "transposed"
    """How the decoder doubles the resolution."""

    deep_supervision: Annotated[str, Choice(("off", "on"))] = "off"
    """Whether coarser decoder levels also get a segmentation loss."""

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
    """Whether convolutions before a norm have a bias; ours have none, because the norm would remove it."""

    head: Annotated[str, Choice(("narrow", "wide"))] = "narrow"
    """Channels before the last layer of UNet++: `width`, or 32 x `width` as in Kamath et al. (2025)."""

    @property
    def is_supervised(self) -> bool:
        """Whether coarser decoder levels also get a segmentation loss."""
        return self.deep_supervision == "on" or self.family in PLANNED

    @property
    def total_stride(self) -> int:
        """Number by which every spatial extent of the input must be divisible, if no plan gives the levels."""
        return _FIXED_STRIDES.get(self.family, 1 << (self.depth - 1))

    @property
    def smallest_extent(self) -> int:
        """Fewest pixels or voxels per axis that the network can be trained on."""
        return _SMALLEST_EXTENTS.get(self.family, MIN_BOTTLENECK * self.total_stride)

    @property
    def skip_levels(self) -> tuple[bool, ...]:
        """Whether each level has a skip, finest first, length depth - 1; all are False if `skip` is none."""
        kept = [getattr(self, f"skip_level_{level}") == "on" for level in range(1, NUM_SKIP_LEVELS + 1)]
        return tuple(is_on and self.skip != "none" for is_on in kept[: self.depth - 1])
