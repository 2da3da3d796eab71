"""How the search handles a worker that died, and a storage that fails; without Ray."""

from __future__ import annotations

import dataclasses
import errno
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from ray import cloudpickle
from ray.exceptions import RayActorError

from paretoseg.search.running.session import TABLE_SECONDS, Session
from paretoseg.search.running.tuning import JobScheduler, JobSearcher, Refresher, StartClock, TrialActor
from paretoseg.search.running.watchdog import RayLostError
from paretoseg.search.running.worker import Job, Work
from paretoseg.search.store.folder import Folder, StorageError
from paretoseg.search.trials.events import Event, Finished, Stopped
from paretoseg.search.trials.trial import FailureKind, State
from tests.builders import build_session

TUNE_TRIAL: Any = SimpleNamespace(trial_id="one")
STOP, CONTINUE = JobScheduler.STOP, JobScheduler.CONTINUE


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def session(tmp_path: Path, clock: Clock) -> Session:
    return build_session(tmp_path / "study", timeout_min=1.0, now=clock)


@pytest.fixture
def ray_trial(tmp_path: Path) -> Any:
    """A trial of Tune's whose worker was lost."""
    error = tmp_path / "error.pkl"
    error.write_bytes(cloudpickle.dumps(RayActorError()))
    return SimpleNamespace(trial_id="one", pickled_error_file=str(error))


def begin(session: Session) -> tuple[JobScheduler, StartClock]:
    jobs: dict[str, Job] = {}
    JobSearcher(session, jobs, lambda: 1).suggest("one")
    scheduler = JobScheduler(session, jobs, start_s=600.0)
    return scheduler, StartClock(scheduler.record_start, scheduler.check_starts)


def test_a_worker_that_is_lost_after_a_long_wait_for_a_place_did_not_take_too_long(
    session: Session, clock: Clock, ray_trial: Any
) -> None:
    scheduler, start_clock = begin(session)
    clock.seconds = 300.0
    start_clock.on_trial_start(iteration=1, trials=[ray_trial], trial=ray_trial)
    clock.seconds = 310.0
    scheduler.on_trial_error(None, ray_trial)
    assert session.study.trials[0].state is State.RUNNING
    job = session.next_job()
    assert job is not None
    assert job.trial_id == 0


def test_a_worker_that_is_lost_before_it_took_the_trial_did_not_take_too_long(
    session: Session, clock: Clock, ray_trial: Any
) -> None:
    scheduler, _ = begin(session)
    clock.seconds = 300.0
    scheduler.on_trial_error(None, ray_trial)
    assert session.study.trials[0].state is State.RUNNING


def test_a_worker_that_ended_itself_took_too_long_although_its_start_is_reported_late(
    session: Session, clock: Clock, ray_trial: Any
) -> None:
    scheduler, start_clock = begin(session)
    clock.seconds = 301.0
    start_clock.on_trial_start(iteration=1, trials=[ray_trial], trial=ray_trial)
    clock.seconds = 300.0 + 65.0
    scheduler.on_trial_error(None, ray_trial)
    failure = session.study.trials[0].failure
    assert failure is not None
    assert failure.kind is FailureKind.TIMEOUT


def test_an_error_in_a_worker_that_starts_is_the_failure_and_is_not_tried_again(
    session: Session, tmp_path: Path
) -> None:
    message = "The actor died because of an error raised in its creation task, ray::TrialActor.__init__() (pid=1)\n"
    error = RayActorError(error_msg=message + '  File "a.py", line 1\nImportError: no torch\n', actor_init_failed=True)
    (tmp_path / "error.pkl").write_bytes(cloudpickle.dumps(error))
    scheduler, _ = begin(session)
    trial: Any = SimpleNamespace(trial_id="one", pickled_error_file=str(tmp_path / "error.pkl"))
    scheduler.on_trial_error(None, trial)
    failure = session.study.trials[0].failure
    assert failure is not None
    assert (failure.kind, failure.reason) == (FailureKind.ERROR, "ImportError: no torch")


def test_a_worker_that_cannot_import_what_its_task_needs_says_why(session: Session) -> None:
    job = session.next_job()
    assert job is not None
    task = SimpleNamespace(warm_up=Mock(side_effect=ImportError("no torch")))
    actor = object.__new__(TrialActor)
    actor.setup({"job": dataclasses.replace(job, task=task), "team": None})  # type: ignore[arg-type]
    outcome = actor.step()["outcome"]
    actor.cleanup()
    assert outcome.is_last
    assert outcome.result.failure.reason == "ImportError: no torch"
    assert "in find_obstacle" in outcome.result.failure.traceback


def test_a_ray_on_which_no_worker_starts_is_not_waited_for_for_ever(session: Session, clock: Clock) -> None:
    _, start_clock = begin(session)
    for seconds in (0.0, 300.0, 600.0):
        clock.seconds = seconds
        start_clock.on_step_begin(iteration=1, trials=[])
    clock.seconds = 601.0
    with pytest.raises(RayLostError, match="no worker has started for 600 s"):
        start_clock.on_step_begin(iteration=1, trials=[])


