"""Brightness, contrast and what is hidden: the same numbers as in MONAI and TorchIO."""

from __future__ import annotations

import math

import monai.transforms as mt
import numpy as np
import pytest
import torch
import torchio as tio

from paretoseg.trainables.corruptions.intensity import evaluate_polynomial
from paretoseg.trainables.corruptions.table import corrupt, corruption_generator

pytestmark = pytest.mark.usefixtures("plain_tensors")


def draw(*shape: int) -> torch.Tensor:
    """Intensities from exactly 0 to exactly 1."""
    images = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    return (images - images.min()) / (images.max() - images.min())


def degrade(images: torch.Tensor, name: str, strength: float) -> torch.Tensor:
    generators = [corruption_generator(f"case {i}", name, 1, 0) for i in range(len(images))]
    return corrupt(images, torch.zeros_like(images[:, 0], dtype=torch.uint8), name, strength, generators)[0]


@pytest.mark.parametrize(("name", "strength", "exponent"), [("gamma_up", 2.5, 2.5), ("gamma_down", 1.6, 1 / 1.6)])
def test_gamma_is_that_of_monai_and_torchio(name: str, strength: float, exponent: float) -> None:
    image = draw(1, 1, 12, 10, 8)
    ours = degrade(image, name, strength)[0]
    assert torch.allclose(ours, torch.as_tensor(mt.AdjustContrast(exponent)(image[0])), atol=1e-5)
    assert torch.allclose(ours, tio.Gamma(exponent)(image[0]), atol=1e-6)


def test_shift_and_scale_are_those_of_monai() -> None:
    image = draw(1, 1, 20, 20)
    for name, strength, theirs in (
        ("intensity_shift_up", 0.2, mt.ShiftIntensity(0.2)),
        ("intensity_shift_down", 0.2, mt.ShiftIntensity(-0.2)),
        ("intensity_scale_up", 1.5, mt.ScaleIntensity(minv=None, maxv=None, factor=0.5)),
        ("intensity_scale_down", 0.4, mt.ScaleIntensity(minv=None, maxv=None, factor=-0.4)),
    ):
        expected = torch.as_tensor(theirs(image[0]))
        assert torch.allclose(degrade(image, name, strength)[0], expected, atol=1e-6), name


def test_contrast_is_the_distance_from_the_mean_of_each_channel() -> None:
    image = 0.4 + 0.2 * draw(2, 3, 20, 20)
    means = image.mean(dim=(2, 3), keepdim=True)
    assert torch.allclose(degrade(image, "contrast_down", 0.75), means + 0.25 * (image - means), atol=1e-6)
    assert torch.allclose(degrade(image, "contrast_up", 1.5), means + 1.5 * (image - means), atol=1e-6)


def test_the_polynomial_of_a_bias_field_is_that_of_torchio() -> None:
    flat = np.random.default_rng(0).uniform(-0.5, 0.5, 20)
    coefficients, place = torch.zeros(1, 4, 4, 4), 0
    for x in range(4):
        for y in range(4 - x):
            for z in range(4 - x - y):
                coefficients[0, x, y, z] = flat[place]
                place += 1
    there = tio.BiasField.generate_bias_field(np.zeros((1, 16, 16, 16)), 3, list(flat))
    assert evaluate_polynomial(coefficients, (16, 16, 16)).exp()[0, 0].numpy() == pytest.approx(there, rel=1e-4)


@pytest.mark.parametrize("shape", [(64, 48), (32, 24, 28)])
def test_the_strength_is_the_spread_of_the_logarithm_of_the_gain(shape: tuple[int, ...]) -> None:
    gains = degrade(torch.full((8, 2, *shape), 0.1), "bias_field", 0.25) / 0.1
    assert torch.allclose(gains[:, 0], gains[:, 1])
    logarithms = gains[:, 0].log().flatten(1)
    assert logarithms.std(dim=1).tolist() == pytest.approx([0.25] * 8, rel=1e-3)
    assert logarithms.mean(dim=1).tolist() == pytest.approx([0.0] * 8, abs=1e-4)


@pytest.mark.parametrize("shape", [(80, 60), (40, 30, 36)])
def test_as_much_is_hidden_as_by_eight_holes_of_monai(shape: tuple[int, ...]) -> None:
    share, num = 0.2, 60
    edges = [round(extent * (share / 8) ** (1 / len(shape))) for extent in shape]
    dropout = mt.RandCoarseDropout(8, edges, fill_value=0.0, prob=1.0).set_random_state(0)
    theirs = torch.stack([torch.as_tensor(dropout(torch.ones(1, *shape))) for _ in range(num)])
    ours = degrade(torch.ones(num, 1, *shape), "occlusion", share)
    hidden = [1 - images.flatten(1).mean(dim=1) for images in (ours, theirs)]
    assert hidden[0].mean().item() == pytest.approx(hidden[1].mean().item(), abs=0.01)
    assert hidden[0].std().item() == pytest.approx(hidden[1].std().item(), rel=0.4)
    assert hidden[0].max().item() <= 8 * math.prod(edges) / math.prod(shape) + 1e-6
