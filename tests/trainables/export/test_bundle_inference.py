"""MONAI's own command segments files of all kinds with a bundle, where nothing of ours can be imported."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from PIL import Image

from paretoseg.trainables.evaluation.measuring import predict
from paretoseg.trainables.export.bundle_inference import list_images
from paretoseg.trainables.export.proof import is_asymmetric
from tests.trainables import exports
from tests.trainables.bundle_runs import Monai, run_without_us, write


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no images"):
        list_images(str(tmp_path))


def test_images_that_would_share_a_mask_are_refused(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "a.png", "b.npy", "notes.txt"):
        (tmp_path / name).write_text("")
    with pytest.raises(SystemExit, match="'a' twice"):
        list_images(str(tmp_path))


@pytest.mark.slow
def test_pictures_arrays_and_volumes_give_one_mask_where_nothing_of_ours_can_be_imported(
    tmp_path: Path, monai: Monai
) -> None:
    network = write(tmp_path / "bundle", exports.draw())
    image = (exports.build_case(70, 110).image[0] * 255).astype(np.uint8)
    (tmp_path / "images").mkdir()
    Image.fromarray(image).save(tmp_path / "images" / "picture.png")
    np.save(tmp_path / "images" / "array.npy", image)
    nibabel.save(nibabel.Nifti1Image(image, np.diag([-0.5, -2.0, 1.0, 1.0])), tmp_path / "images" / "volume.nii.gz")
    refused = monai.run_bundle(tmp_path / "bundle", "--images", "images")
    assert refused.returncode == 1
    assert "intensities must lie in [0, 1] after scaling, got " in refused.stderr.splitlines()[-1]
    done = run_without_us(tmp_path / "bundle", "--images", "images", "--intensity_range", "[0,255]")
    assert done.returncode == 0, done.stderr
    expected = (
        predict(network, torch.from_numpy(image / np.float32(255))[None, None], (32, 32)).argmax(dim=1)[0].numpy()
    )
    assert is_asymmetric(expected)
    for name in ("picture", "array", "volume"):
        mask = nibabel.load(tmp_path / "masks" / f"{name}_mask.nii.gz")
        assert np.array_equal(np.asarray(mask.dataobj), expected), name
    assert np.allclose(mask.affine, np.diag([-0.5, -2.0, 1.0, 1.0]))


def test_a_colour_picture_keeps_its_axes_and_one_with_other_channels_is_refused(tmp_path: Path, monai: Monai) -> None:
    network = write(tmp_path / "bundle", exports.draw(in_channels=3))
    image = (exports.build_case(70, 110, in_channels=3).image * 255).astype(np.uint8)
    (tmp_path / "images").mkdir()
    Image.fromarray(np.moveaxis(image, 0, -1)).save(tmp_path / "images" / "picture.png")
    done = monai.run_bundle(tmp_path / "bundle", "--images", "images", "--intensity_range", "[0,255]")
    assert done.returncode == 0, done.stderr
    expected = predict(network, torch.from_numpy(image / np.float32(255))[None], (32, 32)).argmax(dim=1)[0].numpy()
    assert is_asymmetric(expected)
    assert np.array_equal(np.asarray(nibabel.load(tmp_path / "masks" / "picture_mask.nii.gz").dataobj), expected)
    Image.fromarray(np.moveaxis(image, 0, -1)).convert("RGBA").save(tmp_path / "images" / "picture.png")
    refused = monai.run_bundle(tmp_path / "bundle", "--images", "images", "--intensity_range", "[0,255]")
    assert refused.returncode == 1
    assert "must have 3 channel(s), got 4; convert the image" in refused.stderr.splitlines()[-1]
