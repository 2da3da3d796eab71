"""One image in several kinds of file has one score, on the grid of the file and in a bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from paretoseg.trainables.data.nnunet import NnunetConfig
from paretoseg.trainables.data.raw_images import Preparation, prepare_file
from paretoseg.trainables.evaluation.measuring import measure
from paretoseg.trainables.export.bundle import configure, describe
from paretoseg.trainables.export.bundle_inference import list_images
from paretoseg.trainables.export.bundle_transforms import PrepareImage
from paretoseg.trainables.export.proof import copy_image
from paretoseg.trainables.scoring.battery import Battery
from paretoseg.trainables.scoring.measures import Scoring
from paretoseg.trainables.trainable import CaseScore
from tests.trainables import exports
from tests.trainables.nnunet_files import SPACING_MM, write_nnunet


class Slope(nn.Module):
    """Foreground where the image is brighter than a plane that rises along every axis: no turn or mirror is alike."""

    def forward(self, images: Tensor) -> Tensor:
        plane = sum(
            torch.linspace(0, part, extent).reshape([-1 if one == axis else 1 for one in range(3)])
            for axis, (extent, part) in enumerate(zip(images.shape[2:], (0.1, 0.3, 0.6), strict=True))
        )
        assert isinstance(plane, Tensor)
        return torch.cat((plane.expand_as(images), images), dim=1)


def measure_rows(root: Path) -> tuple[CaseScore, ...]:
    config = NnunetConfig(root=str(root), cache=str(root.parent / "cache"), spacing_mm=[1.2, 1.6, 1.1])
    dataset = config.load()
    scoring = Scoring(dataset.class_names, dataset.spacing_mm)
    battery = Battery.of(["gaussian_noise"], [3], seed=0)
    return measure(Slope(), dataset.all_cases, battery, window=(16, 16, 16), scoring=scoring).rows


def test_scores_on_the_grid_of_the_file_are_the_same_in_every_kind_of_file(tmp_path: Path) -> None:
    expected = measure_rows(write_nnunet(tmp_path / "nii", ".nii.gz"))
    assert len({row.value for row in expected}) > 6
    for ending in (".nrrd", ".mha"):
        assert measure_rows(write_nnunet(tmp_path / ending, ending)) == expected


@pytest.mark.parametrize(("ending", "channels"), [(".nrrd", 1), (".mhd", 2), (".tif", 2)])
def test_a_bundle_prepares_every_kind_of_file_as_the_dataset_does(tmp_path: Path, ending: str, channels: int) -> None:
    config = NnunetConfig(
        root=str(write_nnunet(tmp_path / "data", ending, channels=channels)), cache=str(tmp_path / "cache")
    )
    dataset = config.load()
    case = dataset.test[0]
    preparation = Preparation(config.preprocessing, dataset.spacing_mm, config.count_files_per_image())
    (tmp_path / "inbox").mkdir()
    copy_image(config.find_image(case.name), tmp_path / "inbox", preparation.files_per_image)
    files = configure(exports.draw(3, channels), preparation)["files"]
    [file] = list_images(str(tmp_path / "inbox"), files["suffixes"])
    prepare = PrepareImage(preparation.settings, preparation.spacing_mm, channels, preparation.files_per_image)
    item = prepare({"image": file})
    assert np.array_equal(item["image"].numpy(), case.image)
    assert item["image"].meta["filename_or_obj"] == str(tmp_path / "inbox" / f"case{ending}")


def test_a_stack_of_another_spacing_is_resampled_to_that_of_the_training(tmp_path: Path) -> None:
    root = write_nnunet(tmp_path / "data", ".tif")
    settings = NnunetConfig(root=str(root)).preprocessing
    image, placed = prepare_file(root / "imagesTr" / "c0_0000.tif", Preparation(settings, (1.5, 1.6, 2.0)), 1)
    assert image.shape == (1, 8, 5, 12)
    assert placed.placement.spacing_mm == SPACING_MM


def test_a_later_channel_alone_is_refused(tmp_path: Path) -> None:
    root = write_nnunet(tmp_path / "data", channels=2)
    preparation = Preparation(NnunetConfig(root=str(root)).preprocessing, SPACING_MM, 2)
    with pytest.raises(ValueError, match=r"c0_0001\.nii\.gz' must be the first of 2 channels, as CASE_0000\.nii\.gz"):
        prepare_file(root / "imagesTr" / "c0_0001.nii.gz", preparation, 2)


def test_a_bundle_names_what_reads_volumes() -> None:
    preparation = Preparation(NnunetConfig().preprocessing, SPACING_MM, 2)
    model = exports.build_model(exports.draw(3, 2), preparation=preparation)
    assert {"simpleitk", "nibabel", "tifffile"} <= describe(model)["required_packages_version"].keys()
