"""Norms, nonlinearities and upsampling layers by option of the architecture; checks the extents of images."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from monai.networks.blocks.upsample import SubpixelUpsample
from monai.networks.layers.factories import Act, Conv, Norm
from torch import Tensor, nn

MAX_GROUPS = 8
"""Groups of a group norm; fewer if they do not divide the channels."""

Strides = tuple[int, ...]
"""By how much each axis shrinks to the level below, and grows back."""

ACTIVATIONS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "relu": ("relu", {"inplace": True}),
    "leaky_relu": ("leakyrelu", {"inplace": True, "negative_slope": 0.01}),
    "prelu": ("prelu", {}),
    "gelu": ("gelu", {}),
    "silu": ("swish", {}),
}
"""By option of `Architecture.activation`: name and settings for MONAI's factory."""


def check_extents(images: Tensor, total_strides: Sequence[int]) -> None:
    """Raises ValueError if a spatial extent of a batch (b, c, ...spatial) is not divisible by its total stride."""
    extents = tuple(images.shape[2:])
    if any(extent % stride for extent, stride in zip(extents, total_strides, strict=True)):
        wanted = total_strides[0] if len(set(total_strides)) == 1 else tuple(total_strides)
        raise ValueError(f"spatial extents must be divisible by {wanted}, got {extents}; pad the images")


def build_norm(name: str, channels: int, spatial_dims: int) -> nn.Module:
    """The norm for an option of `Architecture.norm`, with a scale and an offset per channel."""
    if name == "group":
        return nn.GroupNorm(count_groups(channels), channels)
    norm: nn.Module = Norm[name, spatial_dims](channels, affine=True)
    return norm


def count_groups(*channels: int) -> int:
    """The largest number of groups, up to `MAX_GROUPS`, that divides all these numbers of channels."""
    return math.gcd(MAX_GROUPS, *channels)


def build_activation(name: str, dropout: float) -> nn.Module:
    """The nonlinearity for an option of `Architecture.activation`, then dropout if its probability is above 0."""
    kind, settings = ACTIVATIONS[name]
    activation: nn.Module = Act[kind](**settings)
    return nn.Sequential(activation, nn.Dropout(dropout)) if dropout > 0 else activation


class PixelShuffle(nn.Module):
    """Shi et al., 'Real-time single image and video super-resolution' (CVPR 2016), by other factors for other axes."""

    def __init__(self, widen: nn.Module, strides: Strides) -> None:
        super().__init__()
        self.conv_block, self._strides = widen, strides  # named as in MONAI's layer for equal factors

    def forward(self, features: Tensor) -> Tensor:
        """From (b, below, ...spatial) to (b, here, ...spatial x strides)."""
        wide: Tensor = self.conv_block(features)
        num_dims = len(self._strides)
        parts = wide.reshape(len(wide), -1, *self._strides, *wide.shape[2:])
        order = [0, 1, *(axis for at in range(num_dims) for axis in (2 + num_dims + at, 2 + at))]
        extents = [extent * stride for extent, stride in zip(wide.shape[2:], self._strides, strict=True)]
        finer: Tensor = parts.permute(order).reshape(*parts.shape[:2], *extents)
        return finer


def _transposed(below: int, here: int, strides: Strides) -> nn.Module:
    convolution: nn.Module = Conv[Conv.CONVTRANS, len(strides)](below, here, kernel_size=strides, stride=strides)
    return convolution


def _interpolation(below: int, here: int, strides: Strides) -> nn.Module:
    """Reduces channels first, which commutes with interpolation and is cheaper."""
    mode = {2: "bilinear", 3: "trilinear"}[len(strides)]
    narrow = Conv[Conv.CONV, len(strides)](below, here, kernel_size=1)
    return nn.Sequential(narrow, nn.Upsample(scale_factor=tuple(map(float, strides)), mode=mode, align_corners=False))


def _pixel_shuffle(below: int, here: int, strides: Strides) -> nn.Module:
    """A pointwise convolution, then the channels of a pixel become its place among the finer ones."""
    widen = Conv[Conv.CONV, len(strides)](below, here * math.prod(strides), kernel_size=1)
    if set(strides) == {2}:
        shuffle: nn.Module = SubpixelUpsample(len(strides), below, here, conv_block=widen, apply_pad_pool=False)
        return shuffle
    return PixelShuffle(widen, strides)


UPSAMPLING: Mapping[str, Callable[[int, int, Strides], nn.Module]] = {
    "transposed": _transposed,
    "interpolation": _interpolation,
    "pixel_shuffle": _pixel_shuffle,
}
"""By option of `Architecture.upsampling`: (channels below, channels here, factors) -> layer that multiplies extents."""
