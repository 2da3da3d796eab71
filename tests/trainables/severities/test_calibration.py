"""A calibration stores its measurements, reads back unchanged, and refuses a damaged or unfit file."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from paretoseg.trainables.severities.calibration import (
    TARGETS,
    CalibratedCorruption,
    Calibration,
    ReferenceRecord,
    calibrate_corruption,
    describe_misses,
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
)
CALIBRATION = Calibration(
    dataset="mine",
    data_sha256="d",
    settings_sha256="s",
    reference=ReferenceRecord({"depth": 3}, seed=1, num_iterations=200, clean_dice=0.9, num_cases=4),
    corruptions={"gaussian_noise": FOUND},
)


class FakeNetwork:
    """Loses in proportion to the strength, and a little more in the draws of a search."""

    def __init__(self, slope: float, extra: Sequence[float] = (0.1,) * 5) -> None:
        self.slope, self.extra = slope, extra

    def measure_loss(self, corruption: str, strength: float) -> float:
        return self.slope * strength

    def measure_losses(self, corruption: str, strengths: Sequence[float]) -> list[float]:
        return [self.slope * strength + extra for strength, extra in zip(strengths, self.extra, strict=True)]


def test_strengths_lose_what_is_wished_and_the_losses_are_those_of_a_search() -> None:
    found = calibrate_corruption(FakeNetwork(100.0), "gaussian_noise")
    assert list(found.lost) == pytest.approx([100.0 * one + 0.1 for one in found.strengths], abs=0.01)
    assert list(found.lost) == pytest.approx(TARGETS, rel=0.2)
    assert found.notes == ()
    assert found.curve[0][0] == pytest.approx(span_of("gaussian_noise").weakest)
    assert found.curve[-1] == (0.5, 50.0)


def test_a_severity_that_loses_no_more_than_the_one_below_is_reported() -> None:
    found = calibrate_corruption(FakeNetwork(100.0, (0.0, 0.0, 0.0, -30.0, 0.0)), "gaussian_noise")
    start = "with the draws of a search, severity 4 loses"
    assert found.notes == (f"{start} -10.0 points, not 20", f"{start} no more than severity 3")


def test_a_loss_far_from_its_target_is_reported_unless_the_target_was_out_of_reach() -> None:
    assert describe_misses((0.6, 10.0, 10.1, 21.0, 35.0), 50.0) == []
    start = "with the draws of a search, severity"
    assert describe_misses((0.4, 10.1, 12.0, 13.0, 14.0), 30.0) == [
        f"{start} 1 loses 0.4 points, not 2", f"{start} 2 loses 10.1 points, not 5"
    ]  # fmt: skip
    assert describe_misses((2.0, 5.0, 6.0, 7.0, 8.0), 9.0) == []


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
        ("schema", 2, "must be a calibration of schema 1, got schema 2"),
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
