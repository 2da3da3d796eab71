"""Files are read whole, with axes right, and those that are damaged are named."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import tifffile
from PIL import Image

from paretoseg.trainables.data.image_files import digest_of, read_image, read_label, stem_of
from tests.trainables.data_files import draw_picture, write_picture, write_volume


def test_a_picture_has_its_height_first_unlike_monais_reader(tmp_path: Path) -> None:
    from monai.transforms.io.array import LoadImage

    array = draw_picture(0, (20, 30))
    path = write_picture(tmp_path / "a.png", array)
    assert np.array_equal(read_image(path).array, array[np.newaxis])
    assert LoadImage(image_only=True)(path).shape == (30, 20)


def test_a_volume_has_the_axes_of_monais_reader(tmp_path: Path) -> None:
    from monai.transforms.io.array import LoadImage

    array = draw_picture(0, (5, 6, 7)).astype(np.int16)
    path = write_volume(tmp_path / "a.nii.gz", array)
    assert np.array_equal(read_image(path).array[0], LoadImage(image_only=True)(path).numpy())


def test_colours_and_modalities_become_channels(tmp_path: Path) -> None:
    colour = draw_picture(0, (20, 30, 3))
    assert np.array_equal(read_image(write_picture(tmp_path / "a.png", colour)).array, np.moveaxis(colour, -1, 0))
    volume = draw_picture(0, (5, 6, 7, 2))
    assert np.array_equal(read_image(write_volume(tmp_path / "a.nii", volume)).array, np.moveaxis(volume, -1, 0))


def test_opaque_transparency_is_left_out(tmp_path: Path) -> None:
    colour = draw_picture(0, (20, 30, 4))
    colour[..., 3] = 255
    assert read_image(write_picture(tmp_path / "a.png", colour)).array.shape == (3, 20, 30)
    colour[0, 0, 3] = 0
    assert read_image(write_picture(tmp_path / "b.png", colour)).array.shape == (4, 20, 30)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_tiff_keeps_its_type_and_values(tmp_path: Path, dtype: type) -> None:
    array = draw_picture(0, (20, 30, 3)).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb")
    read = read_image(tmp_path / "a.tif").array
    assert read.dtype == dtype
    assert np.array_equal(read, np.moveaxis(array, -1, 0))


def test_a_mask_with_a_palette_gives_its_indices(tmp_path: Path) -> None:
    indices = draw_picture(0) % 3
    picture = Image.fromarray(indices)
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    picture.save(tmp_path / "a.png")
    assert np.array_equal(read_label(tmp_path / "a.png").array[0], indices)
    assert read_image(tmp_path / "a.png").array.shape[0] == 3


def test_a_mask_in_colours_is_refused_and_a_grey_one_in_rgb_is_not(tmp_path: Path) -> None:
    grey = np.repeat(draw_picture(0)[..., np.newaxis], 3, axis=-1)
    assert np.array_equal(read_label(write_picture(tmp_path / "a.png", grey)).array[0], grey[..., 0])
    with pytest.raises(ValueError, match=r"b\.png': a label must have one value per pixel, got 3 channels"):
        read_label(write_picture(tmp_path / "b.png", draw_picture(0, (20, 30, 3))))


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "a.png", draw_picture(0))
    assert read_image(path).digest == digest_of(path)


def damage_truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def damage_flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-6] ^= 0xFF  # in the checksum that ends a gzip file
    path.write_bytes(content)


def damage_empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [damage_truncate, damage_flip, damage_empty])
def test_a_damaged_volume_is_named(tmp_path: Path, damage: object) -> None:
    path = write_volume(tmp_path / "a.nii.gz", draw_picture(0, (20, 20, 20)))
    damage(path)  # type: ignore[operator]
    with pytest.raises(ValueError, match=r"file '.*a\.nii\.gz' cannot be read \(.+\); copy it again"):
        read_image(path)


@pytest.mark.parametrize("damage", [damage_truncate, damage_empty])
def test_a_damaged_picture_is_named(tmp_path: Path, damage: object) -> None:
    path = write_picture(tmp_path / "a.png", draw_picture(0))
    damage(path)  # type: ignore[operator]
    with pytest.raises(ValueError, match=r"file '.*a\.png' cannot be read"):
        read_image(path)


def test_files_of_unknown_kind_and_missing_ones_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a\.mat' is of an unknown kind; known endings: \.nii\.gz"):
        read_image(tmp_path / "a.mat")
    with pytest.raises(ValueError, match=r"a\.png' is missing; put it there"):
        read_image(tmp_path / "a.png")


def test_a_volume_that_no_affine_places_is_refused(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(draw_picture(0, (4, 4, 4)), np.eye(4))
    image.header["sform_code"], image.header["qform_code"] = 1, 0
    image.header["srow_x"] = np.zeros(4)
    (tmp_path / "a.nii").write_bytes(image.to_bytes())
    content = bytearray((tmp_path / "a.nii").read_bytes())
    content[280:328] = bytes(48)  # all three rows of the affine
    (tmp_path / "a.nii").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.nii' cannot be read \(its affine is not invertible\)"):
        read_image(tmp_path / "a.nii")


def test_stems_lose_the_whole_ending() -> None:
    assert [stem_of(name) for name in ("a.nii.gz", "a.b.PNG", "a")] == ["a", "a.b", "a"]
