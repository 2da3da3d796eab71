"""Corruptions of k-space: the same numbers as in TorchIO and MONAI, which transform whole volumes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torchio as tio
from monai.transforms import GibbsNoise, KSpaceSpikeNoise

from paretoseg.trainables.corruptions.axis_maps import apply_along
from paretoseg.trainables.corruptions.kspace import (
    add_waves,
    combine_poses,
    find_first_lines,
    line_filter,
    select_lines,
)
from paretoseg.trainables.corruptions.table import corrupt, corruption_generator

pytestmark = pytest.mark.usefixtures("plain_tensors")


def draw(*shape: int) -> torch.Tensor:
    """Intensities far from 0 and 1, so that nothing is clipped."""
    return 0.3 + 0.4 * torch.rand(shape, generator=torch.Generator().manual_seed(0))


def degrade(images: torch.Tensor, name: str, strength: float) -> torch.Tensor:
    generators = [corruption_generator(f"case {i}", name, 1, 0) for i in range(len(images))]
    return corrupt(images, torch.zeros_like(images[:, 0], dtype=torch.uint8), name, strength, generators)[0]


@pytest.mark.parametrize("shape", [(33, 33), (17, 17, 17)])
@pytest.mark.parametrize("strength", [0.4, 0.6, 0.8])
def test_gibbs_ringing_is_that_of_monai(shape: tuple[int, ...], strength: float) -> None:
    # Of odd size: of an even one, MONAI takes a place between two frequencies for the middle.
    image = draw(1, 2, *shape)
    assert torch.allclose(degrade(image, "gibbs_ringing", strength)[0], GibbsNoise(strength)(image[0]), atol=1e-5)


def test_ghosts_are_those_of_torchio_along_an_axis_that_is_drawn() -> None:
    image = draw(1, 1, 32, 24, 16)
    after = degrade(image.expand(12, -1, -1, -1, -1), "ghosting", 0.6)
    expected = [tio.Ghosting(num_ghosts=4, axis=axis, intensity=0.6, restore=None)(image[0]) for axis in range(3)]
    axes = {axis for one in after for axis, ghosts in enumerate(expected) if torch.allclose(one, ghosts, atol=1e-5)}
    assert axes == {0, 1, 2}
    assert all(any(torch.allclose(one, ghosts, atol=1e-5) for ghosts in expected) for one in after)


@pytest.mark.parametrize("shape", [(32, 24, 20), (32, 20)])
def test_a_spike_is_that_of_torchio(shape: tuple[int, ...]) -> None:
    image, spike = draw(1, 1, *shape), [5, -3, 2][: len(shape)]
    place = [(extent // 2 + cycles + 0.5) / extent for extent, cycles in zip(shape, spike, strict=True)]
    volume = image[0] if len(shape) == 3 else image[0][..., None]
    there = tio.Spike(np.array([[*place, 0.0][:3]]), 0.3)(volume).reshape(image.shape)
    assert torch.allclose(add_waves(image, torch.tensor([spike]).float(), 0.3), there, atol=1e-5)


def test_a_spike_is_that_of_monai_which_sets_the_height_instead_of_adding_to_it() -> None:
    # One value of k-space, at 5 and 3 cycles, is known: half of a cosine's height times the number of pixels.
    rows, columns = torch.meshgrid(torch.arange(32) / 32, torch.arange(24) / 24, indexing="ij")
    image = 0.5 + 0.1 * torch.cos(2 * math.pi * (5 * rows + 3 * columns))[None, None]
    height = 0.05 * image.numel() + 0.2 * image.sum()
    there = KSpaceSpikeNoise((16 + 5, 12 + 3), math.log(height))(image[0])
    assert torch.allclose(add_waves(image, torch.tensor([[5.0, 3.0]]), 0.2)[0], torch.as_tensor(there), atol=1e-4)


def test_a_spike_draws_stripes_of_the_height_that_its_strength_names() -> None:
    after = degrade(torch.full((6, 1, 64, 48), 0.5), "kspace_spike", 0.4)
    assert (after - 0.5).abs().amax(dim=(1, 2, 3)).tolist() == pytest.approx([0.2] * 6, abs=0.01)
    spectra = torch.fft.rfftn(after - 0.5, dim=(2, 3)).abs().flatten(1)
    assert (spectra > spectra.amax(1, keepdim=True) / 10).sum(1).max() <= 2


@pytest.mark.parametrize("size", [16, 17])
def test_a_line_filter_is_the_real_part_of_a_filter_in_k_space(size: int) -> None:
    image, gains = draw(1, 2, size, 5), torch.rand(size, generator=torch.Generator().manual_seed(1))
    expected = torch.fft.ifft(torch.fft.fft(image, dim=2) * gains[:, None], dim=2).real
    assert torch.allclose(apply_along(image, line_filter(gains), 0), expected, atol=1e-6)


def test_motion_puts_k_space_together_as_torchio_does() -> None:
    # Shifts by whole voxels of an object in the dark need no interpolation.
    image = torch.zeros(1, 16, 18, 20)
    image[0, 5:11, 6:12, 6:14] = draw(6, 6, 8)
    shifts, times = [(2, 0, 0), (0, -1, 0), (0, 0, 3)], np.array([0.2, 0.45, 0.8])
    there = tio.Motion(np.zeros((3, 3)), np.array(shifts, dtype=float), times, "linear")(image)
    poses = [torch.roll(image[0], (shift[0], shift[1], -shift[2]), (0, 1, 2)) for shift in shifts]
    # TorchIO lets the pose before the middle of k-space, here the second move's, change places with no move at all.
    order = torch.stack([poses[1], poses[0], image[0], poses[2]])
    ours = combine_poses(order.movedim(3, 2), torch.tensor(times, dtype=torch.float32)).movedim(1, 2)
    assert torch.allclose(ours, there[0], atol=1e-5)


def test_poses_share_all_lines_and_each_has_its_own() -> None:
    gains = select_lines(torch.tensor([0.25, 0.5]), 8)
    assert gains.sum(dim=0).tolist() == [1.0] * 8
    assert torch.fft.fftshift(gains, dim=1).tolist() == [[1, 1] + [0] * 6, [0, 0, 1, 1] + [0] * 4, [0] * 4 + [1] * 4]


def test_a_move_just_after_half_of_the_time_may_still_come_before_the_middle_line() -> None:
    times = torch.tensor([0.2, 0.51, 0.7])
    assert find_first_lines(times, 48).tolist() == [9, 24, 33]
    assert select_lines(times, 48)[:, 0].tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize("size", [32, 48, 35])
def test_motion_leaves_the_object_where_its_label_is(size: int) -> None:
    # The middle line of k-space holds the sum of every line of the image: it is the one of the pose without a move.
    image = torch.full((1, 1, size, size), 0.4)
    image[:, :, size // 3 : size // 2, size // 4 : size // 2] = 0.6
    generators = [corruption_generator(f"case {i}", "motion", 1, 0) for i in range(200)]
    moved = corrupt(image.expand(200, -1, -1, -1), torch.zeros(200, size, size).byte(), "motion", 15.0, generators)[0]
    lines = [moved.sum(dim=axis + 2)[:, 0] - image.sum(dim=axis + 2)[:, 0] for axis in range(2)]
    nearer = torch.stack([line.abs().mean(dim=1) for line in lines]).amin(dim=0)
    assert nearer.max() < 1e-3


def test_an_image_that_looks_the_same_in_all_poses_stays_as_it_is() -> None:
    image = torch.full((2, 1, 24, 20, 16), 0.4)
    assert torch.allclose(degrade(image, "motion", 6.0), image, atol=1e-5)


@pytest.mark.parametrize("name", ["motion", "ghosting", "kspace_spike"])
def test_channels_suffer_alike(name: str) -> None:
    image = draw(3, 1, 32, 24).expand(-1, 2, -1, -1)
    after = degrade(image, name, 0.5)
    assert torch.allclose(after[:, 0], after[:, 1], atol=1e-6)
