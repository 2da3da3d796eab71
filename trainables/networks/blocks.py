"""Convolution blocks of one level of the encoder-decoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jaxtyping import Float
from monai.networks.layers.factories import Conv
from torch import Tensor, nn

from paretoseg.spaces.architecture import Architecture
from paretoseg.trainables.networks.attention import ATTENTION
from paretoseg.trainables.networks.geometry import Level
from paretoseg.trainables.networks.layers import build_activation, build_norm

EXPANSION = 2
"""Channels inside an inverted bottleneck, relative to those outside; 2 is the smallest factor in MedNeXt."""


def build_level(
    in_channels: int, out_channels: int, architecture: Architecture, level: Level, *, is_bottleneck: bool = False
) -> nn.Module:
    """The blocks of one level in sequence: (b, in_channels, ...spatial) to (b, out_channels, ...spatial)."""
    build = BLOCKS[architecture.block]
    attention = architecture.attention
    if attention == "self_attention" and not is_bottleneck:
        attention = "none"
    blocks = []
    for index in range(architecture.blocks):
        last = ATTENTION[attention](out_channels, level)
        blocks.append(build(out_channels if index else in_channels, out_channels, architecture, level, last))
    return nn.Sequential(*blocks) if len(blocks) > 1 else blocks[0]


class ResidualBlock(nn.Sequential):
    """Two convolutions with a shortcut; attention weights the convolutions' branch, as in SE-ResNet.

    After He et al., 'Deep residual learning' (CVPR 2016), figure 2. If the channels differ, the shortcut is a pointwise
    convolution. The layers have the same names as in the plain block.
    """

    def __init__(self, branch: nn.Sequential, in_channels: int, out_channels: int, spatial_dims: int) -> None:
        super().__init__(*branch)
        self.shortcut = _match_channels(in_channels, out_channels, spatial_dims)

    def forward(self, images: Float[Tensor, "b c *spatial"]) -> Float[Tensor, "b c2 *spatial"]:
        """The second nonlinearity of the sum of branch and shortcut."""
        first, first_norm, activation, second, second_norm, last_activation, attention, shortcut = self
        branch = activation(first_norm(first(images)))
        branch = attention(second_norm(second(branch)))
        features: Tensor = last_activation(branch + shortcut(images))
        return features


class InvertedBottleneck(nn.Module):
    """Depthwise convolution, norm, expansion, nonlinearity, compression, and a shortcut.

    After Liu et al., 'A ConvNet for the 2020s' (CVPR 2022), and Roy et al., 'MedNeXt' (MICCAI 2023), figure 1.
    """

    def __init__(
        self, in_channels: int, out_channels: int, architecture: Architecture, level: Level, attention: nn.Module
    ) -> None:
        super().__init__()
        spatial_dims = len(level.strides)
        convolution, wide = Conv[Conv.CONV, spatial_dims], EXPANSION * out_channels
        # Channels are matched first: one depthwise filter per input channel of a grey image would be too few.
        self.shortcut = _match_channels(in_channels, out_channels, spatial_dims)
        extents = _shape(level, architecture.kernel)
        self.depthwise = convolution(out_channels, out_channels, **extents, groups=out_channels, bias=False)
        self.norm = build_norm(architecture.norm, out_channels, spatial_dims)
        self.widen = convolution(out_channels, wide, kernel_size=1)
        self.activation = build_activation(architecture.activation, architecture.dropout)
        self.narrow = convolution(wide, out_channels, kernel_size=1)
        self.attention = attention

    def forward(self, images: Float[Tensor, "b c *spatial"]) -> Float[Tensor, "b c2 *spatial"]:
        """Branch plus shortcut."""
        features = self.shortcut(images)
        branch = self.activation(self.widen(self.norm(self.depthwise(features))))
        joined: Tensor = features + self.attention(self.narrow(branch))
        return joined


def _plain(
    in_channels: int, out_channels: int, architecture: Architecture, level: Level, attention: nn.Module
) -> nn.Sequential:
    """Convolution, norm and nonlinearity, twice, then attention. Keeps the spatial extents."""
    layers: list[nn.Module] = []
    for before in (in_channels, out_channels):
        layers += [_convolve(before, out_channels, architecture, level)]
        layers += [build_norm(architecture.norm, out_channels, len(level.strides))]
        layers += [build_activation(architecture.activation, architecture.dropout)]
    return nn.Sequential(*layers, attention)


def _residual(
    in_channels: int, out_channels: int, architecture: Architecture, level: Level, attention: nn.Module
) -> nn.Module:
    branch = _plain(in_channels, out_channels, architecture, level, attention)
    return ResidualBlock(branch, in_channels, out_channels, len(level.strides))


def _convolve(before: int, after: int, architecture: Architecture, level: Level) -> nn.Module:
    """A convolution without bias, because the following norm would remove it.

    Separable ones are pointwise first (Haase and Amthor, 'Rethinking depthwise separable convolutions', CVPR 2020), so
    that an image of one channel gets more than one filter.
    """
    convolution, extents = Conv[Conv.CONV, len(level.strides)], _shape(level, architecture.kernel)
    if architecture.block != "separable":
        whole: nn.Module = convolution(before, after, **extents, bias=False)
        return whole
    pointwise = convolution(before, after, kernel_size=1, bias=False)
    return nn.Sequential(pointwise, convolution(after, after, **extents, groups=after, bias=False))


def _shape(level: Level, edge: int) -> dict[str, tuple[int, ...]]:
    """The kernel of a convolution that keeps the extents, and its padding."""
    kernel = level.shape_kernel(edge)
    return {"kernel_size": kernel, "padding": tuple(extent // 2 for extent in kernel)}


def _match_channels(before: int, after: int, spatial_dims: int) -> nn.Module:
    if before == after:
        return nn.Identity()
    convolution: nn.Module = Conv[Conv.CONV, spatial_dims](before, after, kernel_size=1, bias=False)
    return convolution


BLOCKS: Mapping[str, Callable[[int, int, Architecture, Level, nn.Module], nn.Module]] = {
    "plain": _plain,
    "residual": _residual,
    "separable": _plain,
    "convnext": InvertedBottleneck,
}
"""By option of `Architecture.block`: (in_channels, out_channels, architecture, level, attention) -> block."""
