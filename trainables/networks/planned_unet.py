"""The networks of nnU-Net's plans: its plain U-Net, and the one with the residual encoder of size M.

Isensee et al., Nature Methods 18:203-211 (2021), and MICCAI 2024 (arXiv 2404.09556), with the details of nnU-Net 2:
convolutions with bias, instance norm, leaky ReLU, strided convolutions down, transposed ones up, and logits on every
level of the decoder. The weights are as many as in the package dynamic-network-architectures for the same plan. Their
names are ours: by level, finest first.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from jaxtyping import Float
from monai.networks.layers.factories import Conv, Pool
from torch import Tensor, nn

from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.planned import count_blocks, count_widths
from paretoseg.trainables.networks.geometry import Level, multiply_strides
from paretoseg.trainables.networks.layers import build_activation, build_norm, check_extents

KERNEL = 3
"""Edge of a kernel along the axes that it reaches."""

_NORM, _ACTIVATION = "instance", "leaky_relu"

_ENCODER_CONVOLUTIONS = 2
"""Convolutions of a level of the plain encoder."""

_DECODER_CONVOLUTIONS = {"nnunet": 2, "resenc": 1}
"""Convolutions of a level of the decoder, after the features are joined."""


class PlannedUnet(nn.Module):
    """A U-Net with the levels of a plan; its family decides on the encoder."""

    def __init__(
        self, architecture: Architecture, levels: Sequence[Level], *, in_channels: int, num_classes: int
    ) -> None:
        super().__init__()
        dims, family = len(levels[0].strides), architecture.family
        widths = count_widths(len(levels), dims, architecture.width)
        build = _build_residual_encoder if family == "resenc" else _build_plain_encoder
        self._total_strides = multiply_strides(levels)
        self.encoders = build(in_channels, widths, levels)
        self.grow, self.decoders = nn.ModuleList(), nn.ModuleList()
        for (here, below), level, coarser in zip(itertools.pairwise(widths), levels, levels[1:], strict=False):
            strides = coarser.strides
            self.grow.append(Conv[Conv.CONVTRANS, dims](below, here, kernel_size=strides, stride=strides))
            self.decoders.append(_stack(2 * here, here, level, _DECODER_CONVOLUTIONS[family]))
        self.heads = nn.ModuleList(
            Conv[Conv.CONV, dims](width, num_classes, kernel_size=1) for width in widths[: max(len(levels) - 1, 1)]
        )

    def forward(
        self, images: Float[Tensor, "b c *spatial"], auxiliary: bool = False
    ) -> Tensor | tuple[Tensor, list[Tensor]]:
        """Logits at the resolution of the images; with `auxiliary`, also those of coarser levels, finest first.

        Raises:
            ValueError: if a spatial extent is not divisible by the total stride of its axis.
        """
        check_extents(images, self._total_strides)
        found, features = [], images
        for encoder in self.encoders:
            features = encoder(features)
            found.append(features)
        others = []
        for level in reversed(range(len(self.decoders))):
            features = self.decoders[level](torch.cat((self.grow[level](features), found[level]), dim=1))
            if auxiliary and level:
                others.append(self.heads[level](features))
        logits: Tensor = self.heads[0](features)
        return (logits, others[::-1]) if auxiliary else logits


class ResidualUnit(nn.Module):
    """Two convolutions with a shortcut that averages before it widens: ResNet-D (He et al., CVPR 2019)."""

    def __init__(self, before: int, after: int, level: Level, strides: tuple[int, ...]) -> None:
        super().__init__()
        dims = len(strides)
        self.first = _stack(before, after, level, 1, strides)
        self.second, self.last_norm = _convolve(after, after, level), build_norm(_NORM, after, dims)
        self.activation = build_activation(_ACTIVATION, 0.0)
        shortcut: list[nn.Module] = []
        if max(strides) > 1:
            shortcut.append(Pool[Pool.AVG, dims](kernel_size=strides, stride=strides))
        if before != after:
            shortcut += [
                Conv[Conv.CONV, dims](before, after, kernel_size=1, bias=False),
                build_norm(_NORM, after, dims),
            ]
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, features: Float[Tensor, "b c *spatial"]) -> Float[Tensor, "b c2 *smaller"]:
        """The nonlinearity of the sum of branch and shortcut."""
        branch = self.last_norm(self.second(self.first(features)))
        joined: Tensor = self.activation(branch + self.shortcut(features))
        return joined


def _build_plain_encoder(in_channels: int, widths: Sequence[int], levels: Sequence[Level]) -> nn.ModuleList:
    return nn.ModuleList(
        _stack(before, after, level, _ENCODER_CONVOLUTIONS, level.strides)
        for before, after, level in zip((in_channels, *widths), widths, levels, strict=False)
    )


def _build_residual_encoder(in_channels: int, widths: Sequence[int], levels: Sequence[Level]) -> nn.ModuleList:
    """One convolution to the first width, then the residual units of every level; the first of a level shrinks."""
    encoders = nn.ModuleList()
    for before, after, level, count in zip(
        (widths[0], *widths), widths, levels, count_blocks(len(levels)), strict=False
    ):
        still = (1,) * len(level.strides)
        units = [
            ResidualUnit(after if number else before, after, level, still if number else level.strides)
            for number in range(count)
        ]
        first = [] if encoders else [_stack(in_channels, widths[0], level, 1)]
        encoders.append(nn.Sequential(*first, *units))
    return encoders


def _stack(
    before: int, after: int, level: Level, num_convolutions: int, strides: tuple[int, ...] | None = None
) -> nn.Sequential:
    """Convolution, norm and nonlinearity, once or several times; the first convolution may shrink."""
    layers: list[nn.Module] = []
    for number in range(num_convolutions):
        layers += [_convolve(after if number else before, after, level, None if number else strides)]
        layers += [build_norm(_NORM, after, len(level.strides)), build_activation(_ACTIVATION, 0.0)]
    return nn.Sequential(*layers)


def _convolve(before: int, after: int, level: Level, strides: tuple[int, ...] | None = None) -> nn.Module:
    kernel = level.shape_kernel(KERNEL)
    convolution: nn.Module = Conv[Conv.CONV, len(kernel)](
        before, after, kernel_size=kernel, stride=strides or 1, padding=tuple(edge // 2 for edge in kernel)
    )
    return convolution
