"""nnU-Net's raw format is read as it lies, in every kind of file, and every mistake is named at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paretoseg.trainables.data.nnunet import NnunetConfig
from tests.trainables.data_files import draw_mask, draw_picture
from tests.trainables.nnunet_files import SHAPE, SPACING_MM, write_image, write_nnunet

VOLUMES = [".nii.gz", ".nii", ".nrrd", ".mha", ".mhd"]


def config_of(root: Path, **changes: Any) -> NnunetConfig:
    return NnunetConfig(root=str(root), cache=str(root.parent / "cache"), **changes)


@pytest.mark.parametrize("ending", VOLUMES)
def test_a_volume_is_the_same_case_in_every_kind_of_file(tmp_path: Path, ending: str) -> None:
    config, other = (config_of(write_nnunet(tmp_path / kind, kind)) for kind in (ending, ".nii.gz"))
    assert config.findings() == []
    dataset, expected = config.load(), other.load()
    assert dataset.spacing_mm == expected.spacing_mm == (1.5, 2.0, 0.8)  # turned to RAS
    assert [case.name for case in dataset.all_cases] == [case.name for case in expected.all_cases]
    for case, same in zip(dataset.all_cases, expected.all_cases, strict=True):
        assert np.array_equal(case.image, same.image)
        assert np.array_equal(case.label, same.label)


def test_files_of_channels_become_channels_in_their_order(tmp_path: Path) -> None:
    config = config_of(write_nnunet(tmp_path / "data", channels=3), intensity="window", window=[-300.0, 1500.0])
    assert config.findings() == []
    dataset = config.load()
    assert (dataset.num_channels, config.count_files_per_image()) == (3, 3)
    for case in dataset.all_cases:
        for channel in range(3):
            drawn = draw_picture(10 * int(case.name[1:]) + channel, SHAPE).astype(np.int16) * 7 - 300
            expected = ((drawn + 300) / 1800).clip(0.0, 1.0)
            assert np.allclose(np.sort(case.image[channel].reshape(-1)), np.sort(expected.reshape(-1)), atol=1e-6)


@pytest.mark.parametrize("ending", [".png", ".bmp", ".tif"])
def test_pictures_in_grey_and_in_colour(tmp_path: Path, ending: str) -> None:
    grey = config_of(write_nnunet(tmp_path / "grey", ending, shape=(20, 30)))
    assert grey.findings() == []
    assert grey.load().spatial_dims == 2
    names = {"0": "R", "1": "G", "2": "B"}
    colour = write_nnunet(tmp_path / "colour", ending, shape=(20, 30), channel_names=names)
    for number in range(3):
        write_image(colour / "imagesTr" / f"c{number}_0000{ending}", draw_picture(number, (20, 30, 3)))
    config = config_of(colour)
    assert config.findings() == []
    assert (config.load().num_channels, config.count_files_per_image()) == (3, 1)


def test_a_stack_in_a_tiff_has_the_spacing_of_the_file_beside_it(tmp_path: Path) -> None:
    config = config_of(write_nnunet(tmp_path / "data", ".tif"))
    assert config.findings() == []
    dataset = config.load()
    assert dataset.spacing_mm == SPACING_MM
    [case] = [case for case in dataset.all_cases if case.name == "c2"]
    assert np.array_equal(np.rint(case.image[0] * 255), draw_picture(20, SHAPE))  # 8 bit: by its range, unchanged
    before = {row.case: row.image_sha256 for row in config.split_rows()}
    (tmp_path / "data" / "imagesTr" / "c2.json").write_text('{"spacing": [1, 1, 1]}')
    after = {row.case: row.image_sha256 for row in config.split_rows()}
    assert {name for name in before if before[name] != after[name]} == {"c2"}
    assert any("case 'c2' has spacing [1,1,1] mm, most have [1.5,0.8,2]" in line for line in config.findings())
    (tmp_path / "data" / "imagesTr" / "c2.json").write_text('{"spacing": [1, 1]}')
    assert any("c2.json' must hold three edges in millimetres" in line for line in config.findings())


def test_a_fold_gives_test_cases_and_leaves_validation_to_the_search(tmp_path: Path) -> None:
    root = write_nnunet(tmp_path / "data", count=6)
    folds = [
        {"train": ["c0", "c1", "c2", "c3"], "val": ["c4", "c5"]},
        {"train": ["c2", "c3", "c4", "c5"], "val": ["c0", "c1"]},
    ]
    (root / "splits_final.json").write_text(json.dumps(folds))
    for fold in (0, 1):
        dataset = config_of(root, fold=fold).load()
        assert {case.name for case in dataset.test} == set(folds[fold]["val"])
        used = {case.name for case in (*dataset.train, *dataset.validation)}
        assert used == set(folds[fold]["train"])
        assert dataset.validation
    (tmp_path / "elsewhere.json").write_text(json.dumps(folds[::-1]))
    dataset = config_of(root, fold=0, splits=str(tmp_path / "elsewhere.json")).load()
    assert {case.name for case in dataset.test} == {"c0", "c1"}


def test_another_root_is_a_shift_set(tmp_path: Path) -> None:
    root = write_nnunet(tmp_path / "data", count=5)
    (root / "splits_final.json").write_text(json.dumps([{"train": ["c0", "c1", "c2"], "val": ["c3", "c4"]}]))
    site = write_nnunet(tmp_path / "site", ".mha", count=2)
    for number in range(2):
        write_image(site / "imagesTr" / f"c{number}_0000.mha", draw_picture(99 + number, SHAPE).astype(np.int16))
    config = config_of(root, fold=0, shift=[str(site)])
    assert config.findings() == []
    assert {case.name for case in config.load().shift["site"]} == {"site/c0", "site/c1"}


def test_everything_wrong_in_the_list_is_found_at_once(tmp_path: Path) -> None:
    root = write_nnunet(
        tmp_path / "data",
        file_ending=".niigz",
        channel_names={"1": "T1"},
        labels={"background": 0, "organ": 2},
        numTraining="five",
    )
    lines = "\n".join(config_of(root).findings())
    assert "channel_names must be numbered 0, 1 and so on, got 1" in lines
    assert "labels must name the values 0 (background), 1 and so on without gaps" in lines
    assert "file_ending must be one of .nii.gz, .nii, .nrrd, .mha, .mhd, .png" in lines
    assert "numTraining must be a number, got 'five'" in lines


def test_everything_wrong_with_the_files_is_found_at_once(tmp_path: Path) -> None:
    root = write_nnunet(tmp_path / "data", count=7, channels=2)
    images, labels = root / "imagesTr", root / "labelsTr"
    (images / "c0_0001.nii.gz").unlink()
    (labels / "c1.nii.gz").unlink()
    (images / "c2_0000.nii.gz").rename(images / "c2.nii.gz")
    write_image(images / "c3_0002.nii.gz", draw_picture(0, SHAPE))
    write_image(images / "c8_0000.mha", draw_picture(0, SHAPE))
    write_image(labels / "c4.nii.gz", draw_mask(SHAPE, value=7))
    write_image(images / "c5_0001.nii.gz", draw_picture(0, SHAPE), np.diag([1.0, 1.0, 1.0, 1.0]))
    write_image(images / "c6_0000.nii.gz", draw_picture(0, (8, 10, 1)))
    write_image(images / "c6_0001.nii.gz", draw_picture(1, (8, 10, 1)))
    write_image(labels / "c6.nii.gz", draw_mask((8, 10, 1)))
    (root / "splits_final.json").write_text(json.dumps([{"train": ["c3", "c9"], "val": ["c4"]}]))
    lines = "\n".join(config_of(root, fold=0).findings())
    assert "unknown case 'c3'" not in lines  # it is there, and wrong in another way
    for words in (
        "case 'c0' in '" + str(images) + "' lacks channel 0001 of 2; add the files",
        "case 'c1' has no labelsTr/c1.nii.gz; add it",
        "c2.nii.gz' lacks the number of its channel; rename it, as 'c2_0000.nii.gz'",
        "case 'c3' in '" + str(images) + "' has channel 0002, but channel_names has 2",
        "c8_0000.mha' does not end in '.nii.gz', the file_ending of dataset.json",
        "c4.nii.gz' has values 7 outside the classes 0..1",
        "c5_0001.nii.gz' lies elsewhere in space",
        "c6_0000.nii.gz' has shape (8, 10, 1): a single slice is no volume",
        "numTraining says 7, but 6 cases have image and label",
        "splits_final.json', fold 0: unknown case 'c9'",
        "splits_final.json', fold 0: case 'c0' is missing",
    ):
        assert words in lines


def test_a_list_of_the_decathlon_and_a_missing_one_say_what_to_do(tmp_path: Path) -> None:
    root = write_nnunet(tmp_path / "data", count=5)
    assert any("splits_final.json' is missing; copy it there" in line for line in config_of(root, fold=3).findings())
    (root / "splits_final.json").write_text(json.dumps([{"train": ["c0", "c1", "c2", "c3"], "val": ["c4"]}]))
    assert any("has the folds 0 to 0, so there is no data.fold=3" in one for one in config_of(root, fold=3).findings())
    (root / "dataset.json").write_text(json.dumps({"labels": {}, "training": [], "modality": {}}))
    assert any("use data=decathlon" in line for line in config_of(root).findings())
    (root / "dataset.json").unlink()
    assert any("must be a folder as nnUNet_raw/Dataset001_Name" in line for line in config_of(root).findings())
