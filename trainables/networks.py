"""The segmentation networks: one encoder-decoder, composed from an `Architecture`, in two or three dimensions."""

from __future__ import annotations

import itertools
import math

import torch
from jaxtyping import Float
from monai.networks.layers.factories import Conv, Norm, Pool
from torch import Tensor, nn

from spaces.architecture import Architecture
from trainables.attention import ATTENTION
from trainables.seeds import derive_seed
from trainables.skips import SKIPS, Skip


def build_network(architecture: Architecture, *, spatial_dims: int, in_channels: int, num_classes: int) -> nn.Module:
    """A network from images (b, in_channels, ...spatial) to logits (b, num_classes, ...spatial).

    Every spatial extent of the input must be divisible by `architecture.total_stride`. The weights are torch's default
    draw; `initialise_weights` replaces them by one that depends on a seed alone.
    """
    return EncoderDecoder(architecture, spatial_dims=spatial_dims, in_channels=in_channels, num_classes=num_classes)


def initialise_weights(network: nn.Module, seed: int) -> None:
    """Draws all weights anew, in place: uniform in +-1 / sqrt(fan_in); biases become 0, scales of norms stay 1.

    The draw of a weight depends on the seed, its name and its shape only: two candidates that share a layer start it
    alike, whatever else differs between them. The variance is a sixth of He's, which saturates the sigmoids of the
    attention blocks and makes small networks with attention settle on background for good.
    """
    for name, parameter in network.named_parameters():
        if parameter.ndim > 1:
            generator = torch.Generator().manual_seed(derive_seed("weights", seed, name))
            nn.init.kaiming_uniform_(parameter, a=math.sqrt(5.0), generator=generator)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)


class EncoderDecoder(nn.Module):
    """An encoder of `depth` resolutions, a decoder back to the first, and a skip per resolution but the last."""

    def __init__(self, architecture: Architecture, *, spatial_dims: int, in_channels: int, num_classes: int) -> None:
        super().__init__()
        channels = [architecture.width * 2**level for level in range(architecture.depth)]
        attention = architecture.attention
        inputs = [in_channels, *channels[:-1]]
        self.encoders = nn.ModuleList(
            _convolution_block(before, after, spatial_dims, attention)
            for before, after in zip(inputs, channels, strict=True)
        )
        self.shrink = Pool[Pool.MAX, spatial_dims](kernel_size=2)
        self.grow, self.skips, self.decoders = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        # Modules are kept by level, finest first, so that a level has the same name in networks of any depth.
        for here, below in itertools.pairwise(channels):
            skip: Skip = SKIPS[architecture.skip](here, spatial_dims)
            self.grow.append(Conv[Conv.CONVTRANS, spatial_dims](below, here, kernel_size=2, stride=2))
            self.skips.append(skip)
            self.decoders.append(_convolution_block(skip.out_channels, here, spatial_dims, attention))
        self.head = Conv[Conv.CONV, spatial_dims](channels[0], num_classes, kernel_size=1)
        self._total_stride = architecture.total_stride

    def forward(self, images: Float[Tensor, "b c *spatial"]) -> Float[Tensor, "b classes *spatial"]:
        """Logits at the resolution of the images.

        Raises:
            ValueError: if a spatial extent is not divisible by the total stride.
        """
        if any(extent % self._total_stride for extent in images.shape[2:]):
            raise ValueError(
                f"spatial extents must be divisible by {self._total_stride}, got {tuple(images.shape[2:])}; "
                f"pad the images"
            )
        features, levels = images, []
        for encoder in list(self.encoders)[:-1]:
            features = encoder(features)
            levels.append(features)
            features = self.shrink(features)
        features = self.encoders[-1](features)
        for level in reversed(range(len(levels))):
            joined = self.skips[level](self.grow[level](features), levels[level])
            features = self.decoders[level](joined)
        logits: Tensor = self.head(features)
        return logits


def _convolution_block(in_channels: int, out_channels: int, spatial_dims: int, attention: str) -> nn.Module:
    """Twice 3-wide convolution, instance norm and ReLU, then attention. Keeps the spatial extents."""
    convolution, norm = Conv[Conv.CONV, spatial_dims], Norm[Norm.INSTANCE, spatial_dims]
    layers = []
    for before in (in_channels, out_channels):
        # No bias: the norm that follows would take it away again.
        layers += [convolution(before, out_channels, kernel_size=3, padding=1, bias=False)]
        layers += [norm(out_channels, affine=True), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, ATTENTION[attention](out_channels, spatial_dims))
