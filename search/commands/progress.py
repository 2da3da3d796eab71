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
from paretoseg.search.trials.trial import State, Trial

_MAX_ROWS = 8


class Progress:
    """Shows a session while it works; `update` is to be called after every change.

    Args:
        console: Where to show it.
        slots: How many trials run at a time, for the time that is left.
    """

    def __init__(self, console: Console, slots: int) -> None:
        self._console = console
        self._slots = slots
        self._session: Session | None = None
        self._shown: set[int] = set()
        self._start = time.monotonic()
        self._durations: list[float] = []

    @contextmanager
    def show(self) -> Iterator[None]:
        """Shows the panel while the block runs."""
        if not self._console.is_terminal:
            yield
            return
        with Live(get_renderable=self._render, console=self._console, refresh_per_second=2, transient=True):
            yield

    def update(self, session: Session) -> None:
        """Takes the session's state in."""
        if self._session is None:
            self._shown = {trial.trial_id for trial in session.study.trials if trial.state is not State.RUNNING}
        self._session = session
        for trial in session.study.trials:
            if trial.state is not State.RUNNING and trial.trial_id not in self._shown:
                self._shown.add(trial.trial_id)
                self._durations += [trial.seconds] if trial.seconds is not None else []
                if not self._console.is_terminal:
                    self._console.print(self._line(session, trial), markup=False, highlight=False, soft_wrap=True)

    def _line(self, session: Session, trial: Trial) -> str:
        study = session.study
        ended = len(study.trials) - study.num_running
        values = " ".join(f"{name} {value:.3f}" for name, value in trial.objectives.items())
        reason = f"{trial.failure.kind}: {trial.failure.reason}" if trial.failure else trial.degenerate
        front = f"front {len(study.front.trials)}, hypervolume {study.front.hypervolume:.4f}"
        parts = (f"[{ended}/{study.budget.trials}] trial {trial.trial_id} {trial.state.value}", values, reason, front)
        return "  ".join(part for part in (*parts, self._time_left(session)) if part)

    def _render(self) -> RenderableType:
        elapsed = describe_seconds(time.monotonic() - self._start)
        session = self._session
        if session is None:
            return Text(f"starting workers, {elapsed} ...")
        study = session.study
        ended = len(study.trials) - study.num_running
        head = Table.grid(padding=(0, 1))
        left = self._time_left(session)
        head.add_row(
            Text(f"{ended}/{study.budget.trials} trials"),
            ProgressBar(total=study.budget.trials, completed=ended, width=30),
            Text(f"{elapsed} elapsed" + (f", {left}" if left else "")),
        )
        parts: list[RenderableType] = [head, Text(count_states(study.trials))]
        if study.front.trials:
            parts.append(front_table(study.record, _MAX_ROWS))
        if ended >= study.budget.trials:
            parts.append(Text(f"measuring the front on the test cases, {len(study.untested())} to go"))
        return Group(*parts)

    def _time_left(self, session: Session) -> str:
        """An estimate from the trials that ended in this session, or '' before the first."""
        study = session.study
        num_left = study.budget.trials - (len(study.trials) - study.num_running)
        if not self._durations or num_left <= 0:
            return ""
        seconds = num_left * sum(self._durations) / len(self._durations) / self._slots
        return f"about {describe_seconds(seconds)} left"
