import dataclasses
import json

import pytest

from paretoseg.search.store.folder import Folder
from paretoseg.search.store.rescore_folder import RescoreFolder, list_rescorings
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.study.rescore_record import Rescored, RescoreRecord, read_drift
from paretoseg.search.trials import events
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.toy import ToyTask
from paretoseg.trainables.trainable import RobustnessProfile, Split
from tests.builders import created

RECORD = RescoreRecord(
    study="mine",
    name="motion",
    settings={"task": {"corruptions": ["motion"], "strengths": {"motion": [1.0, 2.0]}}, "data": {"blend": 0.3}},
    overrides=("corruptions=[motion]",),
    objectives=ToyTask().objectives(),
    version="0.1.0+abc",
)
DONE = Rescored(1, Split.VALIDATION, seed=3, objectives={"accuracy": 1 / 3, "robustness": 0.1}, degenerate="broken")
DONE = dataclasses.replace(
    DONE, note="never predicts tail", profile=RobustnessProfile({"noise": 0.25}, clean=1 / 3, corrupted=0.25)
)
FAILED = Rescored(1, Split.TEST, seed=3, failure="error: it broke")


@pytest.fixture
def folder(tmp_path):
    return RescoreFolder(Folder(str(tmp_path / "mine")), "motion")


def test_a_record_reads_back_as_it_was_written(folder):
    record = RECORD.with_result(DONE).with_result(FAILED)
    folder.write_record(record)
    assert folder.read_record() == record
    assert json.loads(folder.folder.read("rescore.json"))["schema"] == 1


def test_a_record_of_an_earlier_version_has_neither_notes_nor_profiles(folder):
    folder.write_record(RECORD.with_result(DONE))
    content = json.loads(folder.folder.read("rescore.json"))
    for name in ("note", "profile", "beside"):
        del content["results"][0][name]
    folder.folder.write("rescore.json", json.dumps(content).encode())
    [found] = folder.read_record().results
    assert found == dataclasses.replace(DONE, note="", profile=None)


def test_a_trial_has_the_note_and_the_profiles_of_its_new_measurement_alone():
    candidate = Candidate()
    old = RobustnessProfile({"blur": 0.5}, clean=0.6)
    study = StudyRecord(
        [
            created(name="mine"),
            events.Started(1.0, 0, candidate, 0, "random"),
            events.Finished(
                2.0, 0, DONE.objectives, {"parameters": 1.0}, "", began_at=1.0, seconds=1.0, profile=old, note="old"
            ),
            events.Tested(3.0, 0, DONE.objectives, old),
        ]
    )
    first = dataclasses.replace(DONE, trial_id=0, degenerate="")
    [move] = read_drift(study, RECORD.with_result(first)).moves
    assert (move.before.note, move.before.profile, move.before.test_profile) == ("old", old, old)
    assert (move.after.note, move.after.profile, move.after.test_profile) == (DONE.note, DONE.profile, None)
    both = RECORD.with_result(first).with_result(dataclasses.replace(first, split=Split.TEST))
    [move] = read_drift(study, both).moves
    assert move.after.test_profile == DONE.profile


def test_a_score_with_a_constraint_that_is_no_objective_is_the_new_one():
    """By the old measurement, the candidate meets the constraint; by the new one, it does not."""
    created_with = dataclasses.replace(created(name="mine"), constraints=("worst_group>=0.5",))
    finished = events.Finished(
        2.0, 0, DONE.objectives, {"worst_group": 0.6, "parameters": 9.0}, "", began_at=1.0, seconds=1.0
    )
    study = StudyRecord([created_with, events.Started(1.0, 0, Candidate(), 0, "random"), finished])
    first = dataclasses.replace(DONE, trial_id=0, degenerate="")
    [move] = read_drift(study, RECORD.with_result(first)).moves
    assert move.verdict == "stays"  # an earlier record does not hold it
    drift = read_drift(study, RECORD.with_result(dataclasses.replace(first, beside={"worst_group": 0.4})))
    [move] = drift.moves
    assert move.verdict == "leaves"
    assert move.after.costs == {"worst_group": 0.4, "parameters": 9.0}


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
