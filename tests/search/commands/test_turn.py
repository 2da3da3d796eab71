"""A search that waits for the lock of its study."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from paretoseg.search.commands.turn import StillLockedError, hold_in_turn
from paretoseg.search.store.folder import Folder
from paretoseg.search.store.lock import LockedError


class Lock:
    """Held by another process until a time."""

    def __init__(self, until: float) -> None:
        self.until, self.seconds, self.tries, self.is_held = until, 0.0, 0, False

    @contextmanager
    def hold(self, folder: Folder) -> Iterator[None]:
        self.tries += 1
        if self.seconds < self.until:
            raise LockedError("study 'x' is being written by process 7 on elsewhere; wait for it")
        self.is_held = True
        yield
        self.is_held = False

    def pause(self, seconds: float) -> None:
        self.seconds += seconds


def take(lock: Lock, patience_s: float) -> str:
    """Takes the lock, and returns what was shown."""
    console = Console(file=io.StringIO(), width=300)
    with hold_in_turn(
        Folder("studies/x"), patience_s, console, now=lambda: lock.seconds, pause=lock.pause, hold=lock.hold
    ):
        assert lock.is_held
    assert not lock.is_held
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_a_lock_that_becomes_free_is_taken_and_the_wait_is_named_once() -> None:
    lock = Lock(until=75.0)
    assert take(lock, 120.0) == "Waiting up to 120 s: study 'x' is being written by process 7 on elsewhere\n"
    assert 75.0 <= lock.seconds < 78.0


def test_a_free_lock_is_taken_in_silence() -> None:
    assert take(Lock(until=0.0), 120.0) == ""


def test_a_lock_that_stays_held_is_given_up_when_the_time_is_over() -> None:
    lock = Lock(until=1e9)
    with pytest.raises(StillLockedError, match=r"process 7 on elsewhere, also after 120 s \(cluster.lock_wait_s\)"):
        take(lock, 120.0)
    assert 120.0 <= lock.seconds < 123.0


def test_where_nobody_waits_a_held_lock_is_refused_at_once() -> None:
    lock = Lock(until=1e9)
    with pytest.raises(LockedError, match=r"process 7 on elsewhere; wait for it$"):
        take(lock, 0.0)
    assert lock.tries == 1


def test_an_error_of_the_work_itself_is_no_reason_to_wait(tmp_path: Path) -> None:
    def work() -> None:
        with hold_in_turn(Folder(str(tmp_path)), 60.0, Console(file=io.StringIO())):
            raise LockedError("mine")

    with pytest.raises(LockedError, match="mine"):
        work()
    assert str(os.getpid()) in (tmp_path / "writer.lock").read_text()
