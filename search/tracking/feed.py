"""The search's side of the tracking in Weights & Biases: feeds the tracking process, and never waits for it.

The search only records which trials changed; a thread writes them to the process. While the process is behind, only the
newest state of each trial waits for it, so the queue does not grow and nothing is left out. Only the end of a search
waits, for `tracking.wait_seconds` at most.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console

from paretoseg.search.running.session import Session
from paretoseg.search.tracking.plan import Mode, TrackingConfig, TrackingPlan, choose_folder, settle_mode
from paretoseg.search.trials.trial import Trial

# These are about one run; here there are many.
_OF_ONE_RUN = ("WANDB_RUN_ID", "WANDB_RESUME", "WANDB_NAME", "WANDB_SWEEP_ID", "WANDB_SERVICE", "WANDB_RUN_GROUP")

_SECONDS_TO_DIE = 5.0


class Tracker(Protocol):
    """What a search tells of itself."""

    def update(self, session: Session) -> None:
        """Call it after every change."""
        ...

    def conclude(self, candidates: Sequence[Mapping[str, Any]]) -> None:
        """Call it at the end, with the rows of `candidates.parquet`."""
        ...


class _NoTracker:
    def update(self, session: Session) -> None:
        """Does nothing."""

    def conclude(self, candidates: Sequence[Mapping[str, Any]]) -> None:
        """Does nothing."""


@contextmanager
def follow(config: TrackingConfig, session: Session, console: Console) -> Iterator[Tracker]:
    """Tracks a session while the block runs.

    Leaving the block waits for W&B and says so, but not longer than the config allows. Errors of W&B are never raised
    here.
    """
    mode, why = settle_mode(config)
    if mode is Mode.disabled:
        yield _NoTracker()
        return
    try:
        folder = choose_folder(config, session.folder.folder)
        plan = TrackingPlan(mode, folder, config.project, config.entity, session.study.record.created)
        feed = TrackingFeed(plan, lambda text: console.print(f"W&B: {text}", markup=False, soft_wrap=True))
    except OSError as error:
        console.print(f"W&B: left out, as it cannot be started: {error}", markup=False, soft_wrap=True)
        yield _NoTracker()
        return
    place = f"project {plan.project}" if mode is Mode.online else f"runs are kept in {_show_place(plan)}"
    console.print(f"W&B: {mode}, as {why}; {place}.", markup=False, soft_wrap=True)
    feed.update(session)
    try:
        yield feed
    finally:
        feed.close(config.wait_seconds, console)


class TrackingFeed:
    """The tracking process, and the changes that it has not received yet.

    When W&B fails online, a second process writes everything once more, to files for `wandb sync`.

    Args:
        plan: What the process receives first.
        show: Shows a line to the user; called from a thread.

    Raises:
        OSError: if the process cannot be started.
    """

    def __init__(self, plan: TrackingPlan, show: Callable[[str], None]) -> None:
        self._plan = plan
        self._show = show
        self._num_changes = 0
        self._seen: dict[int, Trial] = {}
        self._waiting: dict[int, Trial] = {}
        self._candidates: tuple[Mapping[str, Any], ...] = ()
        self._sent: deque[int] = deque()
        self._changed = threading.Condition()
        self._is_closing = self._is_whole = self._was_ended = False
        self._url = self._failure = ""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._process = _start(self._errors.fileno())
        # An event, as a thread that is joined when Ctrl-C comes can count as ended though it is not.
        self._has_ended = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def num_left(self) -> int:
        """The number of trials whose newest state the process has not handled."""
        with self._changed:
            return len({*self._waiting, *self._sent})

    def update(self, session: Session) -> None:
        """Records which trials have changed; takes microseconds, whatever W&B is doing."""
        record = session.study.record
        changed = {trial.trial_id: trial for trial in record.changed_since(self._num_changes)}
        self._num_changes = record.num_changes
        if changed:
            with self._changed:
                self._seen |= changed
                self._waiting |= changed
                self._changed.notify_all()

    def conclude(self, candidates: Sequence[Mapping[str, Any]]) -> None:
        """Records the rows of all candidates, which go to the run of the search when everything else is sent."""
        with self._changed:
            self._candidates = tuple(candidates)

    def close(self, wait_seconds: float, console: Console) -> None:
        """Waits until W&B has everything, `wait_seconds` at most; Ctrl-C ends the wait. Then kills the process."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        waited = f"tracking.wait_seconds={wait_seconds:g} are over"
        try:
            self._wait(wait_seconds, console)
        except KeyboardInterrupt:
            waited = "interrupted"
        with self._changed:
            self._was_ended = not self._has_ended.is_set()
            self._process.kill()
        self._has_ended.wait(_SECONDS_TO_DIE)
        if self._is_whole:
            self._show(self._url or f"{len(self._seen)} trials; `{describe_sync(self._plan)}` sends them")
        elif self._was_ended:
            left = f"{self.num_left} of {len(self._seen)} trials"
            self._show(f"{waited}, {left} are not sent; the same command sends what is missing")
        self._errors.close()

    def _wait(self, wait_seconds: float, console: Console) -> None:
        deadline = time.monotonic() + wait_seconds
        with console.status("W&B ...") as status:
            while not self._has_ended.is_set() and (left := deadline - time.monotonic()) > 0:
                status.update(f"W&B: {self.num_left} trials to go, at most {left:.0f} s more (Ctrl-C skips)")
                self._has_ended.wait(min(0.2, left))

    def _serve(self) -> None:
        """Feeds the process and reads its messages until it ends; then the same offline if it failed online."""
        try:
            self._serve_process(self._process)
            if self._failure and self._plan.mode is Mode.online and not self._was_ended:
                place = _show_place(self._plan)
                self._show(f"cannot be used online ({self._failure}); runs are kept in {place} instead")
                if self._restart_offline():
                    self._serve_process(self._process)
        except (OSError, ValueError) as error:  # ValueError: `close` did not wait for the last messages
            self._failure = str(error)
        if self._failure and not self._was_ended:
            self._show(f"left out ({self._failure}); the same command sends what is missing")
        self._has_ended.set()

    def _restart_offline(self) -> bool:
        """Starts an offline process and queues every trial for it; False if the feed is closed already."""
        with self._changed:
            if self._was_ended:
                return False
            self._plan = dataclasses.replace(self._plan, mode=Mode.offline, is_fallback=True)
            self._waiting, self._failure, self._url = dict(self._seen), "", ""
            self._sent.clear()
            self._process = _start(self._errors.fileno())
            self._changed.notify_all()
            return True

    def _serve_process(self, process: subprocess.Popen[bytes]) -> None:
        """Feeds a process and reads its messages, until it ends."""
        feeder = threading.Thread(target=self._feed, args=(process,), daemon=True)
        feeder.start()
        assert process.stdout is not None
        with process.stdout as pipe:
            for line in pipe:
                self._handle(json.loads(line))
        if process.wait() != 0 and not self._was_ended:
            self._errors.seek(0)
            last = self._errors.read().decode(errors="replace").strip().rpartition("\n")[2]
            self._failure = last or f"it ended with code {process.returncode}"

    def _handle(self, message: Mapping[str, Any]) -> None:
        """Handles a message of the process."""
        match message:
            case {"taken": _}:
                with self._changed:
                    self._sent.popleft()
            case {"refused": int(trial_id), "why": str(why)}:
                self._show(f"trial {trial_id} is left out, as its run is refused ({why})")
            case {"url": str(url)}:
                self._url = url
            case {"failed": str(failure)}:
                self._failure = failure
            case {"closed": True}:
                self._is_whole = True

    def _feed(self, process: subprocess.Popen[bytes]) -> None:
        """Writes the changed trials to the process; all that changed while it was busy go together."""
        assert process.stdin is not None
        try:
            with process.stdin as pipe:
                pickle.dump(self._plan, pipe)
                while trials := self._next_batch(process):
                    pickle.dump(trials, pipe)
                    pipe.flush()
                if self._is_closing and self._candidates:
                    pickle.dump(self._candidates, pipe)
        except OSError:
            pass  # the process ended, which `_serve_process` notices as well

    def _next_batch(self, process: subprocess.Popen[bytes]) -> tuple[Trial, ...]:
        """The trials that changed, as soon as there are some; none when the search is over or the process replaced."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closing or self._process is not process)
            if self._process is not process:
                return ()
            batch = tuple(self._waiting.values())
            self._waiting = {}
            self._sent.extend(trial.trial_id for trial in batch)
            return batch


def describe_sync(plan: TrackingPlan) -> str:
    """The command that sends the files of a plan's runs."""
    return f"wandb sync {shlex.quote(_show_place(plan))}/offline-run-*-{plan.prefix}-*"


def _show_place(plan: TrackingPlan) -> str:
    """Where the files of the runs lie, as a user in the working folder would type it."""
    place = plan.folder / "wandb"
    return str(place.relative_to(Path.cwd()) if place.is_relative_to(Path.cwd()) else place)


def _start(errors: int) -> subprocess.Popen[bytes]:
    """Starts a process in its own session, so that Ctrl-C does not reach it."""
    environment = {name: value for name, value in os.environ.items() if name not in _OF_ONE_RUN}
    environment.setdefault("WANDB_ERROR_REPORTING", "false")
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(
        [sys.executable, "-m", "paretoseg.search.tracking.process"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        start_new_session=True,
    )
