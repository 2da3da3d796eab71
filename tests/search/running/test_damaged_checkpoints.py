"""A trial whose checkpoint is damaged or gone starts from its beginning, with a note."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from paretoseg.search.running.serial import run_serially
from paretoseg.search.running.worker import Broken, Halted, Job, JobKind, Measured, Outcome, Stepped, Work
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate, SearchSpace
from paretoseg.trainables import toy
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.toy import ToyTask
from paretoseg.trainables.trainable import Assignment, Split, Task
from tests.builders import build_session

SMALL = Candidate(Architecture(depth=2, width=4), Recipe(patch=32))
Damage = Callable[[Path], None]
"""Damages the checkpoints of a trial, given their folder."""


def cut(name: str) -> Damage:
    def damage(folder: Path) -> None:
        [path] = folder.glob(f"step-*/{name}")
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return damage


def remove(name: str) -> Damage:
    def damage(folder: Path) -> None:
        [path] = folder.glob(f"step-*/{name}")
        path.unlink()

    return damage


def announce(content: bytes) -> Damage:
    return lambda folder: (folder / "latest.json").write_bytes(content) and None


ANNOUNCEMENTS = [
    b"",
    b"\xff\x00{",
    b"[1]",
    b'{"step": 2}',
    b'{"step": 2, "folder": 7, "values": {"accuracy": 0.1}}',
    b'{"step": 2, "folder": "../trial-00007/step-0002", "values": {"accuracy": 0.1}}',
    b'{"step": 2, "folder": "step-0009", "values": {"accuracy": 0.1}}',
    b'{"step": 2, "folder": "step-0002", "values": {"accuracy": NaN}}',
    b'{"step": 2, "folder": "step-0002", "values": {"accuracy": "half"}}',
]


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    return StudyFolder(str(tmp_path / "study"))


def make_job(
    folder: StudyFolder,
    task: Task | None = None,
    candidate: Candidate | None = None,
    *,
    kind: JobKind = JobKind.TRIAL,
    num_reported: int = 0,
) -> Job:
    assignment = Assignment(candidate or Candidate(), 0)
    split = Split.TEST if kind is JobKind.TEST else Split.VALIDATION
    location = folder.folder.address
    return Job(kind, 3, assignment, task or ToyTask(), location, 1440.0, split, num_reported=num_reported)


def checkpoints_of(folder: StudyFolder) -> Path:
    place = folder.folder.child("checkpoints").child("trial-00003").local_path
    assert place is not None
    return place


def interrupt_and_damage(folder: StudyFolder, job: Job, damage: Damage, steps: int = 2) -> None:
    work = Work(job)
    for _ in range(steps):
        work.advance()
    damage(checkpoints_of(folder))


def finish(job: Job) -> list[Outcome]:
    work = Work(job)
    outcomes = [work.advance()]
    while not outcomes[-1].is_last:
        outcomes.append(work.advance())
    return outcomes


@pytest.mark.parametrize("damage", [cut("toy.json"), remove("toy.json"), *map(announce, ANNOUNCEMENTS)])
def test_a_damaged_checkpoint_restarts_the_trial_with_a_note(folder: StudyFolder, damage: Damage) -> None:
    interrupt_and_damage(folder, make_job(folder), damage)
    outcomes = finish(make_job(folder, num_reported=2))
    steps = [outcome.result.step for outcome in outcomes if isinstance(outcome.result, Stepped)]
    assert steps == [1, 2, 3]
    assert isinstance(outcomes[-1].result, Measured)
    assert [outcome.note for outcome in outcomes[1:]] == ["", "", ""]
    assert outcomes[0].note.startswith("trial 3 started from its beginning, because its checkpoint is damaged: ")
    assert "\n" not in outcomes[0].note


@pytest.mark.parametrize("damage", [cut("weights.pt"), cut("training.pt"), remove("weights.pt"), remove("training.pt")])
def test_a_network_whose_checkpoint_is_damaged_is_trained_from_its_beginning(
    folder: StudyFolder, damage: Damage
) -> None:
    data = TexturesConfig(image_size=32, num_train=2, num_validation=1, num_test=1)
    config = SegmentationConfig(num_steps=2, iterations_per_step=1, corruptions=["gaussian_noise"], severities=[2])
    job = make_job(folder, config.build(data, SearchSpace()), SMALL)
    interrupt_and_damage(folder, job, damage, steps=1)
    outcome = Work(job).advance()
    assert isinstance(outcome.result, Stepped)
    assert outcome.result.step == 1
    assert "its checkpoint is damaged" in outcome.note


def test_a_checkpoint_that_is_gone_restarts_the_trial_with_a_note(folder: StudyFolder) -> None:
    interrupt_and_damage(folder, make_job(folder), shutil.rmtree)
    outcome = Work(make_job(folder, num_reported=2)).advance()
    assert outcome.note == "trial 3 started from its beginning, because its checkpoint is gone"


def test_a_trial_that_was_interrupted_before_its_first_checkpoint_needs_no_note(folder: StudyFolder) -> None:
    assert Work(make_job(folder)).advance().note == ""


@pytest.mark.parametrize("damage", [cut("toy.json"), shutil.rmtree])
def test_a_network_whose_checkpoint_is_damaged_or_gone_is_trained_again_for_the_test_cases(
    folder: StudyFolder, damage: Damage
) -> None:
    interrupt_and_damage(folder, make_job(folder), damage)
    outcomes = finish(make_job(folder, kind=JobKind.TEST, num_reported=3))
    assert isinstance(outcomes[-1].result, Measured)
    assert [type(outcome.result) for outcome in outcomes[:-1]] == [Stepped] * 3
    assert outcomes[0].note.startswith("trial 3 was trained again for the test cases, because its checkpoint is ")
    with folder.checkpoints.open(3) as path:
        assert path is not None


@pytest.mark.parametrize(
    ("error", "expected"),
    [(OSError(errno.ENOSPC, "No space left on device"), Halted), (MemoryError("no more"), Broken)],
)
def test_a_full_disk_or_memory_is_no_damage(
    folder: StudyFolder, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: type
) -> None:
    interrupt_and_damage(folder, make_job(folder), lambda place: None)

    def fail(self: object, path: Path) -> None:
        raise error

    monkeypatch.setattr(toy.ToyTrainable, "load", fail)
    outcome = Work(make_job(folder, num_reported=2)).advance()
    assert isinstance(outcome.result, expected)
    assert outcome.note == ""


def test_a_search_with_damaged_checkpoints_ends_as_without_them_and_says_so(tmp_path: Path) -> None:
    whole = build_session(tmp_path / "whole")
    run_serially(whole)
    torn = build_session(tmp_path / "torn")
    job = torn.next_job()
    assert job is not None
    work = Work(job)
    for _ in range(2):
        torn.take(job, work.advance())
    torn.folder.journal.close()
    (tmp_path / "torn" / "checkpoints" / "trial-00000" / "latest.json").write_bytes(b"{")

    resumed = build_session(tmp_path / "torn")
    run_serially(resumed)
    [note] = resumed.warnings
    assert note.startswith("trial 0 started from its beginning, because its checkpoint is damaged: ")
    for session in (whole, resumed):
        session.folder.journal.close()
    assert [trial.objectives for trial in resumed.study.trials] == [trial.objectives for trial in whole.study.trials]
    assert [dict(trial.reports) for trial in resumed.study.trials] == [
        dict(trial.reports) for trial in whole.study.trials
    ]
