"""The reference families are the networks that published studies of robustness trained."""

from __future__ import annotations

import pytest
import torch
from monai.networks.nets.dynunet import DynUNet
from monai.networks.nets.unetr import UNETR
from torch import nn

from paretoseg.spaces.architecture import PLANNED, Architecture
from paretoseg.spaces.search_space import DIMENSIONS
from paretoseg.trainables.networks.encoder_decoder import build_network
from paretoseg.trainables.networks.monai_families import FAMILIES
from paretoseg.trainables.networks.size import count_parameters

STUDY_2D = {"width": 16, "norm": "batch", "activation": "relu"}


def count(spatial_dims: int, num_classes: int, **values: object) -> int:
    with torch.device("meta"):
        network = build_network(
            Architecture(**values),  # type: ignore[arg-type]
            spatial_dims=spatial_dims,
            in_channels=1,
            num_classes=num_classes,
        )
    return count_parameters(network)


def test_the_table_holds_exactly_the_families_of_the_search_space() -> None:
    assert ["composable", *FAMILIES, *PLANNED] == list(DIMENSIONS["family"].describe().split(", "))


@pytest.mark.parametrize(
    ("values", "millions"),
    [
        ({"family": "unet", "depth": 5, "bias": "on"}, 0.66),
        ({"family": "unet", "depth": 6}, 2.65),
        ({"family": "unet", "depth": 5, "bias": "on", "skip": "none"}, 0.56),
        ({"family": "unet", "depth": 6, "skip": "none"}, 2.26),
        ({"family": "attention_unet", "depth": 5}, 1.99),
        ({"family": "attention_unet", "depth": 6}, 7.96),
        ({"family": "basic_unet_plus_plus", "head": "wide"}, 5.07),
        ({"family": "vnet"}, 9.36),
        ({"family": "vnet", "skip": "none"}, 9.58),
    ],
)
def test_the_networks_of_the_studies_of_skips_have_their_parameters(values: dict[str, object], millions: float) -> None:
    """Kamath et al., MICCAI 2023 and Computers in Biology and Medicine 184 (2025): 2D, one class, batch norm, ReLU."""
    assert count(2, 1, **STUDY_2D | values) / 1e6 == pytest.approx(millions, abs=0.005)


@pytest.mark.parametrize(
    ("values", "millions"),
    [
        ({"family": "unet", "block": "residual", "norm": "batch", "activation": "prelu", "bias": "on"}, 4.8),
        ({"family": "attention_unet"}, 5.9),
        ({"family": "unetr", "block": "residual"}, 92.78),
    ],
)
def test_the_networks_of_the_study_of_context_have_their_parameters(values: dict[str, object], millions: float) -> None:
    """Kamath et al., Medical Imaging meets NeurIPS 2022: 3D, two classes, five levels from 16 channels."""
    assert count(3, 2, depth=5, **values) / 1e6 == pytest.approx(millions, abs=0.05)


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_our_network_agrees_with_monais_where_the_designs_coincide(spatial_dims: int) -> None:
    """DynUNet with biases in its transposed convolutions; it strides where ours pools, which costs no parameter."""
    ours = build_network(
        Architecture(depth=4, width=8, activation="leaky_relu"), spatial_dims=spatial_dims, in_channels=2, num_classes=3
    )
    strides = [1, 2, 2, 2]
    theirs = DynUNet(
        spatial_dims, 2, 3, kernel_size=[3] * 4, strides=strides, upsample_kernel_size=strides[1:],
        filters=[8, 16, 32, 64], trans_bias=True,
    )  # fmt: skip
    theirs_by_shape, ours_by_shape = (
        sorted(tuple(parameter.shape) for parameter in network.parameters()) for network in (theirs, ours)
    )
    assert ours_by_shape == theirs_by_shape
    images = torch.rand(2, 2, *(16, 24, 8)[:spatial_dims])
    assert ours(images).shape == theirs(images).shape


def test_unetr_answers_as_monais_on_the_extent_that_positions_are_learned_for() -> None:
    ours = build_network(
        Architecture(family="unetr", width=4, block="residual"), spatial_dims=2, in_channels=1, num_classes=2
    ).eval()
    theirs = UNETR(
        1, 2, img_size=96, feature_size=4, hidden_size=192, mlp_dim=768, norm_name="instance", spatial_dims=2
    ).eval()
    found = theirs.load_state_dict(ours.get_submodule("network").state_dict(), strict=False)
    assert all("norm_cross_attn" in name for name in found.missing_keys)
    assert not found.unexpected_keys
    images = torch.rand(1, 1, 96, 96)
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), theirs(images))
        assert ours(torch.rand(1, 1, 64, 32)).shape == (1, 2, 64, 32)


@pytest.mark.parametrize("family", ["unet", "vnet"])
def test_without_skips_nothing_comes_across(family: str) -> None:
    """A change of the image that vanishes on the way down leaves no trace: what comes across would keep it."""
    network = build_network(Architecture(family=family, skip="none"), spatial_dims=2, in_channels=1, num_classes=2)
    names = {type(module).__name__ for module in network.modules()}
    assert "SkipConnection" not in names
    assert "UpTransition" not in names
    assert network(torch.rand(2, 1, 32, 32)).shape == (2, 2, 32, 32)


def test_a_vnet_takes_images_of_any_number_of_channels() -> None:
    for channels in (1, 3):
        network = build_network(Architecture(family="vnet"), spatial_dims=2, in_channels=channels, num_classes=2)
        assert network(torch.rand(2, channels, 16, 16)).shape == (2, 2, 16, 16)


@pytest.mark.parametrize(("skip", "num"), [("addition", 8), ("none", 4)])
def test_a_vnet_drops_what_the_dimension_says_and_nothing_without(skip: str, num: int) -> None:
    """The two coarsest levels drop what comes down and up; those of the decoder what comes across, too."""
    for dropout, wanted in ((0.0, []), (0.2, [0.2] * num)):
        network = build_network(
            Architecture(family="vnet", skip=skip, dropout=dropout), spatial_dims=2, in_channels=1, num_classes=2
        )
        dropouts = [module.p for module in network.modules() if isinstance(module, nn.modules.dropout._DropoutNd)]
        assert [share for share in dropouts if share > 0.0] == wanted


def test_an_image_that_a_family_cannot_take_is_refused() -> None:
    network = build_network(Architecture(family="unet", depth=3, width=4), spatial_dims=2, in_channels=1, num_classes=2)
    with pytest.raises(ValueError, match=r"must be divisible by 4, got \(10, 8\)"):
        network(torch.rand(1, 1, 10, 8))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_weight_of_a_family_has_one_name(family: str) -> None:
    network = build_network(Architecture(family=family, depth=3, width=4), spatial_dims=2, in_channels=1, num_classes=2)
    names = [name for name, _ in network.named_parameters(remove_duplicate=False)]
    assert len(names) == len(list(network.parameters()))
