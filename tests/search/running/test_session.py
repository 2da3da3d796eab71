import dataclasses
import io
import shutil

import numpy as np
import pytest
from pyarrow import parquet

from paretoseg.search.running.serial import run_serially
from paretoseg.search.running.session import MAX_LOSSES, TABLE_SECONDS, TABLE_SHARE
from paretoseg.search.running.worker import Broken, Halted, Job, JobKind, Measured, Outcome, Work
from paretoseg.search.store.folder import StorageError
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.strategies.evolution import EvolutionConfig
from paretoseg.search.strategies.pruner import MedianConfig, NeverConfig
from paretoseg.search.study.budget import Budget
from paretoseg.search.trials.trial import CONFIRMATION, Failure, FailureKind, State
from paretoseg.spaces.objective import Measurement
from paretoseg.trainables.toy import FailureMode, ToyConfig, ToyTask
from paretoseg.trainables.trainable import ESTIMATED_MEMORY, TAKEN_MEMORY, Evaluation
from tests.builders import build_session

LOST = Failure(FailureKind.LOST, "the worker died")


def what_was_tried(study):
    return [(trial.trial_id, trial.candidate, trial.seed, trial.origin, trial.parents) for trial in study.trials]


def run(location, **settings):
    session = build_session(location, **settings)
    run_serially(session)
    session.folder.journal.close()
    return session


def finish_job(session, job):
    work = Work(job)
    while not session.take(job, work.advance()):
        pass


def test_a_serial_search_finishes_its_trials_and_tests_its_front(tmp_path):
    session = run(tmp_path)
    study = session.study
    assert study.is_complete()
    assert session.is_over()
    assert session.warnings == []
    assert {trial.state for trial in study.trials} == {State.FINISHED}
    front = {trial.trial_id for trial in study.front.trials}
    assert {trial.trial_id for trial in study.trials if trial.test} == front
    for trial in study.front.trials:
        assert trial.test["accuracy"] == pytest.approx(trial.objectives["accuracy"] - 0.01)


def test_only_checkpoints_of_the_front_are_kept(tmp_path):
    session = run(tmp_path)
    kept = {f"trial-{trial.trial_id:05d}" for trial in session.study.front.trials}
    assert set(session.folder.folder.child("checkpoints").list_folders()) == kept
    assert len(kept) < len(session.study.trials)
    for name in kept:
        files = session.folder.folder.child("checkpoints").child(name)
        assert files.list_folders() == ["step-0003"]


def test_checkpoints_of_running_trials_are_kept(tmp_path):
    session = build_session(tmp_path)
    first, second = session.next_job(), session.next_job()
    session.take(first, Work(first).advance())
    finish_job(session, second)
    assert set(session.folder.folder.child("checkpoints").list_folders()) == {"trial-00000", "trial-00001"}


def test_tests_wait_until_every_trial_has_ended(tmp_path):
    session = build_session(tmp_path, budget=Budget(trials=2))
    first, second = session.next_job(), session.next_job()
    finish_job(session, first)
    assert session.next_job() is None
    assert not session.is_over()
    finish_job(session, second)
    tests = []
    while (job := session.next_job()) is not None:
        tests.append(job)
    assert {job.kind for job in tests} == {JobKind.TEST}
    assert [job.trial_id for job in tests] == [trial.trial_id for trial in session.study.front.trials]
    for job in tests:
        assert not session.is_over()
        finish_job(session, job)
    assert session.is_over()


def test_a_test_that_fails_is_a_warning_and_not_tried_again(tmp_path):
    session = build_session(tmp_path, budget=Budget(trials=1))
    finish_job(session, session.next_job())
    job = session.next_job()
    assert job.kind is JobKind.TEST
    assert session.take(job, Outcome(Broken(LOST), 0.0, 1.0))
    assert session.next_job() is None
    assert session.is_over()
    assert session.warnings == ["trial 0 was not measured on the test cases: the worker died"]
    assert session.study.trials[0].state is State.FINISHED
    assert not session.study.gave_up


def test_a_member_whose_checkpoint_is_lost_is_trained_again_and_tested(tmp_path):
    session = build_session(tmp_path, strategy=EvolutionConfig(population=8), budget=Budget(trials=24))
    next_job = session.next_job
    deleted = []

    def lose_a_checkpoint():
        job = next_job()
        if job and job.kind is JobKind.TEST and not deleted:
            deleted.append(job.trial_id)
            session.folder.folder.child("checkpoints").delete(f"trial-{job.trial_id:05d}")
        return job

    session.next_job = lose_a_checkpoint
    run_serially(session)
    assert all(trial.test for trial in session.study.front.trials)
    assert session.warnings == [
        f"trial {deleted[0]} was trained again for the test cases, because its checkpoint is gone"
    ]


