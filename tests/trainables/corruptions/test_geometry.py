"""Movements: known places, and the same numbers as in MONAI and TorchIO."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torchio as tio
from monai.transforms import Affine
from scipy import ndimage

from paretoseg.trainables.corruptions.draws import draw_directions
from paretoseg.trainables.corruptions.geometry import deform, spline_matrix
from paretoseg.trainables.corruptions.grids import unit_grids
from paretoseg.trainables.corruptions.plane_maps import from_planes, rotate_and_shift, to_planes
from paretoseg.trainables.corruptions.table import corrupt, corruption_generator

pytestmark = pytest.mark.usefixtures("plain_tensors")


def draw(*shape: int) -> torch.Tensor:
    noise = torch.rand(shape, generator=torch.Generator().manual_seed(0)).numpy()
    smooth = ndimage.gaussian_filter(noise, [0, 0, *[1.5] * (len(shape) - 2)])
    return torch.from_numpy((smooth - smooth.min()) / (smooth.max() - smooth.min()))


def inside(num: int, num_axes: int) -> tuple[slice, ...]:
    return (..., *[slice(num, -num)] * num_axes)


@pytest.mark.parametrize("size", [(40, 40), (41, 24)])
def test_a_rotation_is_that_of_monai(size: tuple[int, int]) -> None:
    image, angle = draw(1, 2, *size), 0.3
    for mode in ("bilinear", "nearest"):
        there = Affine(rotate_params=angle, mode=mode, padding_mode="reflection", image_only=True)(image[0])
        ours = rotate_and_shift(image, torch.tensor([angle]), torch.zeros(1, 2), mode=mode)[0]
        assert (ours - torch.as_tensor(there)).abs().gt(1e-3).float().mean() < 0.002


def test_a_rotation_in_a_plane_of_a_volume_is_that_of_torchio() -> None:
    image = draw(1, 1, 32, 30, 12)
    there = tio.Affine((1, 1, 1), (0, 0, 20), (0, 0, 0))(image[0])
    planes = to_planes(image, (0, 1))
    turned = rotate_and_shift(planes, torch.tensor([-math.radians(20)]), torch.zeros(1, 2))
    ours = from_planes(turned, (0, 1), tuple(image.shape))[0]
    assert (ours - there)[:, 8:-8, 8:-8].abs().max() < 1e-3


@pytest.mark.parametrize("plane", [(0, 1), (2, 0), (1, 2)])
def test_planes_are_put_back_where_they_were(plane: tuple[int, int]) -> None:
    image = draw(2, 2, 5, 6, 7)
    assert torch.equal(from_planes(to_planes(image, plane), plane, tuple(image.shape)), image)


def test_a_shift_by_whole_pixels_goes_where_it_is_said_and_mirrors_the_border() -> None:
    image = draw(1, 1, 10, 12)
    after = rotate_and_shift(image, torch.zeros(1), torch.tensor([[2.0, -3.0]]))
    assert torch.allclose(after[..., 2:, :-3], image[..., :-2, 3:], atol=1e-5)
    assert torch.allclose(after[..., 1, :-3], image[..., 0, 3:], atol=1e-5)


@pytest.mark.parametrize("shape", [(24, 20), (18, 16, 20)])
def test_scaling_is_that_of_scipy(shape: tuple[int, ...]) -> None:
    images = draw(1, 1, *shape).expand(8, *[-1] * (1 + len(shape)))
    labels = (images[:, 0] > 0.5).to(torch.uint8)
    generators = [corruption_generator(f"case {i}", "scaling", 1, 0) for i in range(8)]
    after, moved = corrupt(images, labels, "scaling", 1.27, generators)
    middle = (np.array(shape) - 1) / 2
    expected = {
        factor: [
            ndimage.affine_transform(
                array.numpy(), np.full(len(shape), 1 / factor), middle - middle / factor, order=order, mode="reflect"
            )
            for array, order in ((images[0, 0], 1), (labels[0], 0))
        ]
        for factor in (1.27, 1 / 1.27)
    }
    found = set()
    for image, label in zip(after, moved, strict=True):
        for factor, (there, label_there) in expected.items():
            if np.allclose(image[0].numpy(), there, atol=1e-4):
                found.add(factor)
                assert (label.numpy() != label_there).mean() < 0.01
    assert found == {1.27, 1 / 1.27}


def move(images: torch.Tensor, name: str, strength: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Images and labels after a corruption with the draws of cases 0, 1, ..."""
    generators = [corruption_generator(f"case {i}", name, 1, 0) for i in range(len(images))]
    return corrupt(images, (images[:, 0] > 0.5).to(torch.uint8), name, strength, generators)


