"""A study stores the split of every case, and refuses to resume with other data; the message names the cases."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from paretoseg.search.config.splits import check_splits, find_changes, keep_splits
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.trainables.toy import ToyTask
from paretoseg.trainables.trainable import SplitRow

ROWS = [SplitRow(f"c{number}", "train", f"s{number}", "here", f"i{number}", f"l{number}") for number in range(3)]


class TaskWithCases(ToyTask):
    """The toy with cases."""

    rows = tuple(ROWS)

    def split_rows(self) -> tuple[SplitRow, ...]:
        return self.rows


def task_with(rows: list[SplitRow]) -> TaskWithCases:
    return type("Changed", (TaskWithCases,), {"rows": tuple(rows)})()


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    folder = StudyFolder(str(tmp_path))
    assert folder.read_splits() is None
    keep_splits(folder, TaskWithCases())
    assert folder.read_splits() == ROWS
    check_splits(folder, TaskWithCases())


def test_schema_1_is_read_without_the_held_out_cases_that_nothing_was_measured_on(tmp_path: Path) -> None:
    old = [dataclasses.asdict(row) for row in (*ROWS, dataclasses.replace(ROWS[0], case="away", split="shift"))]
    for row in old:
        del row["shift"]
    (tmp_path / "splits.json").write_text(json.dumps({"schema": 1, "cases": old}))
    assert StudyFolder(str(tmp_path)).read_splits() == ROWS
    check_splits(StudyFolder(str(tmp_path)), TaskWithCases())


def test_a_task_without_cases_keeps_nothing(tmp_path: Path) -> None:
    keep_splits(StudyFolder(str(tmp_path)), ToyTask())
    assert not (tmp_path / "splits.json").exists()


def test_what_was_kept_first_stays(tmp_path: Path) -> None:
    folder = StudyFolder(str(tmp_path))
    keep_splits(folder, TaskWithCases())
    keep_splits(folder, task_with(ROWS[:1]))
    assert folder.read_splits() == ROWS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_sha256": "x"}, "case 'c1' has another image"),
        ({"label_sha256": "x", "image_sha256": "y"}, "case 'c1' has another image and another label"),
        ({"split": "test"}, "case 'c1' has split 'test' instead of 'train'"),
        ({"subject": "s0"}, "case 'c1' has subject 's0' instead of 's1'"),
        ({"shift": "there"}, "case 'c1' has shift set 'there' instead of ''"),
        ({"domain": "there"}, "case 'c1' has domain 'there' instead of 'here'"),
        ({"case": "new"}, "case 'c1' is gone; case 'new' is new"),
    ],
)
def test_every_change_is_refused_and_names_the_case(tmp_path: Path, change: dict[str, str], message: str) -> None:
    folder = StudyFolder(str(tmp_path))
    keep_splits(folder, TaskWithCases())
    changed = [ROWS[0], dataclasses.replace(ROWS[1], **change), ROWS[2]]
    with pytest.raises(ValueError, match="bring back the data that it was started with") as caught:
        check_splits(folder, task_with(changed))
    assert message in str(caught.value)


def test_another_order_is_no_change() -> None:
    assert find_changes(ROWS, ROWS[::-1]) == []


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"schema": 3, "cases": []}', '{"schema": 1, "cases": [{"case": "a"}]}', '{"schema": 2, "cases": 1}'],
)
def test_a_damaged_record_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "splits.json").write_text(content)
    with pytest.raises(ValueError, match=r"splits\.json' is damaged or of another version"):
        check_splits(StudyFolder(str(tmp_path)), TaskWithCases())