def test_the_trial_of_a_lost_worker_goes_on_before_anything_new_starts(tmp_path):
    session = build_session(tmp_path, budget=Budget(trials=2))
    session.lose(session.next_job(), LOST)
    assert not session.is_over()
    run_serially(session)
    trials = session.study.trials
    assert [(trial.state, trial.num_attempts) for trial in trials] == [(State.FINISHED, 2), (State.FINISHED, 1)]


def test_a_trial_that_was_lost_too_often_fails_and_the_search_goes_on(tmp_path):
    session = build_session(tmp_path, budget=Budget(trials=2))
    for _ in range(MAX_LOSSES + 1):
        job = session.next_job()
        assert job.trial_id == 0
        session.lose(job, LOST)
    assert session.study.trials[0].failure == LOST
    run_serially(session)
    assert [trial.state for trial in session.study.trials] == [State.FAILED, State.FINISHED]


def test_a_trial_that_gives_way_is_put_back_as_often_as_it_takes(tmp_path):
    session = build_session(tmp_path, budget=Budget(trials=1))
    for _ in range(MAX_LOSSES + 1):
        session.put_back(session.next_job())
    run_serially(session)
    assert [trial.state for trial in session.study.trials] == [State.FINISHED]


def test_a_worker_that_ran_out_of_memory_is_not_tried_again(tmp_path):
    session = build_session(tmp_path, budget=Budget(trials=2))
    failure = Failure(FailureKind.MEMORY, "too big")
    session.lose(session.next_job(), failure)
    assert session.study.trials[0].failure == failure


def test_the_test_of_a_lost_worker_is_made_again(tmp_path):
    session = build_session(tmp_path, budget=Budget(trials=2))
    while (job := session.next_job()).kind is JobKind.TRIAL:
        work = Work(job)
        while not session.take(job, work.advance()):
            pass
    session.lose(job, LOST)
    run_serially(session)
    assert all(trial.test for trial in session.study.front.trials)
    assert session.warnings == []


def test_failures_in_a_row_end_the_session_without_tests(tmp_path):
    task = ToyTask(ToyConfig(failure=FailureMode.error, fails_below=2.0))
    session = run(tmp_path, task=task, budget=Budget(trials=50, max_failures=3))
    assert session.study.gave_up
    assert [trial.state for trial in session.study.trials] == [State.FAILED] * 3
    assert session.is_over()


def test_a_halted_session_hands_out_nothing(tmp_path):
    session = build_session(tmp_path)
    job = session.next_job()
    assert session.take(job, Outcome(Halted("the disk is full"), 0.0, 1.0))
    assert session.halt_reason == "the disk is full"
    assert session.next_job() is None
    assert session.is_over()
    assert session.study.trials[0].state is State.RUNNING


def test_the_first_reason_to_halt_is_the_one_that_is_reported(tmp_path):
    session = build_session(tmp_path)
    session.halt("first")
    session.halt("second")
    assert session.halt_reason == "first"


def test_pruned_trials_are_stopped_and_stay_off_the_front(tmp_path):
    session = run(tmp_path, pruner=MedianConfig(min_trials=2, min_steps=1), budget=Budget(trials=16))
    stopped = [trial for trial in session.study.trials if trial.state is State.STOPPED]
    assert stopped
    assert all(trial.objectives == {} and trial.test == {} for trial in stopped)
    assert not {trial.trial_id for trial in stopped} & {trial.trial_id for trial in session.study.front.trials}


def test_a_clock_that_runs_out_between_two_looks_ends_the_search(tmp_path):
    """Between asking whether the session is over and asking for a job, the last second of the budget can pass."""
    times = iter([0.0, *np.linspace(3599.0, 3601.0, 3), *np.full(50, 7200.0)])
    session = build_session(tmp_path, budget=Budget(trials=5, hours=1.0), now=lambda: float(next(times)))
    run_serially(session)
    assert session.is_over()


def test_a_session_whose_hours_are_spent_is_not_over_while_an_interrupted_trial_is_left(tmp_path):
    build_session(tmp_path, budget=Budget(trials=5, hours=1.0), now=lambda: 0.0).next_job()
    ticks = iter([0.0, *[7200.0] * 50])
    session = build_session(tmp_path, budget=Budget(trials=5, hours=1.0), now=lambda: next(ticks))
    assert not session.is_over()
    run_serially(session)
    assert [trial.state for trial in session.study.trials] == [State.FINISHED]
    assert session.is_done()


