"""Noise: of the spread that its strength names, and distributed as in MONAI and scikit-image."""

from __future__ import annotations

from collections.abc import Callable

import monai.transforms as mt
import numpy as np
import pytest
import torch
import torchio as tio
from skimage.util import random_noise

from paretoseg.trainables.corruptions.table import corrupt, corruption_generator

QUANTILES = [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99]
LEVELS_OF_GREY = (0.3, 0.5)

pytestmark = pytest.mark.usefixtures("plain_tensors")


def degrade(image: torch.Tensor, name: str, strength: float) -> np.ndarray:
    label = torch.zeros(1, *image.shape[1:], dtype=torch.uint8)
    after, _ = corrupt(image[None], label, name, strength, [corruption_generator("case", name, 1, 0)])
    return after[0].clamp(0, 1).numpy()


def monai_gaussian(image: torch.Tensor, strength: float) -> np.ndarray:
    noise = mt.RandGaussianNoise(1.0, std=strength, sample_std=False).set_random_state(0)
    return np.asarray(noise(image.clone())).clip(0, 1)


def monai_rician(image: torch.Tensor, strength: float) -> np.ndarray:
    noise = mt.RandRicianNoise(1.0, std=strength, sample_std=False).set_random_state(0)
    return np.asarray(noise(image.clone())).clip(0, 1)


def torchio_gaussian(image: torch.Tensor, strength: float) -> np.ndarray:
    return tio.Noise(mean=0.0, std=strength, seed=0)(image[..., None])[..., 0].numpy().clip(0, 1)


def scikit_speckle(image: torch.Tensor, variance: float) -> np.ndarray:
    return random_noise(image.numpy(), mode="speckle", var=variance, rng=0)


def scikit_impulse(image: torch.Tensor, share: float) -> np.ndarray:
    return random_noise(image.numpy(), mode="s&p", amount=share, rng=0)


@pytest.mark.parametrize("grey", LEVELS_OF_GREY)
@pytest.mark.parametrize(
    ("name", "strength", "peer"),
    [
        ("gaussian_noise", 0.08, monai_gaussian),
        ("gaussian_noise", 0.2, torchio_gaussian),
        ("rician_noise", 0.06, monai_rician),
        ("rician_noise", 0.3, monai_rician),
        ("legacy_speckle", 0.1, scikit_speckle),
        ("legacy_speckle", 0.3, scikit_speckle),
    ],
)
def test_noise_is_distributed_as_in_other_libraries(
    name: str, strength: float, peer: Callable[[torch.Tensor, float], np.ndarray], grey: float
) -> None:
    image = torch.full((1, 400, 400), grey)
    ours, theirs = degrade(image, name, strength), peer(image, strength)
    assert ours.mean() == pytest.approx(theirs.mean(), abs=0.002)
    assert ours.std() == pytest.approx(theirs.std(), rel=0.02)
    assert np.quantile(ours, QUANTILES) == pytest.approx(np.quantile(theirs, QUANTILES), abs=0.01)


def test_impulses_are_as_many_as_in_scikit_image_and_half_of_them_are_dark() -> None:
    image = torch.full((1, 400, 400), 0.5)
    ours, theirs = degrade(image, "impulse_noise", 0.12), scikit_impulse(image, 0.12)
    for value in (0.0, 0.5, 1.0):
        assert (ours == value).mean() == pytest.approx((theirs == value).mean(), abs=0.005)
    assert set(np.unique(ours)) == {0.0, 0.5, 1.0}


def test_the_strength_is_the_spread() -> None:
    image = torch.full((1, 400, 400), 0.5)
    assert degrade(image, "gaussian_noise", 0.12).std() == pytest.approx(0.12, rel=0.02)
    assert degrade(image, "speckle_noise", 0.12).std() == pytest.approx(0.06, rel=0.02)
    # No signal: the magnitude is distributed after Rayleigh.
    assert degrade(0 * image, "rician_noise", 0.12).mean() == pytest.approx(0.12 * np.sqrt(np.pi / 2), rel=0.02)


@pytest.mark.parametrize("name", ["gaussian_noise", "rician_noise", "speckle_noise", "impulse_noise"])
def test_channels_and_images_have_noise_of_their_own(name: str) -> None:
    images, labels = torch.full((2, 2, 32, 32), 0.5), torch.zeros(2, 32, 32, dtype=torch.uint8)
    generators = [corruption_generator(case, name, 1, 0) for case in ("a", "b")]
    after, _ = corrupt(images, labels, name, 0.3, generators)
    planes = after.flatten(0, 1)
    assert all(not torch.equal(planes[one], planes[other]) for one in range(4) for other in range(one))
