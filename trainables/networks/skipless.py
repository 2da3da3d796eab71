"""MONAI's U-Net and V-Net without skips: the baselines of Kamath et al. (MICCAI 2023)."""

from __future__ import annotations

from collections.abc import Sequence

from monai.networks.layers.factories import Conv, Norm
from monai.networks.nets.unet import UNet
from monai.networks.nets.vnet import UpTransition, get_acti_layer
from torch import Tensor, nn

from paretoseg.spaces.architecture import Architecture
from paretoseg.trainables.networks.layers import ACTIVATIONS


class UnetWithoutSkips(UNet):  # type: ignore[misc]
    """The U-Net whose decoder gets only the bottleneck; its convolutions have correspondingly fewer input channels."""

    def _get_connection_block(self, down_path: nn.Module, up_path: nn.Module, subblock: nn.Module) -> nn.Module:
        return nn.Sequential(down_path, subblock, up_path)

    def _get_up_layer(self, in_channels: int, out_channels: int, strides: int, is_top: bool) -> nn.Module:
        layer: nn.Module = super()._get_up_layer(
            _without_skip(in_channels, self.channels), out_channels, strides, is_top
        )
        return layer


class UpTransitionWithoutSkip(UpTransition):  # type: ignore[misc]
    """A level of the V-Net's decoder without skip or residual: the transposed convolution yields all channels."""

    def __init__(self, level: UpTransition, architecture: Architecture, spatial_dims: int) -> None:
        nn.Module.__init__(self)
        coarse, half = level.up_conv.in_channels, level.up_conv.out_channels
        self.up_conv = Conv[Conv.CONVTRANS, spatial_dims](coarse, 2 * half, kernel_size=2, stride=2)
        self.bn1 = Norm[Norm.BATCH, spatial_dims](2 * half)
        self.dropout = level.dropout
        self.act_function1 = get_acti_layer(ACTIVATIONS[architecture.activation])
        self.act_function2 = level.act_function2
        self.ops = level.ops

    def forward(self, x: Tensor, skipx: Tensor) -> Tensor:
        """The upsampled and convolved features; `skipx` is ignored."""
        features = x if self.dropout is None else self.dropout(x)
        features = self.act_function1(self.bn1(self.up_conv(features)))
        convolved: Tensor = self.act_function2(self.ops(features))
        return convolved


def cut_skips(network: nn.Module, architecture: Architecture, spatial_dims: int) -> None:
    """Removes the skips of a V-Net, in place."""
    for name in ("up_tr256", "up_tr128", "up_tr64", "up_tr32"):
        setattr(network, name, UpTransitionWithoutSkip(getattr(network, name), architecture, spatial_dims))


def _without_skip(joined: int, channels: Sequence[int]) -> int:
    """The channels from below, of those that MONAI joins: a level's own and those from below, or twice its own."""
    if joined == channels[-2] + channels[-1]:
        return channels[-1]
    return joined // 2