def test_everybody_who_observes_sees_every_change(tmp_path):
    session = build_session(tmp_path, budget=Budget(trials=1))
    seen = []
    session.observe = lambda session: seen.append([trial.state.value for trial in session.study.trials])
    run_serially(session)
    assert seen[0] == ["RUNNING"]
    assert seen[-1] == ["FINISHED"]
    assert len(seen) == 1 + 4 + 2


@pytest.mark.parametrize("pruner", [NeverConfig(), MedianConfig(min_trials=2, min_steps=1)], ids=["never", "median"])
def test_a_crash_before_or_after_any_record_changes_nothing(tmp_path, pruner):
    """A search that resumes from the folder of a process that died, with its checkpoints, gives the same front."""
    settings = {"pruner": pruner, "budget": Budget(trials=7), "task": ToyTask(ToyConfig(noise=0.02, num_steps=2))}
    session = build_session(tmp_path / "whole", **settings)
    journal, append, crashes = session.folder.journal, session.folder.journal.append, []

    def append_and_photograph(event):
        for moment in ("before", "after"):
            crashes.append((moment, event.kind, tmp_path / f"crash-{len(crashes)}"))
            shutil.copytree(tmp_path / "whole", crashes[-1][2])
            if moment == "before":
                append(event)

    journal.append = append_and_photograph
    run_serially(session)
    expected = what_was_tried(session.study), [trial.reports for trial in session.study.trials]
    assert len(crashes) > 45
    assert (State.STOPPED in {trial.state for trial in session.study.trials}) == isinstance(pruner, MedianConfig)
    for moment, kind, folder in crashes:
        resumed = run(folder, **settings).study
        found = what_was_tried(resumed), [trial.reports for trial in resumed.trials]
        assert found[0] == expected[0], f"{moment} {kind}"
        assert found[1] == expected[1], f"{moment} {kind}"
        assert [trial.objectives for trial in resumed.trials] == [trial.objectives for trial in session.study.trials]


def test_a_study_on_an_object_store_is_searched_and_resumed(s3_storage, tmp_path):
    location = s3_storage.replace("/studies?", f"/studies/{tmp_path.name}?")
    first = run(location, budget=Budget(trials=2))
    assert first.study.is_complete()
    second = run(location, budget=Budget(trials=5))
    local = run(tmp_path / "local", budget=Budget(trials=5))
    assert what_was_tried(second.study) == what_was_tried(local.study)
    record = StudyFolder(location).read_record()
    assert [trial.state for trial in record.trials] == [State.FINISHED] * 5
    folder = second.folder.folder
    assert folder.list_files() == ["candidates.parquet", "front.csv", "trials.parquet"]
    kept = {f"trial-{trial.trial_id:05d}" for trial in record.front.trials}
    assert set(folder.child("checkpoints").list_folders()) == kept
    assert len(folder.child("cases").list_files()) >= 5 + len(kept)


def test_a_storage_that_fails_ends_a_serial_search(tmp_path):
    session = build_session(tmp_path)
    (tmp_path / "trials.parquet").mkdir()
    (tmp_path / "trials.parquet" / "file").write_text("in the way")
    with pytest.raises(StorageError, match=r"trials\.parquet"):
        run_serially(session)


class Clock:
    """Stands still until it is set."""

    def __init__(self):
        self.seconds = 1000.0

    def __call__(self):
        return self.seconds


def count_rows(session):
    """How many trials the table on disk holds as finished."""
    content = session.folder.folder.read("trials.parquet")
    return parquet.read_table(io.BytesIO(content))["state"].to_pylist().count("FINISHED")


def test_the_tables_are_written_by_time_and_not_for_every_trial(tmp_path):
    clock = Clock()
    session = build_session(tmp_path, now=clock)
    for _ in range(3):
        finish_job(session, session.next_job())
    assert count_rows(session) == 0
    assert session.folder.folder.read("front.csv").count(b"\n") == 1
    clock.seconds += TABLE_SECONDS
    session.refresh()
    assert count_rows(session) == 3
    assert session.folder.folder.read("front.csv").count(b"\n") == 1 + len(session.study.front.trials)


@pytest.mark.parametrize("act", ["a job is handed out", "a trial reports", "a worker is lost"])
def test_tables_that_are_due_are_written_at_any_event(tmp_path, act):
    clock = Clock()
    session = build_session(tmp_path, now=clock)
    finish_job(session, session.next_job())
    job = session.next_job()
    clock.seconds += TABLE_SECONDS
    match act:
        case "a job is handed out":
            session.next_job()
        case "a trial reports":
            session.take(job, Work(job).advance())
        case _:
            session.lose(job, LOST)
    assert count_rows(session) == 1


