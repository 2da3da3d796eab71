import dataclasses
import errno

import pytest

from paretoseg.search.running.worker import Broken, Halted, Job, JobKind, Measured, Stepped, Work
from paretoseg.search.store.folder import Folder
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.trials.trial import FailureKind
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables import toy
from paretoseg.trainables.toy import FailureMode, ToyConfig, ToyTask, closed_form
from paretoseg.trainables.trainable import Assignment, Split

ACCURACY, ROBUSTNESS = closed_form(Candidate())


@pytest.fixture
def folder(tmp_path):
    return StudyFolder(str(tmp_path / "study"))


def job(folder, task=None, kind=JobKind.TRIAL, timeout_min=1440.0):
    split = Split.TEST if kind is JobKind.TEST else Split.VALIDATION
    assignment = Assignment(Candidate(), 0)
    return Job(kind, 3, assignment, task or ToyTask(), folder.folder.location, timeout_min, split)


def advance_to_the_end(work):
    outcomes = [work.advance()]
    while not outcomes[-1].is_last:
        outcomes.append(work.advance())
    return outcomes


def test_a_trial_steps_and_is_then_measured(folder):
    outcomes = advance_to_the_end(Work(job(folder)))
    assert [type(outcome.result) for outcome in outcomes] == [Stepped, Stepped, Stepped, Measured]
    assert [outcome.result.step for outcome in outcomes[:3]] == [1, 2, 3]
    assert [outcome.result.measurement.values["accuracy"] for outcome in outcomes[:3]] == pytest.approx(
        [ACCURACY * share for share in (0.5, 0.75, 0.875)]
    )
    assert outcomes[-1].result.evaluation.objectives.values["robustness"] == pytest.approx(ROBUSTNESS)
    seconds = [outcome.seconds for outcome in outcomes]
    assert seconds == sorted(seconds)
    assert len({outcome.began_at for outcome in outcomes}) == 1


def test_the_rows_of_the_measurement_are_kept(folder):
    advance_to_the_end(Work(job(folder)))
    assert folder.folder.child("cases").list_files() == ["trial-00003-validation.parquet"]


@pytest.mark.parametrize("steps_before", [1, 2, 3])
def test_an_interrupted_trial_reports_its_last_step_again_and_goes_on(folder, steps_before):
    work = Work(job(folder))
    for _ in range(steps_before):
        work.advance()
    outcomes = advance_to_the_end(Work(job(folder)))
    assert [outcome.result.step for outcome in outcomes[:-1]] == list(range(steps_before, 4))
    assert [outcome.result.measurement.values["accuracy"] for outcome in outcomes[:-1]] == pytest.approx(
        [ACCURACY * (1 - 0.5**step) for step in range(steps_before, 4)]
    )


@pytest.mark.parametrize(
    ("failure", "kind", "reason"),
    [
        (FailureMode.error, FailureKind.ERROR, "RuntimeError: the toy fails as configured"),
        (FailureMode.diverge, FailureKind.NAN, "ValueError: accuracy must be finite, got nan"),
        (FailureMode.memory, FailureKind.MEMORY, "MemoryError: the toy runs out of memory as configured"),
    ],
)
def test_a_failure_is_put_into_words(folder, failure, kind, reason):
    outcome = Work(job(folder, ToyTask(ToyConfig(failure=failure, fails_below=1.0)))).advance()
    assert outcome.is_last
    assert isinstance(outcome.result, Broken)
    assert (outcome.result.failure.kind, outcome.result.failure.reason) == (kind, reason)
    assert "_fail_if_chosen" in outcome.result.failure.traceback
    assert reason in outcome.result.failure.traceback


