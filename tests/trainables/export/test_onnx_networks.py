"""Every family and every option of ours answers from an ONNX file as from torch, in two or in three dimensions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from paretoseg.spaces.architecture import PLANNED, Architecture
from paretoseg.spaces.domain import Choice
from paretoseg.spaces.search_space import DIMENSIONS
from paretoseg.trainables.export.onnx_model import FIXED_EXTENTS, convert
from paretoseg.trainables.networks.blueprint import Blueprint
from paretoseg.trainables.networks.monai_families import FAMILIES
from tests.trainables import exports

CHOICES = ("skip", "attention", "block", "norm", "activation", "upsampling", "deep_supervision")


def list_options(name: str) -> tuple[str, ...]:
    domain = DIMENSIONS[name]
    assert isinstance(domain, Choice)
    return domain.options


def compose(index: int) -> Architecture:
    """One of the networks that together have every option of ours."""
    chosen = {name: (options := list_options(name))[index % len(options)] for name in CHOICES}
    return Architecture(
        depth=3, width=4, kernel=(3, 5, 7)[index % 3], blocks=1 + index % 2, dropout=0.1 * index, **chosen
    )


NETWORKS = {
    **{f"ours-{index}": compose(index) for index in range(5)},
    **{family: Architecture(family=family, depth=3, width=4, deep_supervision="on") for family in FAMILIES},
}


def settle(network: nn.Module, images: torch.Tensor) -> nn.Module:
    """Gives batch norms statistics to go by; without any, what comes out of many of them is nearly nothing."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            module.momentum = None
    with torch.no_grad():
        network.train()(images)
    return network.eval()


def test_the_table_holds_every_option_and_every_family() -> None:
    ours = [architecture for architecture in NETWORKS.values() if architecture.family == "composable"]
    for name in CHOICES:
        assert {getattr(architecture, name) for architecture in ours} == set(list_options(name))
    assert {architecture.family for architecture in NETWORKS.values()} == set(list_options("family")) - set(PLANNED)


# In turns, as an export takes long: both kinds of dimensions go through the same code.
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("name", "spatial_dims"), [(name, 2 + index % 2) for index, name in enumerate(NETWORKS)])
def test_a_file_answers_as_the_network(tmp_path: Path, name: str, spatial_dims: int) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    architecture = NETWORKS[name]
    stride = architecture.total_stride
    blueprint = Blueprint(architecture, spatial_dims, in_channels=1, num_classes=3, window=(2 * stride,) * spatial_dims)
    network = settle(exports.build_network(blueprint), torch.rand(2, 1, *[2 * stride] * spatial_dims))
    convert(network, blueprint, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    shapes = [(1, *[2 * stride] * spatial_dims), (3, *[2 * stride] * spatial_dims)]
    if architecture.family not in FIXED_EXTENTS:
        shapes.append((2, *(3 * stride, 2 * stride, 4 * stride)[:spatial_dims]))
    for num_images, *extents in shapes:
        images = torch.rand(num_images, 1, *extents, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            expected = network(images).numpy()
        assert np.ptp(expected) > 1e-2, "equal logits everywhere would show nothing"
        np.testing.assert_allclose(session.run(None, {"image": images.numpy()})[0], expected, atol=1e-4)