def test_tables_that_are_up_to_date_are_left_alone(tmp_path, monkeypatch):
    clock = Clock()
    session = build_session(tmp_path, now=clock)
    finish_job(session, session.next_job())
    session.write_tables()
    clock.seconds += 100 * TABLE_SECONDS
    monkeypatch.setattr(session.folder, "write_trials", lambda record: pytest.fail("written again"))
    session.refresh()


def test_a_clock_that_is_set_back_does_not_hold_the_tables_up(tmp_path):
    clock = Clock()
    session = build_session(tmp_path, now=clock)
    finish_job(session, session.next_job())
    assert count_rows(session) == 0
    clock.seconds -= 500.0
    session.refresh()
    assert count_rows(session) == 1


def test_tables_that_take_long_to_write_are_written_less_often(tmp_path, monkeypatch):
    clock = Clock()
    session = build_session(tmp_path, now=clock)
    write = session.folder.write_trials

    def write_slowly(record):
        clock.seconds += 2.0
        write(record)

    monkeypatch.setattr(session.folder, "write_trials", write_slowly)
    finish_job(session, session.next_job())
    clock.seconds += TABLE_SECONDS
    finish_job(session, session.next_job())
    assert count_rows(session) == 1
    for seconds, rows in ((2.0 / TABLE_SHARE - 1.0, 1), (1.0, 2)):
        clock.seconds += seconds
        session.refresh()
        assert count_rows(session) == rows


def test_stale_tables_of_a_process_that_was_killed_are_rewritten_by_the_next(tmp_path):
    killed = build_session(tmp_path, now=Clock())
    for _ in range(2):
        finish_job(killed, killed.next_job())
    killed.folder.folder.child("checkpoints").child("trial-00099").write("left", b"behind")
    assert count_rows(killed) == 0
    killed.folder.journal.close()
    session = build_session(tmp_path, now=Clock())
    session.next_job()
    assert count_rows(session) == 2
    kept = {f"trial-{trial.trial_id:05d}" for trial in session.study.front.trials}
    assert set(session.folder.folder.child("checkpoints").list_folders()) == kept


def test_a_search_that_was_halted_writes_no_tables(tmp_path):
    clock = Clock()
    session = build_session(tmp_path, now=clock)
    finish_job(session, session.next_job())
    session.halt("the disk is full")
    clock.seconds += 100 * TABLE_SECONDS
    session.refresh()
    assert count_rows(session) == 0


def finish_with_memory(session, job: Job, taken: float) -> None:
    values = Measurement({"accuracy": 0.5, "robustness": 0.5})
    costs = {"parameters": 1.0, ESTIMATED_MEMORY: 2.0, TAKEN_MEMORY: 2.0 * taken}
    evaluation = Evaluation(values, costs, device="a card")
    assert session.take(job, Outcome(Measured(evaluation), began_at=1.0, seconds=1.0))


def test_a_trial_gets_the_memory_factors_of_earlier_trials_and_the_same_when_it_starts_again(tmp_path):
    session = build_session(tmp_path)
    jobs = [session.next_job() for _ in range(3)]
    assert all(job.assignment.memory_factors == {} for job in jobs)
    for job, taken in zip(jobs, (1.2, 1.8, 1.5), strict=True):
        finish_with_memory(session, job, taken)
    job, other = session.next_job(), session.next_job()
    assert job.assignment.memory_factors == {"a card": pytest.approx(1.5)}
    finish_with_memory(session, other, 3.0)
    assert session.next_job().assignment.memory_factors == {"a card": pytest.approx(1.65)}
    session.folder.journal.close()
    again = build_session(tmp_path).next_job()
    assert again.trial_id == job.trial_id
    assert again.assignment == job.assignment


def test_the_trials_of_a_search_are_measured_quickly_where_that_is_needed_and_a_confirmation_is_not(tmp_path):
    session = build_session(tmp_path / "study", budget=Budget(trials=2))
    assert session.next_job().assignment.quick_steps is None
    session.settings = dataclasses.replace(session.settings, quick_steps=(1,))
    assert session.next_job().assignment.quick_steps == (1,)
    trial = dataclasses.replace(session.study.trials[0], origin=CONFIRMATION)
    assert session._to_job(trial, JobKind.TRIAL).assignment.quick_steps == ()
