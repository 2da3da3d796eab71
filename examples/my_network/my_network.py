"""Network family `dilated`: half the resolution, then convolutions that look further with every layer."""

from dataclasses import dataclass
from typing import Annotated

from torch import nn

from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.domain import Choice, Int
from paretoseg.spaces.families import NetworkFamily


@dataclass(frozen=True)
class DilatedArchitecture(Architecture):
    """Its fields are dimensions of the search, for this family alone."""

    dilated_layers: Annotated[int, Int(1, 6)] = 3
    dilated_growth: Annotated[str, Choice(("linear", "doubling"))] = "doubling"

    total_stride = 2  # patches and windows are divisible by it


def build(architecture: DilatedArchitecture, *, spatial_dims: int, in_channels: int, num_classes: int) -> nn.Module:
    """Maps images (b, in_channels, ...spatial) to logits (b, num_classes, ...spatial)."""
    convolve, width = (nn.Conv2d, nn.Conv3d)[spatial_dims - 2], architecture.width
    layers = [convolve(in_channels, width, kernel_size=2, stride=2)]
    for layer in range(architecture.dilated_layers):
        reach = 2**layer if architecture.dilated_growth == "doubling" else layer + 1
        layers += [convolve(width, width, 3, padding=reach, dilation=reach), nn.GroupNorm(1, width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Upsample(scale_factor=2), convolve(width, num_classes, kernel_size=1))


DILATED = NetworkFamily(DilatedArchitecture, uses=("width",), build=build)
