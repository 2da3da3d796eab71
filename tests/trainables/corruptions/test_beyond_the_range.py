"""Images in units of a range, with air below it and bright outliers above."""

from __future__ import annotations

import pytest
import torch

from paretoseg.trainables.corruptions.table import CORRUPTIONS, case_generator, corrupt
from paretoseg.trainables.severities.levels import LEVELS

POINTWISE = [
    *("gaussian_noise", "rician_noise", "speckle_noise", "impulse_noise", "kspace_spike", "bias_field"),
    *("gamma_up", "gamma_down", "contrast_up", "contrast_down", "occlusion"),
    *("intensity_shift_up", "intensity_shift_down", "intensity_scale_up", "intensity_scale_down"),
]


def draw(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Images with a strip of air and a strip of metal, and where intensities are within the range."""
    images = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    images[..., :3] = -3.0
    images[..., -2:] = 30.0
    return images, (images >= 0) & (images <= 1)


def degrade(images: torch.Tensor, name: str, strength: float) -> torch.Tensor:
    labels = (images[:, 0] > 0.5).to(torch.uint8)
    return corrupt(images, labels, name, strength, [case_generator(f"case {i}", name, 0) for i in range(len(images))])[
        0
    ]


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("shape", [(2, 1, 24, 20), (2, 2, 16, 18, 20)])
def test_every_strength_leaves_finite_numbers(name: str, shape: tuple[int, ...]) -> None:
    images, _ = draw(*shape)
    for strength in (LEVELS[name].values[0], LEVELS[name].strongest):
        assert degrade(images, name, strength).isfinite().all()


@pytest.mark.parametrize("name", POINTWISE)
@pytest.mark.parametrize("shape", [(2, 1, 24, 20), (2, 2, 16, 18, 20)])
def test_what_lies_beyond_the_range_changes_nothing_within(name: str, shape: tuple[int, ...]) -> None:
    images, is_within = draw(*shape)
    strength = LEVELS[name].values[4]
    found, expected = (degrade(one, name, strength)[is_within] for one in (images, images.clamp(0, 1)))
    assert torch.allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("name", ["speckle_noise", "gamma_up", "gamma_down", "intensity_scale_up", "bias_field"])
def test_air_stays_below_the_range(name: str) -> None:
    images, _ = draw(2, 1, 24, 20)
    after = degrade(images, name, LEVELS[name].values[4])
    assert (after[..., :3] < 0).all()
    assert (after[..., -2:] > 1).float().mean() > 0.9


def test_the_noise_of_air_is_that_of_no_signal() -> None:
    images = torch.full((1, 1, 200, 200), -3.0)
    after = degrade(images, "rician_noise", 0.1)
    assert torch.allclose(after + 3.0, degrade(torch.zeros_like(images), "rician_noise", 0.1), atol=1e-6)
    assert torch.equal(degrade(images, "speckle_noise", 0.5), images)


def test_a_power_keeps_the_sign() -> None:
    images = torch.tensor([-2.0, -0.5, 0.0, 0.5, 2.0]).expand(1, 1, 5, 5)
    after = degrade(images, "gamma_up", 3.0)
    assert after[0, 0, 0].tolist() == pytest.approx([-8.0, -0.125, 0.0, 0.125, 8.0], rel=1e-5)


@pytest.mark.parametrize("name", [name for name in CORRUPTIONS if name not in ("occlusion", "gibbs_ringing")])
def test_the_neutral_strength_changes_nothing_beyond_the_range_either(name: str) -> None:
    images, _ = draw(2, 1, 24, 20)
    if name == "legacy_leaking_blur":
        return
    assert torch.allclose(degrade(images, name, LEVELS[name].neutral), images, atol=1e-4)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_nothing_is_clipped(name: str) -> None:
    images, _ = draw(2, 1, 24, 20)
    if name == "impulse_noise":
        return
    after = degrade(images, name, LEVELS[name].values[0])
    assert after.max() > 1
    assert after.min() < 0
