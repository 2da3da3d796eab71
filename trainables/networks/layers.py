"""Norms, nonlinearities and upsampling layers by option of the architecture; checks the extents of images."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from monai.networks.blocks.upsample import SubpixelUpsample
from monai.networks.layers.factories import Act, Conv, Norm
from torch import Tensor, nn

MAX_GROUPS = 8
"""Groups of a group norm; fewer if they do not divide the channels."""

ACTIVATIONS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "relu": ("relu", {"inplace": True}),
    "leaky_relu": ("leakyrelu", {"inplace": True, "negative_slope": 0.01}),
    "prelu": ("prelu", {}),
    "gelu": ("gelu", {}),
    "silu": ("swish", {}),
}
"""By option of `Architecture.activation`: name and settings for MONAI's factory."""


def check_extents(images: Tensor, total_stride: int) -> None:
    """Raises ValueError if a spatial extent of a batch (b, c, ...spatial) is not divisible by the total stride."""
    extents = images.shape[2:]
    if any(extent % total_stride for extent in extents):
        raise ValueError(f"spatial extents must be divisible by {total_stride}, got {tuple(extents)}; pad the images")


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


def _transposed(below: int, here: int, spatial_dims: int) -> nn.Module:
    convolution: nn.Module = Conv[Conv.CONVTRANS, spatial_dims](below, here, kernel_size=2, stride=2)
    return convolution


def _interpolation(below: int, here: int, spatial_dims: int) -> nn.Module:
    """Reduces channels first, which commutes with interpolation and is cheaper."""
    mode = {2: "bilinear", 3: "trilinear"}[spatial_dims]
    narrow = Conv[Conv.CONV, spatial_dims](below, here, kernel_size=1)
    return nn.Sequential(narrow, nn.Upsample(scale_factor=2, mode=mode, align_corners=False))


def _pixel_shuffle(below: int, here: int, spatial_dims: int) -> nn.Module:
    """Shi et al., 'Real-time single image and video super-resolution' (CVPR 2016), after a pointwise convolution."""
    widen = Conv[Conv.CONV, spatial_dims](below, here * 2**spatial_dims, kernel_size=1)
    shuffle: nn.Module = SubpixelUpsample(spatial_dims, below, here, conv_block=widen, apply_pad_pool=False)
    return shuffle


UPSAMPLING: Mapping[str, Callable[[int, int, int], nn.Module]] = {
    "transposed": _transposed,
    "interpolation": _interpolation,
    "pixel_shuffle": _pixel_shuffle,
}
"""By option of `Architecture.upsampling`: (channels below, channels here, spatial_dims) -> layer that doubles extents.
"""
