"""What Tune is told when the study's storage fails; no Ray is up."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from search.events import Event, Finished, Stopped
from search.session import Session
from search.store.folder import Folder, StorageError
from search.study import Budget
from search.tuning import SessionScheduler, SessionSearcher
from search.worker import Job, Work
from tests.builders import build_session

TUNE_TRIAL: Any = SimpleNamespace(trial_id="one")
STOP, CONTINUE = SessionScheduler.STOP, SessionScheduler.CONTINUE


class Tune:
    """Does with searcher and scheduler what Tune's loop does, as far as one trial goes."""

    def __init__(self, session: Session) -> None:
        jobs: dict[str, Job] = {}
        self.searcher = SessionSearcher(session, jobs, slots=2)
        self.scheduler = SessionScheduler(session, jobs)
        suggestion = self.searcher.suggest("one")
        assert isinstance(suggestion, dict)
        self.work = Work(suggestion["job"])

    def step(self) -> str:
        """One result of the trial; a trial that is stopped is told of once more, as complete."""
        outcome = self.work.advance()
        result = {"outcome": outcome, "done": outcome.is_last}
        decision = self.scheduler.on_trial_result(None, TUNE_TRIAL, result)
        if decision == STOP or outcome.is_last:
            self.scheduler.on_trial_complete(None, TUNE_TRIAL, result)
        return decision


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return build_session(tmp_path, budget=Budget(trials=3))


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

    monkeypatch.setattr("search.store.journal.os.write", refuse)
    assert tune.step() == STOP
    assert "No space left on device" in session.halt_reason
    assert session.is_over()
    assert tune.searcher.suggest("two") == SessionSearcher.FINISHED


def test_a_search_that_was_halted_does_not_wait_for_the_other_trials(session: Session, tune: Tune) -> None:
    assert isinstance(tune.searcher.suggest("two"), dict)
    session.halt("the disk of another worker is full")
    assert tune.searcher.suggest("three") == SessionSearcher.FINISHED
    assert tune.step() == STOP


@pytest.mark.parametrize("file", ["trials.parquet", "front.csv"])
def test_a_trial_that_was_pruned_ends_once_although_a_table_cannot_be_written(
    session: Session, tune: Tune, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    monkeypatch.setattr(session.study._pruner, "should_stop", lambda trial, others: True)
    fail_once(monkeypatch, file)
    assert tune.step() == STOP
    assert session.halt_reason == "a hiccup"
    assert ends(session) == [Stopped]


def test_a_trial_that_is_done_ends_once_although_a_table_cannot_be_written(
    session: Session, tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_once(monkeypatch, "trials.parquet")
    decisions = [tune.step() for _ in range(4)]
    assert decisions == [CONTINUE] * 3 + [STOP]
    assert session.halt_reason == "a hiccup"
    assert ends(session) == [Finished]
    assert session.is_over()
