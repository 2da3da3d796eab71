"""Live progress of a search: a panel in a terminal, a line a trial elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from paretoseg.search.reports.text import count_states, describe_seconds, front_table
from paretoseg.search.running.session import Session
from paretoseg.search.trials.trial import Trial

_MAX_ROWS = 8


class Progress:
    """Shows a session while it works; call `update` after every change.

    Args:
        console: Where to show it.
        slots: How many trials run at a time, to estimate the time left.
    """

    def __init__(self, console: Console, slots: int) -> None:
        self._console = console
        self._slots = slots
        self._session: Session | None = None
        self._num_shown = 0
        self._start = time.monotonic()
        self._num_timed, self._seconds = 0, 0.0

    @contextmanager
    def show(self) -> Iterator[None]:
        """Shows the panel while the block runs."""
        if not self._console.is_terminal:
            yield
            return
        with Live(get_renderable=self._render, console=self._console, refresh_per_second=2, transient=True):
            yield

    def update(self, session: Session) -> None:
        """Shows the session's new state."""
        record = session.study.record
        if self._session is None:
            self._num_shown = record.num_ended
        self._session = session
        for trial in record.in_order_of_end(self._num_shown):
            if trial.seconds is not None:
                self._num_timed, self._seconds = self._num_timed + 1, self._seconds + trial.seconds
            if not self._console.is_terminal:
                self._console.print(self._line(session, trial), markup=False, highlight=False, soft_wrap=True)
        self._num_shown = record.num_ended

    def _line(self, session: Session, trial: Trial) -> str:
        study = session.study
        ended = study.record.num_ended
        values = " ".join(f"{name} {value:.3f}" for name, value in trial.objectives.items())
        reason = f"{trial.failure.kind}: {trial.failure.reason}" if trial.failure else trial.degenerate or trial.note
        front = f"front {len(study.front.trials)}, hypervolume {study.front.hypervolume:.4f}"
        parts = (f"[{ended}/{study.budget.trials}] trial {trial.trial_id} {trial.state.value}", values, reason, front)
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
        head.add_row(
            Text(f"{ended}/{study.budget.trials} trials"),
            ProgressBar(total=study.budget.trials, completed=ended, width=30),
            Text(f"{elapsed} elapsed" + (f", {left}" if left else "")),
        )
        parts: list[RenderableType] = [head, Text(count_states(study.record))]
        if study.front.trials:
            parts.append(front_table(study.record, _MAX_ROWS))
        if ended >= study.budget.trials:
            parts.append(Text(f"measuring the front on the test cases, {len(study.untested())} to go"))
        return Group(*parts)

    def _time_left(self, session: Session) -> str:
        """An estimate from the trials that ended in this session, or '' before the first."""
        study = session.study
        num_left = study.budget.trials - study.record.num_ended
        if not self._num_timed or num_left <= 0:
            return ""
        seconds = num_left * self._seconds / self._num_timed / self._slots
        return f"about {describe_seconds(seconds)} left"
