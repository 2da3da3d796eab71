"""Attention blocks that may end a convolution block; they weight features within one resolution."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from monai.networks.blocks.spatialattention import SpatialAttentionBlock
from monai.networks.blocks.squeeze_and_excitation import ChannelSELayer
from monai.networks.layers.factories import Conv
from torch import Tensor, nn

from paretoseg.trainables.networks.geometry import Level
from paretoseg.trainables.networks.layers import count_groups

CBAM_KERNEL = 7
"""Edge of the spatial attention's kernel, as in the paper."""


class ConvolutionalBlockAttention(nn.Module):
    """Weights channels, then positions. After Woo et al., 'CBAM' (ECCV 2018), equations 2 and 3.

    Channel weights come from the mean and the maximum over space through one shared perceptron. Position weights come
    from the mean and the maximum over channels through one convolution.
    """

    def __init__(self, channels: int, level: Level) -> None:
        super().__init__()
        hidden, kernel = max(channels // 2, 1), level.shape_kernel(CBAM_KERNEL)
        self.perceptron = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels))
        padding = tuple(edge // 2 for edge in kernel)
        self.place = Conv[Conv.CONV, len(kernel)](2, 1, kernel_size=kernel, padding=padding)

    def forward(self, features: Float[Tensor, "b c *spatial"]) -> Float[Tensor, "b c *spatial"]:
        """The features, each scaled by two weights in [0, 1]."""
        flat = features.flatten(start_dim=2)
        weights = torch.sigmoid(self.perceptron(flat.mean(dim=2)) + self.perceptron(flat.amax(dim=2)))
        features = features * weights.reshape(*weights.shape, *[1] * (features.ndim - 2))
        pooled = torch.cat((features.mean(dim=1, keepdim=True), features.amax(dim=1, keepdim=True)), dim=1)
        scaled: Tensor = features * torch.sigmoid(self.place(pooled))
        return scaled


def _none(channels: int, level: Level) -> nn.Module:
    return nn.Identity()


def _squeeze_excitation(channels: int, level: Level) -> nn.Module:
    """Hu et al., 'Squeeze-and-excitation networks' (CVPR 2018): channel weights from the mean over space."""
    block: nn.Module = ChannelSELayer(len(level.strides), channels, r=2)
    return block


def _self_attention(channels: int, level: Level) -> nn.Module:
    """Every position attends to every other, after Wang et al., 'Non-local neural networks' (CVPR 2018); one head."""
    groups = count_groups(channels)
    block: nn.Module = SpatialAttentionBlock(len(level.strides), channels, norm_num_groups=groups)
    return block


ATTENTION: Mapping[str, Callable[[int, Level], nn.Module]] = {
    "none": _none,
    "squeeze_excitation": _squeeze_excitation,
    "cbam": ConvolutionalBlockAttention,
    "self_attention": _self_attention,
}
"""By option of `Architecture.attention`: (channels, level) -> block that keeps the shape of its input."""