def test_a_worker_that_has_started_may_take_as_long_as_its_trial_does(
    session: Session, clock: Clock, ray_trial: Any
) -> None:
    _, start_clock = begin(session)
    start_clock.on_step_begin(iteration=1, trials=[])
    start_clock.on_trial_start(iteration=1, trials=[ray_trial], trial=ray_trial)
    clock.seconds = 100_000.0
    start_clock.on_step_begin(iteration=2, trials=[ray_trial])


def test_what_tune_keeps_of_the_clock_is_nothing(session: Session) -> None:
    _, start_clock = begin(session)
    assert vars(cloudpickle.loads(cloudpickle.dumps(start_clock))) == {}


def test_slots_that_come_while_tune_waits_within_a_step_are_used_at_once(session: Session) -> None:
    """While no trial runs, Tune asks for one again and again, without beginning another step."""
    slots, jobs = [0], dict[str, Job]()
    searcher = JobSearcher(session, jobs, lambda: slots[0])
    assert searcher.suggest("one") is None
    slots[0] = 1
    assert isinstance(searcher.suggest("one"), dict)
    assert searcher.suggest("two") is None


class Tune:
    """Does with searcher and scheduler what Tune's loop does, as far as one trial goes."""

    def __init__(self, session: Session) -> None:
        jobs: dict[str, Job] = {}
        self.searcher = JobSearcher(session, jobs, lambda: 2)
        self.scheduler = JobScheduler(session, jobs)
        suggestion = self.searcher.suggest("one")
        assert isinstance(suggestion, dict)
        self.work = Work(suggestion["job"])

    def step(self) -> str:
        """One result of the trial; Tune reports a trial that is stopped a second time, as complete."""
        outcome = self.work.advance()
        result = {"outcome": outcome, "done": outcome.is_last}
        decision = self.scheduler.on_trial_result(None, TUNE_TRIAL, result)
        if decision == STOP or outcome.is_last:
            self.scheduler.on_trial_complete(None, TUNE_TRIAL, result)
        return decision


@pytest.fixture
def tune(session: Session) -> Iterator[Tune]:
    yield Tune(session)
    session.folder.journal.close()


def fail_once(monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    """Makes the next write of the file fail, and only that one."""
    write, failed = Folder.write, []

    def write_or_fail(self: Folder, name: str, content: bytes) -> None:
        if name == file and not failed:
            failed.append(name)
            raise StorageError("a hiccup")
        write(self, name, content)

    monkeypatch.setattr(Folder, "write", write_or_fail)


def ends(session: Session) -> list[type[Event]]:
    return [type(event) for event in session.folder.read_events() if isinstance(event, Finished | Stopped)]


def test_a_journal_that_cannot_be_written_ends_the_search(
    session: Session, tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("paretoseg.search.store.journal.os.write", refuse)
    assert tune.step() == STOP
    assert "No space left on device" in session.halt_reason
    assert session.is_over()
    assert tune.searcher.suggest("two") == JobSearcher.FINISHED


def test_a_search_that_was_halted_does_not_wait_for_the_other_trials(session: Session, tune: Tune) -> None:
    assert isinstance(tune.searcher.suggest("two"), dict)
    session.halt("the disk of another worker is full")
    assert tune.searcher.suggest("three") == JobSearcher.FINISHED
    assert tune.step() == STOP


@pytest.mark.parametrize("file", ["trials.parquet", "front.csv"])
def test_a_trial_that_was_pruned_ends_once_although_a_table_cannot_be_written(
    session: Session, tune: Tune, clock: Clock, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    clock.seconds = 2 * TABLE_SECONDS
    monkeypatch.setattr(session.study._pruner, "should_stop", lambda trial: True)
    fail_once(monkeypatch, file)
    assert tune.step() == STOP
    assert session.halt_reason == "a hiccup"
    assert ends(session) == [Stopped]


def test_a_trial_that_is_done_ends_once_although_a_table_cannot_be_written(
    session: Session, tune: Tune, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_once(monkeypatch, "trials.parquet")
    decisions = [tune.step() for _ in range(3)]
    clock.seconds = 2 * TABLE_SECONDS
    decisions.append(tune.step())
    assert decisions == [CONTINUE] * 3 + [STOP]
    assert session.halt_reason == "a hiccup"
    assert ends(session) == [Finished]
    assert session.is_over()


def test_the_tables_are_brought_up_to_date_while_no_trial_reports(session: Session, tune: Tune, clock: Clock) -> None:
    tune.step()
    refresher, name = Refresher(session), "trials.parquet"
    before = session.folder.folder.read(name)
    refresher.on_step_end(iteration=1, trials=[])
    assert session.folder.folder.read(name) == before
    clock.seconds = 2 * TABLE_SECONDS
    refresher.on_step_end(iteration=2, trials=[])
    assert session.folder.folder.read(name) != before


def test_tables_that_cannot_be_written_while_no_trial_reports_end_the_search(
    session: Session, tune: Tune, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune.step()
    fail_once(monkeypatch, "trials.parquet")
    clock.seconds = 2 * TABLE_SECONDS
    Refresher(session).on_step_end(iteration=1, trials=[])
    assert session.halt_reason == "a hiccup"


def test_a_loss_is_counted_whether_the_actor_or_its_processes_died(session: Session, ray_trial: Any) -> None:
    scheduler, _ = begin(session)
    scheduler.on_trial_error(None, ray_trial)
    assert scheduler.num_losses == 1
