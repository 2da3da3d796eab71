"""The check of a whole dataset: every kind of bad file is found, by name, all in one report; good data passes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paretoseg.trainables.data.decathlon import DecathlonConfig
from paretoseg.trainables.data.findings import Finding, to_lines
from paretoseg.trainables.data.inspection import find_distance
from tests.trainables.data_files import (
    draw_mask,
    draw_picture,
    write_list,
    write_picture,
    write_pictures,
    write_volume,
    write_volumes,
)


def config_of(tmp_path: Path, **changes: Any) -> DecathlonConfig:
    return DecathlonConfig(root=str(tmp_path / "data"), cache=str(tmp_path / "cache"), **changes)


IMAGE, LABEL = "imagesTr/v3.nii.gz", "labelsTr/v3.nii.gz"
SHAPE = (8, 10, 12)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def with_value(value: float) -> np.ndarray:
    array = draw_picture(3, SHAPE).astype(np.float32)
    array[0, 0, :2] = value
    return array


@pytest.mark.parametrize(
    ("file", "spoil", "message"),
    [
        (IMAGE, Path.unlink, "v3.nii.gz' is missing"),
        (IMAGE, truncate, "v3.nii.gz' cannot be read"),
        (LABEL, truncate, "v3.nii.gz' cannot be read"),
        (LABEL, lambda p: write_volume(p, draw_mask((8, 10, 11))), "has shape (8, 10, 12), but its label"),
        (LABEL, lambda p: write_volume(p, draw_mask(SHAPE), np.diag([1, 1, 2.0, 1])), "lie 11 voxels apart in space"),
        (LABEL, lambda p: write_volume(p, draw_mask(SHAPE), np.diag([-1, 1, 1.0, 1])), "voxels apart in space"),
        (IMAGE, lambda p: write_volume(p, with_value(np.nan)), "has 2 voxels that are NaN or infinite"),
        (IMAGE, lambda p: write_volume(p, with_value(np.inf)), "has 2 voxels that are NaN or infinite"),
        (IMAGE, lambda p: write_volume(p, np.full(SHAPE, 7, np.int16)), "is constant, 7 everywhere"),
        (LABEL, lambda p: write_volume(p, draw_mask(SHAPE, 255)), "values 255 outside the classes 0..1; say what they"),
        (LABEL, lambda p: write_volume(p, with_value(np.nan)), "label '{path}' has NaN"),
        (LABEL, lambda p: write_volume(p, draw_mask(SHAPE) * np.float32(0.5)), "values 0.5 outside the classes"),
        (LABEL, lambda p: write_volume(p, np.zeros(SHAPE, np.uint8)), "is empty: background only"),
        (IMAGE, lambda p: write_volume(p, draw_picture(3, SHAPE), np.diag([2.0, 1, 1, 1])), "voxels apart in space"),
        (IMAGE, lambda p: write_volume(p, draw_picture(3, (*SHAPE, 2))), "has 2 channels, but 1 are declared"),
        (
            IMAGE,
            lambda p: write_volume(p, draw_picture(2, SHAPE).astype(np.int16) * 7 - 300),
            "are the same; list every",
        ),
    ],
)
def test_a_bad_volume_is_found_and_named(
    tmp_path: Path, file: str, spoil: Callable[[Path], object], message: str
) -> None:
    write_volumes(tmp_path / "data")
    path = tmp_path / "data" / file
    spoil(path)
    findings = config_of(tmp_path).findings()
    assert len(findings) == 1, findings
    assert message.format(path=path) in findings[0]
    assert str(path) in findings[0]


@pytest.mark.parametrize(
    ("file", "spoil", "message"),
    [
        (
            "images/c2.png",
            lambda p: write_picture(p, draw_picture(2, (20, 30, 3))),
            "is in colour (3 channels), but grey",
        ),
        ("masks/c2.png", lambda p: write_picture(p, draw_mask() * 255), "data.label_map=[255:1]"),
        ("masks/c2.png", lambda p: write_picture(p, draw_picture(0, (20, 30, 3))), "one value per pixel"),
        ("images/c2.png", lambda p: write_picture(p, draw_picture(2, (30, 20))), "has shape (30, 20), but its label"),
    ],
)
def test_a_bad_picture_is_found_and_named(
    tmp_path: Path, file: str, spoil: Callable[[Path], object], message: str
) -> None:
    write_pictures(tmp_path / "data")
    spoil(tmp_path / "data" / file)
    findings = config_of(tmp_path).findings()
    assert len(findings) == 1, findings
    assert message in findings[0]
    assert str(tmp_path / "data" / file) in findings[0]


def test_all_findings_come_in_one_report_and_the_fixed_data_passes(tmp_path: Path) -> None:
    root = tmp_path / "data"
    cases = write_volumes(root)
    (root / "imagesTr/v0.nii.gz").unlink()
    truncate(root / "labelsTr/v1.nii.gz")
    write_list(root, [*cases, cases[4]])
    report = "\n".join(config_of(tmp_path).findings())
    assert "v0.nii.gz' is missing" in report
    assert "v1.nii.gz' cannot be read" in report
    assert "v4.nii.gz' is listed 2 times" in report
    write_list(root, cases)
    with pytest.raises(ValueError, match=r"case 'v[01]': file"):
        config_of(tmp_path).load()
    write_volumes(root)
    assert config_of(tmp_path).findings() == []


def test_masks_of_0_and_255_can_be_mapped_by_number_or_name(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data")
    for number in range(5):
        write_picture(tmp_path / "data" / "masks" / f"c{number}.png", draw_mask(value=255))
    (finding,) = config_of(tmp_path).findings()
    assert finding.endswith(
        "as data.label_map=[255:1], or fix the file (the same for 4 more: c1.png, c2.png, c3.png, c4.png)"
    )
    for word in ("255:1", "255:organ"):
        config = config_of(tmp_path, label_map=[word])
        assert config.findings() == []
        assert np.array_equal(config.load().train[0].label, draw_mask())


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("255:orgam", "unknown class 'orgam'; did you mean 'organ'? known: 0 background, 1 organ"),
        ("255:2", "unknown class '2'"),
        ("255", "unknown class ''"),
        ("a:1", "an entry reads value:class"),
    ],
)
def test_a_class_that_is_not_known_is_named(tmp_path: Path, word: str, message: str) -> None:
    write_pictures(tmp_path / "data")
    (finding,) = config_of(tmp_path, label_map=[word]).findings()
    assert message in finding


def test_empty_labels_are_taken_if_they_are_said_to_be_right(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data")
    write_picture(tmp_path / "data" / "masks" / "c1.png", np.zeros((20, 30), np.uint8))
    assert config_of(tmp_path, allow_empty_labels=True).findings() == []


def test_volumes_among_pictures_are_named(tmp_path: Path) -> None:
    cases = [*write_pictures(tmp_path / "data"), *write_volumes(tmp_path / "data", 1)]
    write_list(tmp_path / "data", cases)
    assert "is a volume, but" in config_of(tmp_path).findings()[0]


def test_other_spacings_are_named_and_resampled_away(tmp_path: Path) -> None:
    write_volumes(tmp_path / "data")
    for file in (IMAGE, LABEL):
        array = draw_mask(SHAPE) if file == LABEL else draw_picture(3, SHAPE)
        write_volume(tmp_path / "data" / file, array, np.diag([2.0, 1, 1, 1]))
    (finding,) = config_of(tmp_path).findings()
    words = "case 'v3' has spacing [2,1,1] mm, most have [1,1,1]; set data.spacing_mm=[1,1,1] for all, or "
    assert finding == words + "data.from_plan=true"
    config = config_of(tmp_path, spacing_mm=[1.0, 1.0, 1.0])
    assert config.findings() == []
    shapes = {case.name: case.label.shape for case in config.load().all_cases}
    assert (shapes["v3"], shapes["v0"]) == ((16, 10, 12), SHAPE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"root": ""}, "data.root must name the folder of the data; add data.root=PATH"),
        ({"root": "/nowhere"}, "data.root must be an existing folder, got '/nowhere'"),
        ({"validation_share": 0.0}, "must be positive and leave a share for training"),
        ({"validation_share": 0.6, "test_share": 0.4}, "must be positive and leave a share for training"),
        ({"channels": -1}, "data.channels must be at least 0"),
        ({"subject_pattern": "("}, "must be a regular expression, got '('"),
        ({"train_domains": ["a"], "shift": ["a"]}, "got ['a'] in both"),
        ({"shift": ["a", "a"]}, "data.shift must be distinct, got a more than once"),
        ({"shift": ["a"]}, "data.shift: unknown shift set 'a'; this data names no domains; besides: small_objects"),
        ({"intensity": "ct"}, "data.intensity must be one of"),
    ],
)
def test_settings_are_checked_before_files(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    write_pictures(tmp_path / "data")
    values = {"root": str(tmp_path / "data"), "cache": str(tmp_path / "cache")} | changes
    (finding,) = DecathlonConfig(**values).findings()
    assert message in finding


def test_files_with_the_same_fault_are_one_line_with_the_first_few_names() -> None:
    lines = to_lines(
        [Finding("files missing", f"/d/f{number}", f"file /d/f{number} is missing") for number in range(70)]
    )
    assert lines == ["file /d/f0 is missing (the same for 69 more: f1, f2, f3, f4, f5 and 64 more)"]


def test_many_different_faults_of_a_kind_are_counted() -> None:
    lines = to_lines([Finding("odd files", f"f{number}", f"file f{number}: {number}") for number in range(13)])
    assert lines[:10] == [f"file f{number}: {number}" for number in range(10)]
    assert lines[10:] == ["3 more odd files: f10, f11, f12"]


@pytest.mark.parametrize("allow", [False, True])
def test_a_dataset_of_empty_labels_alone_is_one_finding_whatever_is_allowed(tmp_path: Path, allow: bool) -> None:
    write_pictures(tmp_path / "data")
    for number in range(5):
        write_picture(tmp_path / "data" / "masks" / f"c{number}.png", np.zeros((20, 30), np.uint8))
    (finding,) = config_of(tmp_path, allow_empty_labels=allow).findings()
    assert finding.startswith("all 5 labels are empty, as '")
    assert "write class numbers from 1 into the files" in finding


def test_a_class_that_no_name_covers_is_one_finding(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data")
    for number in range(5):
        write_picture(tmp_path / "data" / "masks" / f"c{number}.png", draw_mask(value=7))
    (finding,) = config_of(tmp_path).findings()
    assert (
        "has values 7 outside the classes 0..1; say what they are, as data.label_map=[7:1], or fix the file" in finding
    )


def test_the_distance_of_two_grids_is_that_of_their_worst_corners() -> None:
    shifted = np.eye(4)
    shifted[0, 3] = 0.05
    assert find_distance(np.eye(4), shifted, (5, 5, 5)) == pytest.approx(0.05)
    assert find_distance(np.eye(4), np.diag([1.1, 1, 1, 1]), (11, 5, 5)) == pytest.approx(1.0)
