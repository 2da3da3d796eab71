"""Masks have the format and the geometry of their image."""

from __future__ import annotations

import io
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
import tifffile
from PIL import Image

from paretoseg.trainables.data.image_files import read_image
from paretoseg.trainables.export.mask_files import (
    encode_mask,
    encode_probabilities,
    kind_of,
    measure_voxel_ml,
    name_mask,
    name_probabilities,
    stem_of_image,
)

AFFINE = np.array([[0, 0, -1.5, 30], [0.5, 0, 0, -20], [0, 0.8, 0, 10], [0, 0, 0, 1]])
MASK = np.arange(24, dtype=np.uint8).reshape(2, 3, 4) % 3


def write_scan(path: Path, kind: type = nibabel.Nifti1Image) -> Path:
    header = kind.header_class()
    header.set_xyzt_units("mm", "sec")
    header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"Jane Doe"))
    image = kind((MASK * 7).astype(np.int16), None, header)
    image.set_sform(AFFINE, code="scanner")
    image.set_qform(AFFINE, code="scanner")
    image.header["cal_max"] = 900.0
    nibabel.save(image, path)
    return path


def read_back(content: bytes, path: Path) -> nibabel.Nifti1Image:
    path.write_bytes(content)
    return nibabel.load(path)


@pytest.mark.parametrize(
    ("image", "mask", "probabilities"),
    [
        ("a.b.nii.gz", "a.b_mask.nii.gz", "a.b_probabilities.nii.gz"),
        ("Scan.NII", "Scan_mask.nii", "Scan_probabilities.nii"),
        ("x.png", "x_mask.png", "x_probabilities.npy"),
        ("x.JPG", "x_mask.png", "x_probabilities.npy"),
        ("x.tiff", "x_mask.tiff", "x_probabilities.npy"),
        ("x.npy", "x_mask.npy", "x_probabilities.npy"),
        ("x_0000.nii.gz", "x_mask.nii.gz", "x_probabilities.nii.gz"),
        ("x.mhd", "x_mask.mha", "x_probabilities.mha"),
    ],
)
def test_names_keep_the_ending_unless_it_would_blur_classes(image: str, mask: str, probabilities: str) -> None:
    stem = stem_of_image(Path(image), has_several=True)
    assert name_mask(Path(image), stem) == mask
    assert name_probabilities(Path(image), stem) == probabilities


def test_a_numbered_image_keeps_its_number_unless_every_channel_has_a_file() -> None:
    assert stem_of_image(Path("frame_0000.png")) == "frame_0000"
    assert stem_of_image(Path("frame_0000.png"), has_several=True) == "frame"


def test_an_unknown_kind_has_no_ending() -> None:
    assert kind_of("scan.dcm") == ""
    assert kind_of("scan.NPY") == ".npy"


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_volumes_mask_lies_where_the_volume_lies_and_names_no_patient(
    tmp_path: Path, kind: type, ending: str
) -> None:
    scan = write_scan(tmp_path / f"scan{ending}", kind)
    found = read_back(encode_mask(MASK, scan), tmp_path / f"mask{ending}")
    assert type(found) is kind
    assert found.get_data_dtype() == np.uint8
    assert np.array_equal(np.asarray(found.dataobj), MASK)
    for name in ("sform", "qform"):
        affine, code = getattr(found, f"get_{name}")(coded=True)
        assert np.allclose(affine, AFFINE, atol=1e-6)
        assert code == 1
    assert found.header.get_xyzt_units() == ("mm", "sec")
    assert not found.header.extensions
    assert found.header["cal_max"] == 0.0


def test_a_volumes_probabilities_have_the_classes_last(tmp_path: Path) -> None:
    shares = np.random.default_rng(0).random((3, *MASK.shape), dtype=np.float32)
    scan = write_scan(tmp_path / "scan.nii.gz")
    found = read_back(encode_probabilities(shares, scan), tmp_path / "shares.nii.gz")
    assert found.get_data_dtype() == np.float32
    assert np.array_equal(np.moveaxis(np.asarray(found.dataobj), -1, 0), shares)
    assert np.allclose(found.affine, AFFINE, atol=1e-6)


@pytest.mark.parametrize("ending", [".png", ".bmp", ".jpg"])
def test_a_pictures_mask_holds_class_numbers(tmp_path: Path, ending: str) -> None:
    picture = tmp_path / f"x{ending}"
    Image.fromarray(np.zeros((6, 4, 3), np.uint8)).save(picture, dpi=(300, 300))
    with Image.open(io.BytesIO(encode_mask(MASK.reshape(6, 4), picture))) as found:
        assert found.mode == "L"
        assert np.array_equal(np.asarray(found), MASK.reshape(6, 4))
        assert found.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_a_tiffs_mask_keeps_the_size_of_its_pixels(tmp_path: Path) -> None:
    picture = tmp_path / "x.tif"
    tifffile.imwrite(picture, np.zeros((6, 4), np.uint16), resolution=(20000, 20000), resolutionunit="CENTIMETER")
    with tifffile.TiffFile(io.BytesIO(encode_mask(MASK.reshape(6, 4), picture))) as found:
        assert np.array_equal(found.asarray(), MASK.reshape(6, 4))
        assert found.asarray().dtype == np.uint8
        numerator, denominator = found.pages.first.tags["XResolution"].value
        assert numerator / denominator == 20000
        assert found.pages.first.tags["ResolutionUnit"].value == 3


def test_an_arrays_mask_and_probabilities_are_arrays(tmp_path: Path) -> None:
    image = tmp_path / "x.npy"
    assert np.array_equal(np.load(io.BytesIO(encode_mask(MASK, image))), MASK)
    shares = np.ones((2, 3, 4), np.float32)
    assert np.array_equal(np.load(io.BytesIO(encode_probabilities(shares, image))), shares)


def test_a_voxel_has_a_volume_and_a_pixel_none(tmp_path: Path) -> None:
    assert measure_voxel_ml(write_scan(tmp_path / "scan.nii.gz")) == pytest.approx(1.5 * 0.5 * 0.8 / 1000)
    assert measure_voxel_ml(Path("x.png")) is None


@pytest.mark.parametrize("ending", [".nrrd", ".mha", ".mhd"])
def test_the_mask_of_a_volume_of_itk_is_read_back_on_its_grid(tmp_path: Path, ending: str) -> None:
    source = SimpleITK.GetImageFromArray(MASK.transpose(2, 1, 0).astype(np.int16))
    source.SetSpacing((0.5, 0.8, 1.5))
    source.SetOrigin((-30.0, 20.0, 10.0))
    source.SetDirection((0, -1, 0, 1, 0, 0, 0, 0, 1))
    image = tmp_path / f"scan{ending}"
    SimpleITK.WriteImage(source, str(image))
    mask = tmp_path / "out" / name_mask(image, stem_of_image(image))
    mask.parent.mkdir()
    mask.write_bytes(encode_mask(MASK, image))
    assert mask.name == f"scan_mask{'.mha' if ending == '.mhd' else ending}"
    before, found = read_image(image), read_image(mask)
    assert np.array_equal(found.array[0], MASK)
    assert found.affine is not None
    assert np.allclose(found.affine, before.affine)
    assert measure_voxel_ml(image) == pytest.approx(0.5 * 0.8 * 1.5 / 1000)
    shares = np.random.default_rng(0).random((3, *MASK.shape), dtype=np.float32)
    place = tmp_path / "out" / name_probabilities(image, stem_of_image(image))
    place.write_bytes(encode_probabilities(shares, image))
    assert np.array_equal(read_image(place).array, shares)
