"""Raw files are prepared as the cases of their dataset, and answers come back to the grid of the file."""

from __future__ import annotations

from pathlib import Path

import nibabel
import nibabel.processing
import numpy as np
import pytest
import torch

from paretoseg.trainables.data.image_files import read_image
from paretoseg.trainables.data.preprocessing import Preprocessing, prepare
from paretoseg.trainables.data.raw_images import FilePlacement, Preparation, prepare_file
from paretoseg.trainables.evaluation.restoring import restore_mask, restore_probabilities
from tests.trainables.data_files import draw_mask, draw_picture, write_picture, write_volume

SHAPE = (9, 12, 15)
AXES = ["RAS", "LAS", "PIR", "SLP", "IPL"]


def affine_of(axes: str, edges_mm: tuple[float, ...] = (1.0, 2.0, 3.0)) -> np.ndarray:
    """Of voxels whose axes point so."""
    ornt = nibabel.orientations.axcodes2ornt(tuple(axes))
    affine = np.eye(4)
    affine[:3, :3] = 0.0
    for axis, (world, sign) in enumerate(ornt):
        affine[int(world), axis] = sign * edges_mm[axis]
    affine[:3, 3] = (5.0, -7.0, 11.0)
    assert nibabel.aff2axcodes(affine) == tuple(axes)
    return affine


def write(folder: Path, axes: str) -> tuple[Path, np.ndarray]:
    """A volume with dark margins, and labels on its grid."""
    array = draw_picture(0, SHAPE).astype(np.int16) + 100
    array[:2], array[:, -1] = 0, 0
    label = draw_picture(1, SHAPE) % 3
    label[:2], label[:, -1] = 0, 0
    return write_volume(folder / "raw.nii.gz", array, affine_of(axes)), label


def restore(found: FilePlacement, mask: np.ndarray) -> np.ndarray:
    """A certain mask on the prepared grid, brought back to the file."""
    logits = 20.0 * torch.nn.functional.one_hot(torch.from_numpy(mask).long(), 3).movedim(-1, 0)
    return found.turn_back(restore_mask(logits, found.placement).numpy())


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize(
    "settings",
    [
        Preprocessing(),
        Preprocessing(orientation="PIR", crop_foreground=True, intensity="window", window=[0.0, 300.0]),
        Preprocessing(spacing_mm=[1 / 3, 0.4, 0.6], crop_foreground=True, intensity="window", window=[0.0, 300.0]),
    ],
)
def test_a_file_is_prepared_as_its_case_and_labels_come_back_unchanged(
    tmp_path: Path, axes: str, settings: Preprocessing
) -> None:
    path, label = write(tmp_path, axes)
    expected = prepare(read_image(path), label, settings)
    image, placement = prepare_file(path, Preparation(settings, expected.spacing_mm), 1)
    assert np.array_equal(image, expected.image)
    assert np.array_equal(restore(placement, expected.label), label)


@pytest.mark.parametrize("axes", AXES)
def test_probabilities_come_back_to_the_grid_of_the_file_in_space_as_by_nibabel(tmp_path: Path, axes: str) -> None:
    path, _ = write(tmp_path, axes)
    settings = Preprocessing(spacing_mm=[1.3, 0.71, 2.6])
    image, found = prepare_file(path, Preparation(settings, tuple(settings.spacing_mm)), 1)
    share = (draw_picture(2, image.shape[1:]) / 255).astype(np.float32)
    logits = torch.from_numpy(np.log(np.stack([1 - share, share]).clip(1e-6)))
    turned = nibabel.as_closest_canonical(nibabel.load(path))
    affine, middles = turned.affine.copy(), [(np.array(one) - 1) / 2 for one in (turned.shape, share.shape)]
    factors = 1 / np.array(found.placement.steps)
    affine[:3, :3] *= factors
    affine[:3, 3] = turned.affine[:3, :3] @ (middles[0] - factors * middles[1]) + turned.affine[:3, 3]
    expected = nibabel.processing.resample_from_to(
        nibabel.Nifti1Image(share, affine), nibabel.load(path), order=1, mode="nearest"
    ).get_fdata()
    restored = found.turn_back(restore_probabilities(logits, found.placement)[1].numpy())
    assert restored.shape == SHAPE
    assert np.allclose(restored, expected, atol=1e-4)
    mask = found.turn_back(restore_mask(logits, found.placement).numpy())
    is_clear = np.abs(expected - 0.5) > 1e-3
    assert np.array_equal(mask[is_clear], (expected > 0.5)[is_clear])
    assert np.array_equal(found.turn_back(found.turn(mask)), mask)


def test_what_was_cropped_comes_back_as_background(tmp_path: Path) -> None:
    path, _ = write(tmp_path, "LAS")
    settings = Preprocessing(crop_foreground=True, intensity="window", window=[0.0, 300.0])
    image, placement = prepare_file(path, Preparation(settings, (1.0, 2.0, 3.0)), 1)
    assert image.shape == (1, 7, 11, 15)
    restored = restore(placement, np.ones(image.shape[1:], np.uint8))
    assert np.array_equal(restored == 0, np.asarray(nibabel.load(path).dataobj) == 0)


def test_a_file_of_another_spacing_is_brought_to_that_of_the_dataset(tmp_path: Path) -> None:
    path, _ = write(tmp_path, "RAS")
    image, placement = prepare_file(path, Preparation(Preprocessing(), (1.0, 1.0, 3.0)), 1)
    assert image.shape == (1, 9, 24, 15)
    assert restore(placement, np.ones(image.shape[1:], np.uint8)).shape == SHAPE
    image, _ = prepare_file(path, Preparation(Preprocessing(), (1.005, 2.0, 3.0)), 1)
    assert image.shape == (1, *SHAPE)


def test_pictures_keep_their_axes_and_grey_ones_serve_as_colour(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "a.png", draw_picture(0))
    image, placement = prepare_file(path, Preparation(Preprocessing(), (1.0, 1.0)), 3)
    assert np.allclose(image, draw_picture(0) / 255)
    assert image.shape == (3, 20, 30)
    assert np.array_equal(restore(placement, draw_mask()), draw_mask())


@pytest.mark.parametrize(
    ("array", "num_channels", "spacing_mm", "message"),
    [
        (np.zeros(SHAPE, np.int16), 1, (1.0, 1.0, 1.0), "cannot be prepared as in training"),
        (np.full(SHAPE, np.nan, np.float32), 1, (1.0, 1.0, 1.0), "NaN or infinite"),
        (draw_picture(0, SHAPE), 2, (1.0, 1.0, 1.0), r"must have 2 channel\(s\), got 1"),
        (draw_picture(0, SHAPE), 1, (1.0, 1.0), "must have 2 spatial axes"),
    ],
)
def test_a_file_unlike_those_of_the_dataset_is_refused_by_name(
    tmp_path: Path, array: np.ndarray, num_channels: int, spacing_mm: tuple[float, ...], message: str
) -> None:
    path = write_volume(tmp_path / "raw.nii.gz", array)
    with pytest.raises(ValueError, match=message) as error:
        prepare_file(path, Preparation(Preprocessing(), spacing_mm), num_channels)
    assert "raw.nii.gz" in str(error.value)
