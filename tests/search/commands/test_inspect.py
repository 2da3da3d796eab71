"""`paretoseg inspect`: what it shows and writes, and that a study keeps the same."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from paretoseg.search.commands.cli import main
from paretoseg.search.config.kept_plan import keep_plan
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.trainables.data.nnunet import NnunetConfig
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.toy import ToyConfig
from tests.trainables.data_files import draw_mask, draw_picture
from tests.trainables.nnunet_files import SHAPE, write_image, write_nnunet


def test_it_shows_and_writes_fingerprint_and_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_nnunet(tmp_path / "data", channel_names={"0": "CT"})
    for number in range(3):  # spacings that a search would refuse
        edges = np.diag([1.0, 1.0, 2.0 + number, 1.0])
        write_image(root / "imagesTr" / f"c{number}_0000.nii.gz", draw_picture(number, SHAPE).astype(np.int16), edges)
        write_image(root / "labelsTr" / f"c{number}.nii.gz", draw_mask(SHAPE), edges)
    words = ["inspect", "data=nnunet", f"data.root={root}", f"data.cache={tmp_path / 'cache'}"]
    assert main([*words, "--output", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().out
    assert "fingerprint of 1 training cases" in shown
    assert "plan by the rules of nnU-Net" in shown
    content = json.loads((tmp_path / "out" / "plan.json").read_text())
    assert content["schema"] == 1
    assert content["fingerprint"]["channels"] == ["CT"]
    assert content["plan"]["reasons"].keys() >= {"spacing_mm", "patch", "batch"}
    found = content["fingerprint"]["intensities"][0]
    spacing, *scaling = content["overrides"]
    assert spacing.startswith("data.spacing_mm=[1,1,")
    assert scaling == ["data.intensity=window", f"data.window=[{found['low']:g},{found['high']:g}]"]
    assert main([*words, "--output", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == content


def test_everything_that_is_wrong_ends_it_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_nnunet(tmp_path / "data", file_ending=".dcm", labels={"background": 0, "all": [1, 2]})
    words = ["inspect", "data=nnunet", f"data.root={root}", "--output", str(tmp_path / "out")]
    assert main(words) == 2
    told = capsys.readouterr().err
    assert "file_ending must be one of" in told
    assert "regions_class_order must give a value for each region" in told
    assert not (tmp_path / "out").exists()


def test_a_study_on_files_keeps_its_plan_and_other_studies_have_none(tmp_path: Path) -> None:
    data = NnunetConfig(root=str(write_nnunet(tmp_path / "data")), cache=str(tmp_path / "cache"))
    folder = StudyFolder(str(tmp_path / "study"))
    keep_plan(folder, ToyConfig().build(data))
    assert not (tmp_path / "study" / "plan.json").exists()
    keep_plan(folder, SegmentationConfig().build(data))
    kept = (tmp_path / "study" / "plan.json").read_bytes()
    assert json.loads(kept)["plan"]["batch"] == 2
    (tmp_path / "data" / "dataset.json").unlink()
    keep_plan(folder, SegmentationConfig().build(data))
    assert (tmp_path / "study" / "plan.json").read_bytes() == kept
