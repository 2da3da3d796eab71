"""Reference families: MONAI's networks with the same interface as ours, configured as in studies of robustness.

MONAI's modules are imported when a network is built: most searches need none, and the transformers import slowly.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.families import FAMILIES as PLUGGED
from paretoseg.spaces.families import OUR_FAMILIES
from paretoseg.trainables.networks.geometry import FOLLOWING, Level, multiply_strides
from paretoseg.trainables.networks.layers import ACTIVATIONS, check_extents, count_groups

VNET_CHANNELS = 16
"""Channels of the first level of MONAI's V-Net; the image's channels are repeated to this number."""

_UPSAMPLING = {"transposed": "deconv", "interpolation": "nontrainable", "pixel_shuffle": "pixelshuffle"}


class Family(nn.Module, ABC):
    """Wraps a network of MONAI's, as `network`, and refuses extents that it does not support."""

    def __init__(
        self, architecture: Architecture, levels: Sequence[Level], *, in_channels: int, num_classes: int
    ) -> None:
        super().__init__()
        self._is_supervised = architecture.deep_supervision == "on"
        self.network = self._build(architecture, levels, in_channels, num_classes)
        is_following = architecture.family in FOLLOWING
        cubic = (architecture.total_stride,) * len(levels[0].strides)
        self._total_strides = multiply_strides(levels) if is_following else cubic

    def forward(
        self, images: Float[Tensor, "b c *spatial"], auxiliary: bool = False
    ) -> Tensor | tuple[Tensor, list[Tensor]]:
        """Logits at the images' resolution; with `auxiliary`, also those of deep supervision, finest first.

        Raises:
            ValueError: if a spatial extent is not divisible by the total stride of its axis.
        """
        check_extents(images, self._total_strides)
        logits, others = self._segment(images)
        return (logits, others) if auxiliary else logits

    @staticmethod
    @abstractmethod
    def _build(architecture: Architecture, levels: Sequence[Level], in_channels: int, num_classes: int) -> nn.Module:
        """Builds MONAI's network."""

    def _segment(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits, and the auxiliary logits of deep supervision, finest first."""
        return self.network(images), []


class Unet(Family):
    """Kerfoot et al., 'Left-ventricle quantification using residual U-Net' (STACOM 2018); strided convolutions.

    With `block=residual`, residual units of 2 x `blocks` convolutions; with other options, plain convolutions.
    """

    @staticmethod
    def _build(architecture: Architecture, levels: Sequence[Level], in_channels: int, num_classes: int) -> nn.Module:
        from monai.networks.nets.unet import UNet

        from paretoseg.trainables.networks.skipless import UnetWithoutSkips

        spatial_dims = len(levels[0].strides)
        is_residual = architecture.block == "residual"
        # The last unit of a residual network normalises the logits, so the groups must also divide the classes.
        groups = count_groups(architecture.width, num_classes) if is_residual else count_groups(architecture.width)
        build = UnetWithoutSkips if architecture.skip == "none" else UNet
        network: nn.Module = build(
            spatial_dims,
            in_channels,
            num_classes,
            channels=_channels(architecture),
            strides=[2] * (architecture.depth - 1),
            kernel_size=architecture.kernel,
            up_kernel_size=architecture.kernel,
            num_res_units=2 * architecture.blocks if is_residual else 0,
            act=ACTIVATIONS[architecture.activation],
            norm=("group", {"num_groups": groups}) if architecture.norm == "group" else architecture.norm,
            dropout=architecture.dropout,
            bias=architecture.bias == "on",
        )
        return network


class AttentionUnet(Family):
    """Oktay et al., 'Attention U-Net' (MIDL 2018); norm and nonlinearity are MONAI's: batch norm and ReLU."""

    @staticmethod
    def _build(architecture: Architecture, levels: Sequence[Level], in_channels: int, num_classes: int) -> nn.Module:
        from monai.networks.nets.attentionunet import AttentionUnet as MonaiAttentionUnet

        spatial_dims = len(levels[0].strides)
        network: nn.Module = MonaiAttentionUnet(
            spatial_dims,
            in_channels,
            num_classes,
            channels=_channels(architecture),
            strides=[2] * (architecture.depth - 1),
            kernel_size=architecture.kernel,
            dropout=architecture.dropout,
        )
        return network


class UnetPlusPlus(Family):
    """Zhou et al., 'UNet++' (IEEE TMI 39(6), 2020), with five levels."""

    @staticmethod
    def _build(architecture: Architecture, levels: Sequence[Level], in_channels: int, num_classes: int) -> nn.Module:
        from monai.networks.nets.basic_unetplusplus import BasicUNetPlusPlus

        spatial_dims = len(levels[0].strides)
        width = architecture.width
        last = width if architecture.head == "narrow" else 32 * width
        network: nn.Module = BasicUNetPlusPlus(
            spatial_dims,
            in_channels,
            num_classes,
            features=[*(width * 2**level for level in range(5)), last],
            deep_supervision=architecture.deep_supervision == "on",
            act=ACTIVATIONS[architecture.activation],
            norm=_affine_norm(architecture),
            bias=architecture.bias == "on",
            dropout=architecture.dropout,
            upsample=_UPSAMPLING[architecture.upsampling],
        )
        if architecture.deep_supervision == "off":
            # MONAI builds these heads anyway, but weights without gradients would stop data-parallel training.
            for column in (1, 2, 3):
                setattr(network, f"final_conv_0_{column}", nn.Identity())
        return network

    def _segment(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        *others, logits = self.network(images)
        return logits, others[::-1]


class Vnet(Family):
    """Milletari et al., 'V-Net' (3DV 2016); five levels from 16 channels, kernels of 5 and batch norm.

    MONAI would drop half of the features of the two finest skips in training, regardless of its arguments. Here they
    use `dropout`, as the coarser ones do.
    """

    @staticmethod
    def _build(architecture: Architecture, levels: Sequence[Level], in_channels: int, num_classes: int) -> nn.Module:
        from monai.networks.layers.factories import Conv
        from monai.networks.nets.vnet import VNet

        from paretoseg.trainables.networks.skipless import cut_skips

        spatial_dims = len(levels[0].strides)
        fits = VNET_CHANNELS % in_channels == 0
        network: Any = VNet(
            spatial_dims,
            in_channels if fits else VNET_CHANNELS,
            num_classes,
            act=ACTIVATIONS[architecture.activation],
            dropout_prob_down=architecture.dropout or None,
            dropout_prob_up=(architecture.dropout or None, architecture.dropout),
            dropout_dim=spatial_dims,
        )
        for level in (network.up_tr64, network.up_tr32):
            level.dropout2.p = architecture.dropout
        if architecture.skip == "none":
            cut_skips(network, architecture, spatial_dims)
        if fits:
            whole: nn.Module = network
            return whole
        return nn.Sequential(Conv[Conv.CONV, spatial_dims](in_channels, VNET_CHANNELS, kernel_size=1), network)


class SegResNet(Family):
    """Myronenko, '3D MRI brain tumor segmentation using autoencoder regularization' (BrainLes 2018), without the VAE.

    Levels have 1, 2, ..., 2 and 4 residual blocks down, times `blocks`, and `blocks` up.
    """

    @staticmethod
    def _build(architecture: Architecture, levels: Sequence[Level], in_channels: int, num_classes: int) -> nn.Module:
        from monai.networks.nets.segresnet import SegResNet as MonaiSegResNet

        repeats = [1, *[2] * (architecture.depth - 2), 4]
        network: nn.Module = MonaiSegResNet(
            len(levels[0].strides),
            architecture.width,
            in_channels,
            num_classes,
            dropout_prob=architecture.dropout or None,
            act=ACTIVATIONS[architecture.activation],
            norm=_plain_norm(architecture),
            blocks_down=tuple(architecture.blocks * repeat for repeat in repeats),
            blocks_up=(architecture.blocks,) * (architecture.depth - 1),
            upsample_mode=_UPSAMPLING[architecture.upsampling],
        )
        return network


class DynUnet(Family):
    """The network of nnU-Net: Isensee et al., Nature Methods 18, 2021."""

    @staticmethod
    def _build(architecture: Architecture, levels: Sequence[Level], in_channels: int, num_classes: int) -> nn.Module:
        from monai.networks.nets.dynunet import DynUNet as MonaiDynUnet

        strides = [level.strides for level in levels]
        is_supervised = architecture.deep_supervision == "on"
        network: nn.Module = MonaiDynUnet(
            len(strides[0]),
            in_channels,
            num_classes,
            kernel_size=[level.shape_kernel(architecture.kernel) for level in levels],
            strides=strides,
            upsample_kernel_size=strides[1:],
            filters=_channels(architecture),
            dropout=architecture.dropout or None,
            norm_name=_affine_norm(architecture),
            act_name=ACTIVATIONS[architecture.activation],
            deep_supervision=is_supervised,
            deep_supr_num=architecture.depth - 2 if is_supervised else 1,
            res_block=architecture.block == "residual",
        )
        # MONAI registers every level twice; `skip_layers` has them all, and torch.func needs one name per weight.
        for name in ("input_block", "downsamples", "bottleneck", "upsamples", "deep_supervision_heads"):
            if hasattr(network, name):
                delattr(network, name)
        return network

    def _segment(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        if not self._is_supervised:
            return self.network(images), []
        network: Any = self.network
        features = network.skip_layers(images)
        others = list(network.heads)
        # MONAI keeps them in the module, and copying the module would copy them.
        network.heads[:] = [images.new_empty(0) for _ in others]
        return network.output_block(features), others


class Unetr(Family):
    """Hatamizadeh et al., 'UNETR' (WACV 2022); hidden size 48 x width in 12 heads, 768 at the default width."""

    @staticmethod
    def _build(architecture: Architecture, levels: Sequence[Level], in_channels: int, num_classes: int) -> nn.Module:
        from paretoseg.trainables.networks.transformers import build_unetr

        spatial_dims = len(levels[0].strides)
        return build_unetr(architecture, spatial_dims, in_channels, num_classes, _plain_norm(architecture))


class SwinUnetr(Family):
    """Hatamizadeh et al., 'Swin UNETR' (BrainLes 2021); feature size 3 x width, 48 at the default width."""

    @staticmethod
    def _build(architecture: Architecture, levels: Sequence[Level], in_channels: int, num_classes: int) -> nn.Module:
        from paretoseg.trainables.networks.transformers import build_swin_unetr

        spatial_dims = len(levels[0].strides)
        return build_swin_unetr(architecture, spatial_dims, in_channels, num_classes, _plain_norm(architecture))


def _channels(architecture: Architecture) -> list[int]:
    return [architecture.width * 2**level for level in range(architecture.depth)]


def _plain_norm(architecture: Architecture) -> tuple[str, dict[str, Any]]:
    """The norm as MONAI's networks define it: instance norm has no scale and offset."""
    groups = {"num_groups": count_groups(architecture.width)}
    return architecture.norm, groups if architecture.norm == "group" else {}


def _affine_norm(architecture: Architecture) -> tuple[str, dict[str, Any]]:
    """The norm with scale and offset."""
    name, settings = _plain_norm(architecture)
    return name, settings | {"affine": True}


FAMILIES: Mapping[str, type[Family]] = {
    "unet": Unet,
    "attention_unet": AttentionUnet,
    "basic_unet_plus_plus": UnetPlusPlus,
    "vnet": Vnet,
    "segresnet": SegResNet,
    "dynunet": DynUnet,
    "unetr": Unetr,
    "swin_unetr": SwinUnetr,
}
"""By option of `Architecture.family`, except our own family."""


class Plugged(Family):
    """A network of a plug-in's family, without deep supervision."""

    @staticmethod
    def _build(architecture: Architecture, levels: Sequence[Level], in_channels: int, num_classes: int) -> nn.Module:
        dims = len(levels[0].strides)
        family = PLUGGED[architecture.family]
        network: nn.Module = family.build(
            architecture, spatial_dims=dims, in_channels=in_channels, num_classes=num_classes
        )
        return network


def find_family(name: str) -> type[Family] | None:
    """What wraps the networks of a family; None for our own encoder-decoder."""
    return FAMILIES.get(name) or (None if name in OUR_FAMILIES else Plugged)
