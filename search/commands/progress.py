"""Live progress of a search: a panel in a terminal; elsewhere a line a trial, and one whenever it is quiet."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from paretoseg.search.commands.pace import Pace
from paretoseg.search.reports.text import count_states, describe_seconds, format_number, front_table
from paretoseg.search.running.session import Session
from paretoseg.search.trials.trial import CONFIRMATION, REPLICATE, Trial

_MAX_ROWS = 8

QUIET_SECONDS = 30.0
"""After how long without a line one says what runs, where there is no panel."""

_LOOK_SECONDS = 1.0


class Progress:
    """Shows a session while it works; call `update` after every change.

    Args:
        console: Where to show it.
        num_steps: Steps of a trial before it is evaluated; 0 if not known.
    """

    def __init__(self, console: Console, num_steps: int = 0) -> None:
        self._console = console
        self._pace = Pace(num_steps)
        self._session: Session | None = None
        self._num_shown = 0
        self._start = self._said_at = time.monotonic()

    @contextmanager
    def show(self) -> Iterator[None]:
        """Shows the panel while the block runs."""
        if not self._console.is_terminal:
            is_over = threading.Event()
            threading.Thread(target=self._speak, args=(is_over,), name="say what runs", daemon=True).start()
            try:
                yield
            finally:
                is_over.set()
            return
        with Live(get_renderable=self._render, console=self._console, refresh_per_second=2, transient=True):
            yield

    def update(self, session: Session) -> None:
        """Shows the session's new state."""
        record = session.study.record
        if self._session is None:
            self._num_shown = record.num_ends
        self._session = session
        self._pace.add(record, session.active_trials, time.monotonic())
        for trial in record.in_order_of_end(self._num_shown):
            if not self._console.is_terminal:
                self._said_at = time.monotonic()
                self._console.print(self._line(session, trial), markup=False, highlight=False, soft_wrap=True)
        self._num_shown = record.num_ends

    def _speak(self, is_over: threading.Event) -> None:
        """Prints a line whenever it has been quiet, until the event is set."""
        while not is_over.wait(_LOOK_SECONDS):
            if line := self.find_line(time.monotonic()):
                self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def find_line(self, now: float) -> str:
        """What runs, if there was no line for a while before `now`; else ''."""
        if now - self._said_at < QUIET_SECONDS:
            return ""
        self._said_at = now
        session, elapsed = self._session, f"{describe_seconds(now - self._start)} elapsed"
        if session is None:
            return f"starting workers, {elapsed}"
        study = session.study
        running = ", ".join(self._pace.describe_running(now)) or self._describe_end(session) or "no trial runs"
        parts = (
            f"[{study.record.num_ended}{_of(self._count_trials(session))}] {elapsed}",
            self._time_left(session),
            running,
        )
        return "  ".join(part for part in parts if part)

    def _line(self, session: Session, trial: Trial) -> str:
        study = session.study
        ended = study.record.num_ended
        values = " ".join(f"{name} {format_number(value)}" for name, value in trial.objectives.items())
        reason = f"{trial.failure.kind}: {trial.failure.reason}" if trial.failure else trial.degenerate or trial.note
        front = f"front {len(study.front.trials)}, hypervolume {study.front.hypervolume:.4f}"
        seed = f"seed {trial.seed}" if trial.origin in (REPLICATE, CONFIRMATION) else ""
        total = self._count_trials(session)
        place = f"[{ended}{_of(total)}] trial {trial.trial_id} {trial.state.value}"
        baseline = study.record.created.name_baseline(trial.candidate)
        parts = (place, baseline, seed, values, reason, front)
        return "  ".join(part for part in (*parts, self._time_left(session)) if part)

    def _render(self) -> RenderableType:
        elapsed = describe_seconds(time.monotonic() - self._start)
        session = self._session
        if session is None:
            return Text(f"starting workers, {elapsed} ...")
        study = session.study
        ended = study.record.num_ended
        head = Table.grid(padding=(0, 1))
        left = self._time_left(session)
        total = self._count_trials(session)
        head.add_row(
            Text(f"{ended}{_of(total)} trials"),
            ProgressBar(total=total, completed=ended, width=30),
            Text(f"{elapsed} elapsed" + (f", {left}" if left else "")),
        )
        parts: list[RenderableType] = [head, Text(count_states(study.record))]
        if study.front.trials:
            parts.append(front_table(study.record, _MAX_ROWS))
        parts += [Text(phrase) for phrase in self._pace.describe_running(time.monotonic())]
        if end := self._describe_end(session):
            parts.append(Text(end))
        return Group(*parts)

    def _describe_end(self, session: Session) -> str:
        """What happens after the search itself, or ''."""
        study, total = session.study, self._count_trials(session)
        if study.num_to_confirm:
            return f"confirming the front with further seeds, {study.num_to_confirm} to start"
        if total is not None and study.record.num_ended >= total:
            return f"measuring the front on the test cases, {len(study.untested())} to go"
        return ""

    def _time_left(self, session: Session) -> str:
        """An estimate from this session's pace, or '' before there is one; with the confirmation."""
        study = session.study
        total = self._count_trials(session)
        if total is None:  # hours or voxels end the search
            return ""
        seconds = self._pace.estimate_left(study.record, total, time.monotonic())
        return "" if seconds is None else f"about {describe_seconds(seconds)} left"

    def _count_trials(self, session: Session) -> int | None:
        """How many trials the study has in the end: those of the budget and about as many as the confirmation adds.

        None as long as hours or voxels alone end the search.
        """
        study, record = session.study, session.study.record
        limit = None if study.is_finishing else study.budget.trial_limit
        if limit is None and study.is_searching(session.now()):
            return None
        return max(limit or 0, record.num_searched) + record.num_confirming + study.estimate_confirmation()


def _of(total: int | None) -> str:
    """The total behind a count, as in '3/50'; '' if there is none."""
    return "" if total is None else f"/{total}"
