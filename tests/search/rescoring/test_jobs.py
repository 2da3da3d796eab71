import itertools

import pytest

from paretoseg.search.rescoring.jobs import Rescoring, choose_trials, is_done, list_jobs
from paretoseg.search.running.session import MAX_LOSSES, JobSettings
from paretoseg.search.running.worker import Halted, Measured, Outcome, Work
from paretoseg.search.store.rescore_folder import RescoreFolder
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.study.rescore_record import RescoreRecord
from paretoseg.search.trials import events
from paretoseg.search.trials.trial import Failure, FailureKind
from paretoseg.spaces.objective import Measurement
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.toy import ToyTask
from paretoseg.trainables.trainable import Assignment, Evaluation, RobustnessProfile, Split
from tests.builders import created

POINTS = {0: (0.9, 0.1), 1: (0.8, 0.7), 2: (0.7, 0.6), 3: (0.1, 0.9)}
LOST = Failure(FailureKind.LOST, "the worker process died")


@pytest.fixture
def folder(tmp_path):
    """A study with four finished trials, 0, 1 and 3 on the front and tested; each has a checkpoint."""
    folder = StudyFolder(str(tmp_path / "study"))
    folder.journal.append(created())
    for number, (accuracy, robustness) in POINTS.items():
        values = {"accuracy": accuracy, "robustness": robustness}
        candidate = Candidate(recipe=Recipe(foreground_ratio=number / 10))
        folder.journal.append(events.Started(1.0, number, candidate, 0, "random"))
        folder.journal.append(events.Finished(2.0, number, values, {"parameters": 1.0}, "", began_at=1.0, seconds=1.0))
        if number != 2:
            folder.journal.append(events.Tested(3.0, number, values))
        trainable = ToyTask().build(Assignment(candidate, 0))
        for _ in range(trainable.num_steps):
            trainable.step()
        with folder.checkpoints.new(number, 3, {}) as path:
            trainable.save(path)
    folder.journal.close()
    return folder


@pytest.fixture
def target(folder):
    return RescoreFolder(folder.folder, "anew")


def begin(folder, target, observe=lambda result: None):
    trials = choose_trials(folder, folder.read_record())
    jobs = list_jobs(trials, ToyTask(), JobSettings(1, "cpu", 1440.0), folder, target)
    record = RescoreRecord("study", "anew", {}, (), ToyTask().objectives(), "0")
    ticks = itertools.count(1)
    return Rescoring(record, target, jobs, lambda: float(next(ticks)), observe)


def work_through(queue):
    while (job := queue.next_job()) is not None:
        assert queue.take(job, Work(job).advance())


def test_the_front_is_measured_and_every_trial_that_still_has_a_checkpoint(folder):
    record = folder.read_record()
    assert [trial.trial_id for trial in choose_trials(folder, record)] == [0, 1, 2, 3]
    folder.checkpoints.keep_only({0, 1, 3})
    assert [trial.trial_id for trial in choose_trials(folder, record)] == [0, 1, 3]


def test_scores_that_are_no_objectives_are_kept_and_costs_are_not(folder, target):
    queue = begin(folder, target)
    job = queue.next_job()
    values = Measurement({"accuracy": 0.5, "robustness": 0.5})
    evaluation = Evaluation(values, {"worst_group": 0.4, "nsd": 0.3, "latency_ms": 7.0})
    assert queue.take(job, Outcome(Measured(evaluation), 0.0, 1.0))
    assert queue.record.results[0].beside == {"worst_group": 0.4, "nsd": 0.3}
    assert target.read_record() == queue.record


def test_a_member_of_the_front_without_a_checkpoint_is_refused_by_number(folder):
    folder.checkpoints.keep_only({0, 2})
    with pytest.raises(
        ValueError, match="trial 1, 3 on the front has no checkpoint; restore checkpoints/ from a backup"
    ):
        choose_trials(folder, folder.read_record())


def test_a_study_without_a_front_is_refused(tmp_path):
    folder = StudyFolder(str(tmp_path / "young"))
    folder.journal.append(created())
    with pytest.raises(ValueError, match="no trial is on the front yet"):
        choose_trials(folder, folder.read_record())


def test_test_cases_are_shown_to_nobody_who_has_not_seen_them(folder, target):
    jobs = begin(folder, target).waiting
    by_split = {split: [job.trial_id for job in jobs if job.split is split] for split in Split}
    assert by_split == {Split.VALIDATION: [0, 1, 2, 3], Split.TEST: [0, 1, 3]}
    assert [job.split for job in jobs[:4]] == [Split.VALIDATION] * 4


def test_every_result_is_kept_at_once_beside_the_study(folder, target):
    kept = []
    queue = begin(folder, target, lambda result: kept.append(target.read_record().results[-1]))
    work_through(queue)
    assert queue.is_over()
    found = [(result.trial_id, result.split) for result in kept]
    assert found == [(number, Split.VALIDATION) for number in range(4)] + [(number, Split.TEST) for number in (0, 1, 3)]
    assert all(result.objectives and not result.failure for result in kept)
    assert not folder.folder.exists("cases")
    assert len(target.folder.child("cases").list_files()) == 7


def test_a_result_keeps_the_note_and_the_profile_of_its_evaluation(folder, target):
    queue, profile = begin(folder, target), RobustnessProfile({"noise": 0.5}, clean=0.9)
    values = Measurement({"accuracy": 0.9, "robustness": 0.5})
    queue.take(queue.next_job(), Outcome(Measured(Evaluation(values, {}, profile=profile, note="all")), 0.0, 1.0))
    [result] = target.read_record().results
    assert (result.note, result.profile) == ("all", profile)


def test_what_is_measured_is_not_measured_again_unless_its_rows_are_gone(folder, target):
    queue = begin(folder, target)
    jobs = list(queue.waiting)
    work_through(queue)
    assert all(is_done(job, queue.record, target) for job in jobs)
    target.folder.delete("cases/trial-00001-test.parquet")
    assert [(job.trial_id, job.split) for job in jobs if not is_done(job, queue.record, target)] == [(1, Split.TEST)]


def test_a_job_that_breaks_is_reported_and_left_to_do(folder, target):
    queue = begin(folder, target)
    job = queue.next_job()
    folder.checkpoints.keep_only({1, 2, 3})
    queue.take(job, Work(job).advance())
    [result] = queue.record.results
    assert result.failure == "error: FileNotFoundError: the checkpoint of trial 0 is gone, so it cannot be measured"
    assert not is_done(job, queue.record, target)


def test_a_worker_that_is_lost_is_tried_again_but_not_for_ever(folder, target):
    queue = begin(folder, target)
    for _ in range(MAX_LOSSES):
        job = queue.next_job()
        assert job.trial_id == 0
        queue.lose(job, LOST)
        assert queue.record.results == ()
    queue.lose(queue.next_job(), LOST)
    assert queue.record.results[0].failure == "lost: the worker process died"
    assert queue.next_job().trial_id == 1


def test_a_storage_that_fails_ends_the_work(folder, target):
    queue = begin(folder, target)
    job = queue.next_job()
    assert queue.take(job, Outcome(Halted("the disk is full"), 0.0, 1.0))
    assert queue.is_over()
    assert queue.next_job() is None
    assert queue.halt_reason == "the disk is full"


def test_jobs_name_folders_that_mean_the_same_everywhere(folder, target, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    relative = StudyFolder("study")
    jobs = begin(relative, RescoreFolder(relative.folder, "anew")).waiting
    assert {job.location for job in jobs} == {str(tmp_path / "study")}
    assert {job.output for job in jobs} == {str(tmp_path / "study" / "rescores" / "anew")}
