"""A calibration stores its measurements, reads back unchanged, and refuses a damaged or unfit file."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest

from paretoseg.trainables.severities.calibration import (
    CalibratedCorruption,
    Calibration,
    ReferenceRecord,
    describe_fit,
    hash_splits,
    read_calibration,
    settle_strengths,
    span_of,
    write_calibration,
)
from paretoseg.trainables.severities.levels import LEVELS
from paretoseg.trainables.trainable import SplitRow

STRENGTHS = (0.01, 0.02, 0.05, 0.1, 0.2)
FOUND = CalibratedCorruption(
    LEVELS["gaussian_noise"].parameter,
    STRENGTHS,
    (2.1, 4.9, 10.0, 20.5, 39.0),
    ((0.008, 1.0), (1.0, 80.0)),
    ("a note",),
    (0.0, 0.25, 0.0, 0.0),
    (0.99, 0.95, 0.9, 0.8, 0.6),
)
CALIBRATION = Calibration(
    dataset="mine",
    data_sha256="d",
    settings_sha256="s",
    reference=ReferenceRecord({"depth": 3}, seed=1, num_iterations=200, clean_dice=0.9, num_cases=4),
    corruptions={"gaussian_noise": FOUND},
)


def test_every_corruption_has_a_span_in_which_its_default_strengths_lie() -> None:
    for name, levels in LEVELS.items():
        span = span_of(name)
        assert span.weakest < levels.values[0]
        assert levels.values[-1] <= span.strongest < math.inf


def test_a_file_reads_back_as_it_was_written(tmp_path: Path) -> None:
    write_calibration(tmp_path / "calibration.json", CALIBRATION)
    assert read_calibration(tmp_path / "calibration.json") == CALIBRATION
    assert [path.name for path in tmp_path.iterdir()] == ["calibration.json"]


def refusal(path: Path, **changes: object) -> str:
    write_calibration(path, CALIBRATION)
    content = json.loads(path.read_text())
    for key, value in changes.items():
        place, names = content, key.split("__")
        for name in names[:-1]:
            place = place[name]
        place[names[-1]] = value
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=str(path)) as refused:
        read_calibration(path)
    return str(refused.value)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("schema", 3, "must be a calibration of schema 2, got schema 3"),
        (
            "corruptions__nois",
            {"strengths": [0.1, 0.2, 0.3, 0.4, 0.5], "parameter": "", "lost": [], "curve": [], "notes": []},
            "unknown corruption 'nois'",
        ),
        ("corruptions__gaussian_noise__strengths", [0.1, 0.2, 0.2, 0.3, 0.4], "rise with severity, got 0.1 0.2 0.2"),
        ("corruptions__gaussian_noise__strengths", "much", "strengths must be a list, got 'much'"),
        ("corruptions__gaussian_noise__strengths", [0.1, 0.2, 0.3, 0.4, 2.0], "up to 1"),
        ("corruptions__gaussian_noise__parameter", "percent", "is now measured in"),
        ("corruptions__gaussian_noise__curve", [[1]], "curve[0] must be a list of 2, got [1]"),
        ("corruptions__gaussian_noise__lost", [True], "lost[0] must be a finite number, got True"),
        ("corruptions__gaussian_noise", {}, "corruptions[gaussian_noise].parameter is missing"),
        ("corruptions", [], "corruptions must be an object with named values, got []"),
        ("reference", {"seed": 1}, "reference.candidate is missing; fix the file, or run paretoseg calibrate again"),
    ],
)
def test_a_file_that_cannot_be_vouched_for_is_refused(tmp_path: Path, key: str, value: object, message: str) -> None:
    assert message in refusal(tmp_path / "calibration.json", **{key: value})


def test_a_file_of_the_first_schema_is_read_without_corruptions_whose_unit_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    write_calibration(path, CALIBRATION)
    content = json.loads(path.read_text()) | {"schema": 1}
    one = content["corruptions"]["gaussian_noise"]
    del one["reversals"], one["ssim"]
    content["corruptions"]["translation"] = one | {"parameter": "length of the shift in cubits"}
    path.write_text(json.dumps(content))
    found = read_calibration(path)
    assert found.strengths == {"gaussian_noise": STRENGTHS}
    assert found.corruptions["gaussian_noise"].ssim == ()
    [note] = describe_fit(path, ["translation"], [])[1:]
    assert "has no strengths of translation: the default strengths are used" in note


def test_losses_are_those_measured_at_its_own_strengths_and_read_off_the_isotonic_fit_elsewhere() -> None:
    assert FOUND.predict_losses(STRENGTHS) == list(FOUND.lost)
    bumpy = dataclasses.replace(FOUND, curve=((0.1, 10.0), (0.2, 30.0), (0.3, 20.0), (0.5, 50.0)))
    assert bumpy.predict_losses((0.15, 0.2, 0.25, 0.3, 0.4)) == pytest.approx([17.5, 39.0, 25.0, 25.0, 37.5])


def test_a_missing_file_is_refused_with_the_command_that_writes_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is missing; `paretoseg calibrate` writes such a file"):
        read_calibration(tmp_path / "calibration.json")


@pytest.mark.parametrize("content", ["", "{", "[]", "1"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(content)
    with pytest.raises(ValueError, match="calibration"):
        read_calibration(path)


def test_what_is_asked_for_wins_over_a_file_and_both_over_nothing(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    write_calibration(path, CALIBRATION)
    assert settle_strengths({}, None) == {}
    assert settle_strengths({}, path) == {"gaussian_noise": STRENGTHS}
    asked = {"gaussian_noise": [0.1, 0.2, 0.3, 0.4, 0.5]}
    assert settle_strengths(asked, path) == {"gaussian_noise": (0.1, 0.2, 0.3, 0.4, 0.5)}


def test_refusals_name_the_key(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^task\.strengths: strengths of motion must be 5 numbers"):
        settle_strengths({"motion": [1.0]}, None)
    with pytest.raises(ValueError, match=r"^task\.calibration: .* is missing"):
        settle_strengths({}, tmp_path / "gone.json")


def test_the_hash_of_splits_depends_on_cases_and_not_on_their_order() -> None:
    rows = [SplitRow(name, "train", name, "", "i", "l") for name in "abc"]
    assert hash_splits(rows) == hash_splits(rows[::-1])
    assert hash_splits(rows) != hash_splits([dataclasses.replace(rows[0], image_sha256="x"), *rows[1:]])
