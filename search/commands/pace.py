"""How fast a session gets on: the steps of every running trial, and the time that is left. Knows no clock."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from paretoseg.search.study.record import StudyRecord

_LEAST_DONE = 0.5
"""How much of a trial must be done before the time that is left is estimated."""


@dataclass
class TrialPace:
    """The steps of one running trial."""

    began_at: float
    """When it was first seen, in seconds by the caller's clock."""

    step: int
    """Steps done so far."""

    first: int = 0
    """Steps that were done when it was first seen."""

    changes: list[tuple[int, float]] = field(default_factory=list)
    """Every step that was reported since, and when."""

    def add(self, step: int, now: float) -> None:
        """Records the last step that was reported."""
        if step != self.step:
            self.step = step
            self.changes.append((step, now))

    def find_seconds(self) -> float | None:
        """Seconds per step; without the time until the first step if more are done, as it includes the start."""
        points = self.changes if len(self.changes) > 1 else [(self.first, self.began_at), *self.changes]
        (first, start), (last, end) = points[0], points[-1]
        return (end - start) / (last - first) if last > first else None


class Pace:
    """The pace of a session.

    Args:
        num_steps: Steps of a trial before it is evaluated; 0 if not known.
    """

    def __init__(self, num_steps: int) -> None:
        self._num_steps = num_steps
        self._began_at: float | None = None
        self._num_before = 0
        self._start_seconds: float | None = None
        """What workers took to start before the first step of the session; None until it is known."""

        self._running: dict[int, TrialPace] = {}

    def add(self, record: StudyRecord, active: Collection[int], now: float) -> None:
        """Records the state of a study; call it after every change.

        Args:
            record: The study.
            active: The trials that workers work on.
            now: Seconds by a clock that is not set back.
        """
        if self._began_at is None:
            self._began_at, self._num_before = now, record.num_ended
        self._running = {trial_id: pace for trial_id, pace in self._running.items() if trial_id in active}
        for trial_id in active:
            step = max(record.trials[trial_id].reports, default=0)
            self._running.setdefault(trial_id, TrialPace(now, step, step)).add(step, now)
        for pace in self._running.values():
            if self._start_seconds is None and len(pace.changes) > 1:
                self._start_seconds = self._find_start(pace)

    def estimate_left(self, record: StudyRecord, num_trials: int, now: float) -> float | None:
        """Seconds until all trials have ended, from all time that passed, with that between trials; None if not known.

        Args:
            record: The study.
            num_trials: How many trials it has in the end.
            now: Seconds by the clock of `add`.
        """
        num_left = num_trials - record.num_ended
        if self._began_at is None or num_left <= 0:
            return None
        left, done = float(num_left), float(record.num_ended - self._num_before)
        if self._num_steps:
            # A trial that was resumed has steps that this session did not do.
            left -= sum(pace.step for pace in self._running.values()) / (self._num_steps + 1)
            done += sum(max(pace.step - pace.first, 0) for pace in self._running.values()) / (self._num_steps + 1)
        passed = now - self._began_at - (self._start_seconds or 0.0)
        return left * passed / done if done >= _LEAST_DONE else None

    def _find_start(self, pace: TrialPace) -> float:
        """How much longer than its steps take now the first trial took until its first step."""
        assert self._began_at is not None
        step, end = pace.changes[0]
        return max(end - self._began_at - (step - pace.first) * (pace.find_seconds() or 0.0), 0.0)

    def describe_running(self, now: float, most: int = 8) -> list[str]:
        """A phrase for every running trial, such as `trial 3 step 2/3 (12.1 s a step)`; of the first `most`."""
        shown = [self._describe(trial_id, pace, now) for trial_id, pace in sorted(self._running.items())[:most]]
        return [*shown, f"{len(self._running) - most} more"] if len(self._running) > most else shown

    def _describe(self, trial_id: int, pace: TrialPace, now: float) -> str:
        of = f"/{self._num_steps}" if self._num_steps else ""
        seconds = pace.find_seconds()
        since = pace.changes[-1][1] if pace.changes else pace.began_at
        rate = f"{seconds:.3g} s a step, " if seconds is not None else ""
        return f"trial {trial_id} step {pace.step}{of} ({rate}{now - since:.0f} s in this one)"
