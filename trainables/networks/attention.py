"""Attention blocks that may end a convolution block; they weight features within one resolution."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from monai.networks.blocks.spatialattention import SpatialAttentionBlock
from monai.networks.blocks.squeeze_and_excitation import ChannelSELayer
from monai.networks.layers.factories import Conv
from torch import Tensor, nn

from paretoseg.trainables.networks.layers import count_groups

CBAM_KERNEL = 7
"""Edge of the spatial attention's kernel, as in the paper."""


class ConvolutionalBlockAttention(nn.Module):
    """Weights channels, then positions. After Woo et al., 'CBAM' (ECCV 2018), equations 2 and 3.

    Channel weights come from the mean and the maximum over space through one shared perceptron. Position weights come
    from the mean and the maximum over channels through one convolution.
    """

    def __init__(self, channels: int, spatial_dims: int) -> None:
        super().__init__()
        hidden = max(channels // 2, 1)
        self.perceptron = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels))
        self.place = Conv[Conv.CONV, spatial_dims](2, 1, kernel_size=CBAM_KERNEL, padding=CBAM_KERNEL // 2)

    def forward(self, features: Float[Tensor, "b c *spatial"]) -> Float[Tensor, "b c *spatial"]:
        """The features, each scaled by two weights in [0, 1]."""
        flat = features.flatten(start_dim=2)
        weights = torch.sigmoid(self.perceptron(flat.mean(dim=2)) + self.perceptron(flat.amax(dim=2)))
        features = features * weights.reshape(*weights.shape, *[1] * (features.ndim - 2))
        pooled = torch.cat((features.mean(dim=1, keepdim=True), features.amax(dim=1, keepdim=True)), dim=1)
        scaled: Tensor = features * torch.sigmoid(self.place(pooled))
        return scaled


def _none(channels: int, spatial_dims: int) -> nn.Module:
    return nn.Identity()


def _squeeze_excitation(channels: int, spatial_dims: int) -> nn.Module:
    """Hu et al., 'Squeeze-and-excitation networks' (CVPR 2018): channel weights from the mean over space."""
    block: nn.Module = ChannelSELayer(spatial_dims, channels, r=2)
    return block


def _self_attention(channels: int, spatial_dims: int) -> nn.Module:
    """Every position attends to every other, after Wang et al., 'Non-local neural networks' (CVPR 2018); one head."""
    block: nn.Module = SpatialAttentionBlock(spatial_dims, channels, norm_num_groups=count_groups(channels))
    return block


ATTENTION: Mapping[str, Callable[[int, int], nn.Module]] = {
    "none": _none,
    "squeeze_excitation": _squeeze_excitation,
    "cbam": ConvolutionalBlockAttention,
    "self_attention": _self_attention,
}
"""By option of `Architecture.attention`: (channels, spatial_dims) -> block that keeps the shape of its input."""
