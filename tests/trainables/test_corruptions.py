"""Every entry of the table of corruptions keeps the same promises."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
import torch

from trainables.corruptions import CORRUPTIONS, corrupt, corruption_generator
from trainables.severities import LEVELS, NUM_SEVERITIES, strength
from trainables.textures import TexturesConfig

SEVERITIES = range(1, NUM_SEVERITIES + 1)
NAMES = list(CORRUPTIONS)


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    cases = TexturesConfig(image_size=64, num_train=1, num_validation=1, num_test=6).load().test
    return torch.from_numpy(np.stack([case.image for case in cases]))


def corrupted(images: torch.Tensor, name: str, severity: int, seed: int = 0) -> torch.Tensor:
    return corrupt(images, name, severity, corruption_generator("case", name, severity, seed))


@pytest.mark.parametrize("name", NAMES)
def test_the_distance_to_the_clean_image_rises_with_severity(name: str, images: torch.Tensor) -> None:
    distances = [(corrupted(images, name, severity) - images).square().mean().item() for severity in SEVERITIES]
    assert distances[0] > 0
    assert distances == sorted(set(distances))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_shape_range_and_type_stay_on_extreme_images(name: str, spatial_dims: int) -> None:
    for value in (0.0, 0.5, 1.0):
        image = torch.full((2, 1, *[9] * spatial_dims), value)
        for severity in SEVERITIES:
            after = corrupted(image, name, severity)
            assert after.shape == image.shape
            assert after.dtype == image.dtype
            assert after.isfinite().all()
            assert after.min() >= 0
            assert after.max() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_severity_zero_leaves_the_image_untouched(name: str, images: torch.Tensor) -> None:
    assert torch.equal(corrupted(images, name, 0), images)
    assert torch.equal(corrupted(images, "none", 0), images)


@pytest.mark.parametrize("name", NAMES)
def test_the_input_is_not_written_to(name: str, images: torch.Tensor) -> None:
    before = images.clone()
    corrupted(images, name, 5)
    assert torch.equal(images, before)


def test_draws_depend_on_the_four_names_and_not_on_the_order() -> None:
    keys = [("a", "gaussian_noise", 1, 0), ("b", "gaussian_noise", 1, 0), ("a", "gaussian_noise", 2, 0)]
    keys += [("a", "speckle_noise", 1, 0), ("a", "gaussian_noise", 1, 1)]
    forth = {key: torch.rand(4, generator=corruption_generator(*key)) for key in keys}
    back = {key: torch.rand(4, generator=corruption_generator(*key)) for key in reversed(keys)}
    assert all(torch.equal(forth[key], back[key]) for key in keys)
    assert len({tuple(draw.tolist()) for draw in forth.values()}) == len(keys)


def test_another_process_draws_the_same() -> None:
    code = (
        "import hashlib, torch; from trainables.corruptions import corrupt, corruption_generator as g\n"
        "image = torch.full((1, 1, 8, 8), 0.5)\n"
        "after = corrupt(image, 'rician_noise', 3, g('case', 'rician_noise', 3, 0))\n"
        "print(hashlib.sha256(after.numpy().tobytes()).hexdigest())"
    )
    there = subprocess.check_output([sys.executable, "-c", code], text=True).strip()
    here = corrupted(torch.full((1, 1, 8, 8), 0.5), "rician_noise", 3).numpy().tobytes()
    assert there == hashlib.sha256(here).hexdigest()


def test_noise_has_the_spread_that_its_level_names() -> None:
    image = torch.full((1, 1, 200, 200), 0.5)
    for severity in (1, 3):
        noisy = corrupted(image, "gaussian_noise", severity)
        assert noisy.std().item() == pytest.approx(strength("gaussian_noise", severity), rel=0.03)
        speckled = corrupted(image, "speckle_noise", severity)
        assert speckled.std().item() == pytest.approx(0.5 * strength("speckle_noise", severity), rel=0.03)
    salted = corrupted(image, "impulse_noise", 5)
    assert (salted != image).float().mean().item() == pytest.approx(0.12, abs=0.01)


def test_blur_of_a_point_is_the_gaussian_of_its_level() -> None:
    image = torch.zeros(1, 1, 31, 31)
    image[0, 0, 15, 15] = 1
    blurred = corrupted(image, "gaussian_blur", 3)[0, 0]
    places = torch.arange(31.0) - 15
    assert blurred.sum().item() == pytest.approx(1.0, abs=1e-5)
    assert (blurred.sum(dim=0) * places.square()).sum().sqrt().item() == pytest.approx(1.0, abs=0.02)
    assert torch.allclose(blurred, blurred.T)


def test_an_unknown_corruption_is_refused_with_the_nearest_name(images: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="unknown corruption 'gausian_noise'; did you mean 'gaussian_noise'"):
        corrupted(images, "gausian_noise", 1)
    with pytest.raises(ValueError, match="unknown corruption 'gausian_noise'"):
        corrupted(images, "gausian_noise", 0)


@pytest.mark.parametrize("severity", [-1, 6])
def test_a_severity_outside_the_table_is_refused(severity: int, images: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=rf"severity must lie in 1\.\.5, got {severity}"):
        corrupted(images, "gaussian_blur", severity)


@pytest.mark.parametrize("name", NAMES)
def test_levels_rise(name: str) -> None:
    values = LEVELS[name].values
    assert list(values) == sorted(set(values))
