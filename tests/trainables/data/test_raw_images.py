"""Raw files are prepared as the cases of their dataset, and answers come back to the grid of the file."""

from __future__ import annotations

from pathlib import Path

import nibabel
import nibabel.processing
import numpy as np
import pytest

from paretoseg.trainables.data.image_files import read_image
from paretoseg.trainables.data.preprocessing import Preprocessing, prepare
from paretoseg.trainables.data.raw_images import Preparation, prepare_file
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


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize(
    "settings",
    [
        Preprocessing(),
        Preprocessing(orientation="PIR", crop_foreground=True, intensity="window", window=[0.0, 300.0]),
        Preprocessing(spacing_mm=[0.5, 0.5, 0.5], crop_foreground=True, intensity="window", window=[0.0, 300.0]),
    ],
)
def test_a_file_is_prepared_as_its_case_and_labels_come_back_unchanged(
    tmp_path: Path, axes: str, settings: Preprocessing
) -> None:
    path, label = write(tmp_path, axes)
    expected = prepare(read_image(path), label, settings)
    image, placement = prepare_file(path, Preparation(settings, expected.spacing_mm), 1)
    assert np.array_equal(image, expected.image)
    assert np.array_equal(placement.restore(expected.label), label)


@pytest.mark.parametrize("axes", AXES)
def test_a_mask_comes_back_to_the_nearest_voxel_in_space_as_by_nibabel(tmp_path: Path, axes: str) -> None:
    path, _ = write(tmp_path, axes)
    settings = Preprocessing(spacing_mm=[1.3, 0.71, 2.6])  # no voxel lies half way between two
    image, placement = prepare_file(path, Preparation(settings, tuple(settings.spacing_mm)), 1)
    mask = draw_picture(2, image.shape[1:]) % 4
    turned = nibabel.as_closest_canonical(nibabel.load(path))
    factors = [old / new for old, new in zip(turned.shape, mask.shape, strict=True)]
    affine = turned.affine @ np.diag([*factors, 1.0])
    affine[:3, 3] = (turned.affine @ [*((factor - 1) / 2 for factor in factors), 1.0])[:3]
    expected = nibabel.processing.resample_from_to(
        nibabel.Nifti1Image(mask, affine), nibabel.load(path), order=0, mode="nearest"
    )
    restored = placement.restore(mask)
    assert restored.shape == SHAPE
    assert np.array_equal(restored, np.asarray(expected.dataobj))


def test_what_was_cropped_comes_back_as_the_value_outside(tmp_path: Path) -> None:
    path, _ = write(tmp_path, "LAS")
    settings = Preprocessing(crop_foreground=True, intensity="window", window=[0.0, 300.0])
    image, placement = prepare_file(path, Preparation(settings, (1.0, 2.0, 3.0)), 1)
    assert image.shape == (1, 7, 11, 15)
    restored = placement.restore(np.ones(image.shape[1:], np.float32), outside=-5.0)
    assert np.array_equal(restored == -5.0, np.asarray(nibabel.load(path).dataobj) == 0)


def test_a_file_of_another_spacing_is_brought_to_that_of_the_dataset(tmp_path: Path) -> None:
    path, _ = write(tmp_path, "RAS")
    image, placement = prepare_file(path, Preparation(Preprocessing(), (1.0, 1.0, 3.0)), 1)
    assert image.shape == (1, 9, 24, 15)
    assert placement.restore(image[0]).shape == SHAPE
    image, _ = prepare_file(path, Preparation(Preprocessing(), (1.005, 2.0, 3.0)), 1)
    assert image.shape == (1, *SHAPE)


def test_pictures_keep_their_axes_and_grey_ones_serve_as_colour(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "a.png", draw_picture(0))
    image, placement = prepare_file(path, Preparation(Preprocessing(), (1.0, 1.0)), 3)
    assert np.allclose(image, draw_picture(0) / 255)
    assert image.shape == (3, 20, 30)
    assert np.array_equal(placement.restore(draw_mask()), draw_mask())


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