def difference(one: torch.Tensor, other: torch.Tensor) -> float:
    """The largest one away from the border, beyond which libraries look for different things."""
    within = inside(one.shape[-1] // 4, one.ndim - 1)
    return float((one.float() - torch.as_tensor(other).float())[within].abs().max())


@pytest.mark.parametrize("shape", [(32, 28), (32, 28, 24)])
def test_scaling_is_that_of_monai_and_torchio(shape: tuple[int, ...]) -> None:
    image, num_axes = draw(1, 1, *shape), len(shape)
    after, _ = move(image.expand(8, *image.shape[1:]), "scaling", 1.2)
    found = set()
    for ours in after:
        for factor in (1.2, 1 / 1.2):
            there = Affine(scale_params=(1 / factor,) * num_axes, padding_mode="reflection", image_only=True)(image[0])
            if difference(ours, there) > 1e-3:
                continue
            found.add(factor)
            volume = image[0] if num_axes == 3 else image[0][..., None]
            scales = (factor,) * num_axes if num_axes == 3 else (factor, factor, 1.0)
            assert difference(ours, tio.Affine(scales, (0, 0, 0), (0, 0, 0))(volume).reshape(ours.shape)) < 1e-3
    assert found == {1.2, 1 / 1.2}


@pytest.mark.parametrize("shape", [(32, 28), (32, 28, 24)])
def test_a_translation_is_that_of_monai_and_torchio(shape: tuple[int, ...]) -> None:
    image, num_axes = draw(1, 1, *shape), len(shape)
    ours, label = move(image, "translation", 0.1)
    (direction,) = draw_directions([corruption_generator("case 0", "translation", 1, 0)], num_axes).tolist()
    shift = [0.1 * part * extent for part, extent in zip(direction, shape, strict=True)]
    for moved, before, mode in ((ours[0], image[0], "bilinear"), (label, (image[0] > 0.5).float(), "nearest")):
        there = Affine(
            translate_params=[-part for part in shift], mode=mode, padding_mode="reflection", image_only=True
        )(before)
        assert (moved - torch.as_tensor(there))[inside(6, num_axes)].abs().gt(1e-3).float().mean() < 0.005
    volume = image[0] if num_axes == 3 else image[0][..., None]
    millimetres = (shift[0], shift[1], shift[2] if num_axes == 3 else 0.0)
    assert difference(ours[0], tio.Affine((1, 1, 1), (0, 0, 0), millimetres)(volume).reshape(ours[0].shape)) < 1e-3


def test_translation_has_the_length_that_its_strength_names() -> None:
    places = torch.arange(64.0) / 64
    ramps = torch.stack(torch.meshgrid(places, places, indexing="ij"))[None].expand(20, -1, -1, -1)
    generators = [corruption_generator(f"case {i}", "translation", 1, 0) for i in range(20)]
    after, _ = corrupt(ramps, torch.ones(20, 64, 64, dtype=torch.uint8), "translation", 0.1, generators)
    moved = (after - ramps)[:, :, 32, 32]
    assert moved.norm(dim=1).tolist() == pytest.approx([0.1] * 20, abs=1e-4)
    assert moved.mean(dim=0).norm() < 0.06


@pytest.mark.parametrize("size", [16, 33])
def test_the_weights_of_a_spline_add_up_to_one_and_keep_lines(size: int) -> None:
    matrix = spline_matrix(size)
    assert torch.allclose(matrix.sum(dim=1), torch.ones(size), atol=1e-6)
    places = (torch.arange(size) + 0.5) / size * 4
    assert torch.allclose(matrix @ torch.arange(-1.0, 6.0), places, atol=1e-5)


def test_a_deformation_is_that_of_torchio() -> None:
    shape = (32, 28, 24)
    image = draw(1, 1, *shape)
    label = (image[:, 0] > 0.5).to(torch.uint8)
    shifts = 1.5 * (2 * torch.rand(7, 7, 7, 3, generator=torch.Generator().manual_seed(3)) - 1)
    subject = tio.Subject(image=tio.ScalarImage(tensor=image[0]), label=tio.LabelMap(tensor=label))
    there = tio.ElasticDeformation(shifts.numpy(), (1.5, 1.5, 1.5))(subject)
    # TorchIO counts in millimetres to the left, to the back and up: two axes run the other way.
    control = (shifts * torch.tensor([-1.0, -1.0, 1.0])).flip(0, 1) / torch.tensor(shape)
    ours, moved = deform(image, label, control.movedim(3, 0)[None], unit_grids(image))
    assert (ours[0] - there.image.data)[inside(4, 3)].abs().max() < 0.003
    assert (moved != there.label.data.to(torch.uint8))[inside(4, 3)].float().mean() < 0.005


def test_what_an_elastic_deformation_pushes_beyond_the_border_is_mirrored() -> None:
    image = torch.arange(64.0).expand(1, 1, 64, 64) / 64
    control = torch.zeros(1, 2, 7, 7)
    control[:, 1] = -0.125  # everything comes from 8 pixels further left
    after, _ = deform(image, torch.zeros(1, 64, 64, dtype=torch.uint8), control, unit_grids(image))
    assert torch.allclose(after[0, 0, 5, 8:], image[0, 0, 5, :-8], atol=1e-5)
    assert torch.allclose(after[0, 0, 5, :8], image[0, 0, 5, :8].flip(0), atol=1e-5)


def test_nothing_folds_at_the_strongest_elastic_deformation_that_makes_sense() -> None:
    ramps = torch.stack(torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij"))[None] / 64
    control = 0.1 * (2 * torch.rand(20, 2, 7, 7, generator=torch.Generator().manual_seed(0)) - 1)
    after, _ = deform(
        ramps.expand(20, -1, -1, -1), torch.zeros(20, 64, 64, dtype=torch.uint8), control, unit_grids(ramps)
    )
    within = after[..., 16:-16, 16:-16]
    down, right = within.diff(dim=2)[..., :-1], within.diff(dim=3)[..., :-1, :]
    determinant = down[:, 0] * right[:, 1] - down[:, 1] * right[:, 0]
    assert determinant.min() > 0
