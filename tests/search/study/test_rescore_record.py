import json

import pytest

from paretoseg.search.store.folder import Folder
from paretoseg.search.store.rescore_folder import RescoreFolder, list_rescorings
from paretoseg.search.study.rescore_record import Rescored, RescoreRecord
from paretoseg.trainables.toy import ToyTask
from paretoseg.trainables.trainable import Split

RECORD = RescoreRecord(
    study="mine",
    name="motion",
    settings={"task": {"corruptions": ["motion"], "strengths": {"motion": [1.0, 2.0]}}, "data": {"blend": 0.3}},
    overrides=("corruptions=[motion]",),
    objectives=ToyTask().objectives(),
    version="0.1.0+abc",
)
DONE = Rescored(1, Split.VALIDATION, seed=3, objectives={"accuracy": 1 / 3, "robustness": 0.1}, degenerate="broken")
FAILED = Rescored(1, Split.TEST, seed=3, failure="error: it broke")


@pytest.fixture
def folder(tmp_path):
    return RescoreFolder(Folder(str(tmp_path / "mine")), "motion")


def test_a_record_reads_back_as_it_was_written(folder):
    record = RECORD.with_result(DONE).with_result(FAILED)
    folder.write_record(record)
    assert folder.read_record() == record
    assert json.loads(folder.folder.read("rescore.json"))["schema"] == 1


def test_only_what_was_measured_is_found():
    record = RECORD.with_result(DONE).with_result(FAILED)
    assert record.find(1, Split.VALIDATION) is DONE
    assert record.find(1, Split.TEST) is None
    assert record.find(2, Split.VALIDATION) is None


def test_a_later_result_takes_the_place_of_an_earlier_one():
    again = Rescored(1, Split.TEST, seed=3, objectives={"accuracy": 0.5, "robustness": 0.4})
    record = RECORD.with_result(FAILED).with_result(DONE).with_result(again)
    assert record.results == (DONE, again)


def test_a_rescoring_that_was_not_started_has_no_record(folder):
    assert folder.read_record() is None
    assert folder.read_picture() is None


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"schema": 1}', b'{"schema": 2}', b"\xff"])
def test_a_damaged_or_newer_record_is_refused_with_the_way_out(folder, content):
    folder.folder.write("rescore.json", content)
    with pytest.raises(
        ValueError, match=r"rescore.json' is damaged or of a newer version .*; restore it from a backup"
    ):
        folder.read_record()


def test_rescorings_are_listed_by_name(folder, tmp_path):
    study = Folder(str(tmp_path / "mine"))
    assert list_rescorings(study) == []
    folder.write_record(RECORD)
    RescoreFolder(study, "blur").write_record(RECORD)
    assert list_rescorings(study) == ["blur", "motion"]