class OutOfMemoryError(RuntimeError):
    """Named like torch's."""


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (OutOfMemoryError("no more\nDetails"), FailureKind.MEMORY, "OutOfMemoryError: no more"),
        (RuntimeError("CUDA error: out of memory"), FailureKind.MEMORY, "RuntimeError: CUDA error: out of memory"),
        (ValueError("depth must be odd"), FailureKind.ERROR, "ValueError: depth must be odd"),
        (KeyError(), FailureKind.ERROR, "KeyError"),
        (OSError(errno.ENOENT, "No such file"), FailureKind.ERROR, "FileNotFoundError: [Errno 2] No such file"),
    ],
)
def test_the_kind_of_a_failure_is_distinguished_from_the_error(folder, monkeypatch, error, kind, reason):
    def fail(self):
        raise error

    monkeypatch.setattr(toy.ToyTrainable, "step", fail)
    failure = Work(job(folder)).advance().result.failure
    assert (failure.kind, failure.reason) == (kind, reason)


def test_a_candidate_that_cannot_be_built_is_a_failure_too(folder, monkeypatch):
    def fail(self, assignment):
        raise RuntimeError("no such layer")

    monkeypatch.setattr(ToyTask, "build", fail)
    assert Work(job(folder)).advance().result.failure.reason == "RuntimeError: no such layer"


def test_a_storage_that_fails_halts_and_blames_no_trial(folder, tmp_path):
    (tmp_path / "study").write_text("in the way")
    outcome = Work(job(folder)).advance()
    assert isinstance(outcome.result, Halted)
    assert "run the same command again" in outcome.result.reason


def test_a_full_disk_of_the_worker_halts_and_blames_no_trial(folder, monkeypatch):
    def fail(self, path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(toy.ToyTrainable, "save", fail)
    outcome = Work(job(folder)).advance()
    assert isinstance(outcome.result, Halted)
    assert "disk of the worker" in outcome.result.reason
    assert "free some space" in outcome.result.reason


def test_ctrl_c_is_no_failure_of_the_trial(folder, monkeypatch):
    def interrupt(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(toy.ToyTrainable, "step", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Work(job(folder)).advance()


def test_a_trial_that_takes_too_long_is_ended_between_steps(folder):
    outcome = Work(job(folder, timeout_min=1e-9)).advance()
    assert outcome.result.failure.kind is FailureKind.TIMEOUT
    assert outcome.result.failure.reason == "took longer than resources.timeout_min=1e-09"


def test_a_trial_that_is_measured_in_the_end_is_not_thrown_away_for_its_time(folder):
    work = Work(job(folder))
    for _ in range(3):
        work.advance()
    work.job = job(folder, timeout_min=1e-9)
    assert isinstance(work.advance().result, Measured)


def test_a_test_measures_the_saved_network_on_test_cases(folder):
    advance_to_the_end(Work(job(folder)))
    outcome = Work(job(folder, kind=JobKind.TEST)).advance()
    assert isinstance(outcome.result, Measured)
    assert outcome.result.evaluation.objectives.values["accuracy"] == pytest.approx(ACCURACY - 0.01)
    assert "trial-00003-test.parquet" in folder.folder.child("cases").list_files()


def test_a_rescoring_without_a_checkpoint_fails_in_words(folder):
    failure = Work(job(folder, kind=JobKind.RESCORE)).advance().result.failure
    assert failure.reason == "FileNotFoundError: the checkpoint of trial 3 is gone, so it cannot be measured"


def test_a_rescoring_measures_the_saved_network_and_keeps_its_rows_elsewhere(folder, tmp_path):
    advance_to_the_end(Work(job(folder)))
    before = folder.folder.child("cases").list_files()
    order = dataclasses.replace(job(folder, kind=JobKind.RESCORE), output=str(tmp_path / "beside"))
    [outcome] = advance_to_the_end(Work(order))
    assert outcome.result.evaluation.objectives.values["accuracy"] == pytest.approx(ACCURACY)
    assert folder.folder.child("cases").list_files() == before
    assert Folder(str(tmp_path / "beside" / "cases")).list_files() == ["trial-00003-validation.parquet"]
