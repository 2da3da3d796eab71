"""The fingerprint is that of the files: shapes, spacings, intensities inside foreground, classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from paretoseg.trainables.data.ignored import IGNORED
from paretoseg.trainables.data.nnunet import NnunetConfig
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.planning.fingerprint import measure_case, summarise, to_plain
from paretoseg.trainables.planning.scanning import inspect_data
from tests.trainables.data_files import draw_mask, draw_picture
from tests.trainables.nnunet_files import SHAPE, write_image, write_nnunet


def test_intensities_are_those_of_the_foreground() -> None:
    generator = np.random.default_rng(0)
    label = np.zeros((40, 50), np.uint8)
    label[10:30, 10:40] = 1
    label[0:5] = IGNORED
    image = np.where(label == 1, generator.normal(500, 20, label.shape), 1e6)[None]
    facts = measure_case("a", image, label, (2.0, 3.0))
    inside = image[0][label == 1]
    found = summarise("some", [facts], ("background", "organ"), ("MRI",)).intensities[0]
    assert found.mean == pytest.approx(inside.mean(), abs=1.0)
    assert found.std == pytest.approx(inside.std(), rel=0.03)
    assert (found.low, found.median, found.high) == pytest.approx(np.percentile(inside, (0.5, 50, 99.5)), abs=5.0)
    again = measure_case("a", image, label, (2.0, 3.0))
    assert np.array_equal(again.samples, facts.samples)


def test_classes_are_counted_over_the_cases_that_hold_them() -> None:
    cases = []
    for number in range(4):
        label = np.zeros((10, 10), np.uint8)
        label[:2, :5] = 1
        if number == 0:
            label[5:, 5:] = 2
            label[9] = IGNORED
        image = np.zeros((1, 10, 10))
        image[0, 1:9, 2:8] = 1.0 + number
        cases.append(measure_case(f"c{number}", image, label, (2.0, 3.0)))
    found = summarise("some", cases, ("background", "often", "rare"), ())
    often, rare = found.classes
    assert (often.num_cases, often.prevalence, often.median_voxels, often.median_mm) == (4, 1.0, 10.0, 60.0)
    assert (rare.num_cases, rare.prevalence, rare.share) == (1, 0.25, 20 / 90)
    assert found.shapes == ((8, 6),) * 4
    assert found.inside_share == pytest.approx(0.48)
    assert to_plain(found)["median_shape"] == [8.0, 6.0]


def test_a_case_without_foreground_is_counted_and_gives_no_intensity() -> None:
    image, empty = np.ones((1, 4, 4)), np.zeros((4, 4), np.uint8)
    label = empty.copy()
    label[0] = 1
    found = summarise(
        "some",
        [measure_case("a", image, label, (1.0, 1.0)), measure_case("b", 9 * image, empty, (1.0, 1.0))],
        ("bg", "x"),
        (),
    )
    assert (found.num_empty, found.intensities[0].mean) == (1, 1.0)
    with pytest.raises(ValueError, match="no training case has foreground"):
        summarise("some", [measure_case("b", image, empty, (1.0, 1.0))], ("bg", "x"), ())


def test_files_may_differ_in_spacing_and_only_training_cases_count(tmp_path: Path) -> None:
    root = write_nnunet(tmp_path / "data", channel_names={"0": "CT"})
    config = NnunetConfig(root=str(root), cache=str(tmp_path / "cache"))
    [trained] = [case.name for case in config.load().train]
    for number in range(3):
        edges = np.diag([1.0 + number, 2.0, 3.0, 1.0])
        write_image(root / "imagesTr" / f"c{number}_0000.nii.gz", draw_picture(number, SHAPE).astype(np.int16), edges)
        write_image(root / "labelsTr" / f"c{number}.nii.gz", draw_mask(SHAPE), edges)
    assert any("has spacing" in line for line in config.findings())
    fingerprint, plan = inspect_data(config)
    assert fingerprint.spacings_mm == ((1.0 + int(trained[1]), 2.0, 3.0),)
    assert plan.spacing_mm == fingerprint.spacings_mm[0]
    assert plan.intensity == ("ct",)


def test_everything_wrong_is_said_before_anything_is_planned(tmp_path: Path) -> None:
    root = write_nnunet(tmp_path / "data", count=6, numTraining=5)
    for path in (root / "labelsTr").iterdir():
        path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ValueError, match="numTraining says 5") as caught:
        inspect_data(NnunetConfig(root=str(root), cache=str(tmp_path / "cache")))
    assert "cannot be read" in str(caught.value)


def test_data_that_is_drawn_has_a_fingerprint_too() -> None:
    fingerprint, plan = inspect_data(TexturesConfig(num_train=3, num_validation=2, num_test=2))
    assert fingerprint.num_cases == 3
    assert plan.patch == (80, 80)
