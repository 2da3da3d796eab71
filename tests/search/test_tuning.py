"""What is made of a worker that died; no Ray is up."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray import cloudpickle
from ray.exceptions import RayActorError

from search.session import Session
from search.trial import FailureKind, State
from search.tuning import SessionScheduler, SessionSearcher, StartClock
from search.worker import Job
from tests.builders import build_session


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


def begin(session: Session) -> tuple[SessionScheduler, StartClock]:
    jobs: dict[str, Job] = {}
    SessionSearcher(session, jobs, slots=1).suggest("one")
    scheduler = SessionScheduler(session, jobs)
    return scheduler, StartClock(scheduler.note_start)


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


def test_a_worker_that_ended_itself_took_too_long_although_its_start_is_told_late(
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


def test_what_tune_keeps_of_the_clock_is_nothing(session: Session) -> None:
    _, start_clock = begin(session)
    assert vars(cloudpickle.loads(cloudpickle.dumps(start_clock))) == {}
