"""Blur and fewer pixels: known answers, and the same numbers as in MONAI, TorchIO and SciPy."""

from __future__ import annotations

import math

import monai.transforms as mt
import pytest
import torch
import torchio as tio
from monai.networks.layers import GaussianFilter
from scipy import ndimage
from torch.nn import functional

from paretoseg.trainables.corruptions.blur import _path, low_resolution_1
from paretoseg.trainables.corruptions.table import corrupt, corruption_generator

pytestmark = pytest.mark.usefixtures("plain_tensors")


def degrade(images: torch.Tensor, name: str, strength: float, labels: torch.Tensor | None = None) -> torch.Tensor:
    generators = [corruption_generator(f"case {i}", name, 1, 0) for i in range(len(images))]
    labels = torch.zeros_like(images[:, 0], dtype=torch.uint8) if labels is None else labels
    return corrupt(images, labels, name, strength, generators)[0]


def draw(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("shape", [(40, 33), (24, 30, 28)])
@pytest.mark.parametrize("spread", [1.0, 2.0])
def test_gaussian_blur_is_that_of_scipy_and_away_from_the_border_that_of_monai_and_torchio(
    shape: tuple[int, ...], spread: float
) -> None:
    image = draw(1, 1, *shape)
    ours = degrade(image, "gaussian_blur", spread)
    there = ndimage.gaussian_filter(image[0, 0].numpy(), spread, mode="nearest", truncate=4.0)
    assert ours[0, 0].numpy() == pytest.approx(there, abs=1e-5)
    inside = (slice(None), slice(None), *[slice(8, -8)] * len(shape))
    monai = GaussianFilter(len(shape), spread, approx="sampled")(image)
    assert torch.allclose(ours[inside], monai[inside], atol=1e-4)
    volume = image[0] if len(shape) == 3 else image[0][..., None]
    torchio = tio.Blur((spread, spread, spread if len(shape) == 3 else 0.0))(volume).reshape(image.shape)
    assert torch.allclose(ours[inside], torchio[inside], atol=1e-5)


def test_blur_of_a_point_is_the_gaussian_of_its_strength() -> None:
    image = torch.zeros(1, 1, 31, 31)
    image[0, 0, 15, 15] = 1
    blurred = degrade(image, "gaussian_blur", 1.5)[0, 0]
    places = torch.arange(31.0) - 15
    assert blurred.sum().item() == pytest.approx(1.0, abs=1e-5)
    assert (blurred.sum(dim=0) * places.square()).sum().sqrt().item() == pytest.approx(1.5, abs=0.02)
    assert torch.allclose(blurred, blurred.T)


def test_a_level_path_is_a_moving_average() -> None:
    kernel = _path(5.0, 0.0, 4)
    assert kernel.sum().item() == pytest.approx(1.0)
    assert kernel[[0, 1, 2, 3, 5, 6, 7, 8]].abs().max() < 1e-6
    assert kernel[4, 3:6].tolist() == pytest.approx([0.2] * 3, abs=0.01)
    assert kernel[4] == pytest.approx(kernel[4].flip(0))


@pytest.mark.parametrize("angle", [0.3, math.pi / 4, 2.0])
def test_a_path_has_its_length_in_every_direction(angle: float) -> None:
    kernel, places = _path(9.0, angle, 6).double(), torch.arange(-6.0, 7.0)
    rows, columns = kernel.sum(1), kernel.sum(0)
    spread = (rows * places**2).sum() + (columns * places**2).sum()
    # The variance of a uniform path is length^2 / 12; dealing points out to pixels adds up to 1/4 an axis.
    assert 9.0**2 / 12 <= spread.item() <= 9.0**2 / 12 + 0.5


def test_slices_of_a_volume_are_blurred_by_one_path() -> None:
    slices = draw(1, 1, 1, 24, 24).expand(1, 1, 4, 24, 24)
    after = degrade(slices, "motion_blur", 5.0)[0, 0]
    assert torch.equal(after[0], after[3])


@pytest.mark.parametrize("shape", [(40, 33), (20, 24, 18)])
def test_low_resolution_is_that_of_monai(shape: tuple[int, ...]) -> None:
    image = draw(1, 2, *shape)
    mode = "bilinear" if len(shape) == 2 else "trilinear"
    low = mt.RandSimulateLowResolution(1.0, downsample_mode="area", upsample_mode=mode, zoom_range=(0.4, 0.4))
    assert torch.allclose(low_resolution_1(image, 2.5, ())[0], torch.as_tensor(low(image[0])), atol=1e-5)


def test_anisotropy_touches_one_axis_which_is_drawn() -> None:
    # Every image varies along one axis only: it stays as it is unless that axis is the drawn one.
    along = draw(1, 1, 1, 32).expand(40, 1, 32, 32)
    is_changed = (degrade(along, "anisotropy", 4.0) - along).abs().flatten(1).amax(1) > 1e-4
    assert 8 < is_changed.sum() < 32
    fewer = functional.interpolate(along[:1], size=(32, 8), mode="area")
    expected = functional.interpolate(fewer, size=(32, 32), mode="bilinear", align_corners=False)
    assert torch.allclose(degrade(along, "anisotropy", 4.0)[is_changed][0], expected[0], atol=1e-5)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_anisotropy_is_that_of_torchio_where_a_mean_is_a_single_pixel(factor: int) -> None:
    # TorchIO takes one pixel of a thick slice and we their mean: in blocks of the factor's size both are the same.
    size = (8 * factor, 6 * factor, 7 * factor)
    volume = functional.interpolate(draw(1, 1, 8, 6, 7), scale_factor=factor, mode="nearest")
    there = [tio.RandomAnisotropy(axis, (factor, factor))(volume[0]) for axis in range(3)]
    ours = degrade(volume.expand(12, 1, *size), "anisotropy", float(factor))
    axes = [[torch.allclose(one, other, atol=1e-5) for other in there].index(True) for one in ours]
    assert set(axes) == {0, 1, 2}


def test_the_legacy_blur_leaves_the_foreground_and_blurs_the_rest() -> None:
    image, label = draw(1, 1, 32, 32), torch.zeros(1, 32, 32, dtype=torch.uint8)
    label[0, 8:20, 8:20] = 2
    after = degrade(image, "legacy_leaking_blur", 3.0, label)
    assert torch.equal(after[0, 0][label[0] > 0], image[0, 0][label[0] > 0])
    blurred = ndimage.gaussian_filter(image[0, 0].numpy(), 3.0, mode="nearest", truncate=4.0)
    is_background = label[0].numpy() == 0
    assert after[0, 0].numpy()[is_background] == pytest.approx(blurred[is_background], abs=1e-5)
    assert (after - image).abs().max() > 0.1
