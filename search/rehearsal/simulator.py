"""A search without training: workers that take their trials from a study, and a clock that jumps to the next event.

The study, its strategy and its pruner are those of a real search; only the trainings and the time are played.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from math import inf

import numpy as np

from paretoseg.search.rehearsal.clock import FakeClock
from paretoseg.search.rehearsal.recording import Player, Recording
from paretoseg.search.study.study import Study
from paretoseg.search.trials.events import Event, Failed, Finished, Stopped
from paretoseg.search.trials.trial import Failure, FailureKind, State, Trial

_SLACK = 1e-9
"""Share of a limit by which sums of times may exceed it."""


class MemoryLog:
    """A journal that lives as long as the rehearsal.

    Args:
        events: The first ones; that a study was created.
    """

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = list(events)

    def read(self) -> Sequence[Event]:
        """All events so far, in order."""
        return list(self._events)

    def append(self, event: Event) -> None:
        """Keeps an event."""
        self._events.append(event)


@dataclass(frozen=True)
class Mishaps:
    """What goes wrong beside what is recorded."""

    rate: float = 0.0
    """Share of attempts that are hit, at a moment that is drawn uniformly, in [0, 1). In half of them the worker is
    killed, so the trial resumes from its last report; in the other half the trial fails."""

    max_losses: int = 2
    """How often a trial may lose its worker before it counts as failed."""


@dataclass(frozen=True)
class End:
    """A trial that ended."""

    trial: Trial
    """As it ended, in any state."""

    seconds: float
    """When, since the search started."""

    spent: float
    """Seconds that all workers had worked by then, on trials that were still running and on lost attempts too."""


@dataclass
class Timeline:
    """What happened in a simulated search."""

    ends: list[End] = field(default_factory=list)
    """The trials that ended, in order."""

    seconds: float = 0.0
    """How long the search took."""

    spent: float = 0.0
    """Seconds that its workers worked, summed over workers."""

    num_lost: int = 0
    """How many attempts lost their worker."""

    saved: float = 0.0
    """Seconds of training that early stopping has left out: of every trial that was stopped and did not go on, what
    its recording holds after its last report."""


@dataclass
class _Attempt:
    """A worker's attempt at a trial."""

    trial_id: int
    recording: Recording
    began_at: float
    offset: float
    """How much of the training was done before, in seconds."""

    breaks_at: float
    """When it is hit, by the clock; infinite if it is not."""

    kills_worker: bool
    """Whether it loses its worker then, or fails."""


class Simulation:
    """A study that is searched by a number of simulated workers.

    Args:
        study: Not yet opened.
        player: What trainings do.
        workers: How many trials run at a time.
        generator: Draws mishaps.
        mishaps: What goes wrong; nothing by default.
    """

    def __init__(
        self,
        study: Study,
        player: Player,
        *,
        workers: int,
        generator: np.random.Generator,
        mishaps: Mishaps | None = None,
    ) -> None:
        self._study = study
        self._player = player
        self._workers = workers
        self._generator = generator
        self._mishaps = mishaps or Mishaps()
        self._clock = FakeClock()
        self._num_busy = 0
        self._timeline = Timeline()
        self._recordings: dict[int, Recording] = {}
        self._num_reported: dict[int, int] = {}
        self._num_losses: dict[int, int] = {}

    def run(self, limit: float = inf) -> Timeline:
        """Searches until the study's budget is spent, or the workers have worked so many seconds in all.

        What is still running at the limit is abandoned.
        """
        self._search(limit)
        self._timeline.saved = sum(
            recording.seconds - recording.reports[self._num_reported[number] - 1].seconds
            for number, recording in self._recordings.items()
            if self._study.trials[number].state is State.STOPPED
        )
        return self._timeline

    def _search(self, limit: float) -> None:
        self._study.open(self._clock.now, host="rehearsal", pid=0)
        self._fill()
        while (due := self._clock.next_time) is not None:
            spent = self._timeline.spent + self._num_busy * (due - self._clock.now)
            if spent > limit * (1.0 + _SLACK):
                left = (limit - self._timeline.spent) / self._num_busy
                self._timeline.spent, self._timeline.seconds = limit, self._clock.now + left
                return
            self._timeline.spent, self._timeline.seconds = spent, due
            self._clock.advance()
            self._fill()

    def _fill(self) -> None:
        """Gives every free worker a trial, as long as the study has one."""
        while self._num_busy < self._workers and (trial := self._study.ask(self._clock.now)) is not None:
            self._start(trial)

    def _start(self, trial: Trial) -> None:
        number, now = trial.trial_id, self._clock.now
        if number not in self._recordings:
            self._recordings[number] = self._player.play(trial)
        recording, done = self._recordings[number], self._num_reported.get(number, 0)
        offset = recording.reports[done - 1].seconds if done else 0.0
        hit, place, kind = self._generator.random(3)
        length = recording.seconds - offset
        breaks_at = now + place * length if hit < self._mishaps.rate else inf
        attempt = _Attempt(number, recording, now, offset, breaks_at, kills_worker=kind < 0.5)
        self._num_busy += 1
        # As after a real interruption, the step of the checkpoint is reported again.
        if done and self._report(attempt, done - 1):
            return
        self._wait(attempt)

    def _wait(self, attempt: _Attempt) -> None:
        """Enters what comes next of an attempt."""
        recording, done = attempt.recording, self._num_reported.get(attempt.trial_id, 0)
        is_last = done == len(recording.reports)
        place = recording.seconds if is_last else recording.reports[done].seconds
        due = attempt.began_at + place - attempt.offset
        if attempt.breaks_at <= due:
            self._clock.call_at(attempt.breaks_at, partial(self._break, attempt))
        elif is_last:
            self._clock.call_at(due, partial(self._end, attempt))
        else:
            self._clock.call_at(due, partial(self._go_on, attempt, done))

    def _go_on(self, attempt: _Attempt, place: int) -> None:
        self._num_reported[attempt.trial_id] = place + 1
        if not self._report(attempt, place):
            self._wait(attempt)

    def _report(self, attempt: _Attempt, place: int) -> bool:
        """Reports a step; True if the study has stopped the trial."""
        number, quick, now = attempt.trial_id, attempt.recording.reports[place], self._clock.now
        if not self._study.report(number, quick.step, quick.values, now):
            return False
        self._study.stop(Stopped(now, number, attempt.began_at, now - attempt.began_at, "rehearsal"))
        self._close(number)
        return True

    def _end(self, attempt: _Attempt) -> None:
        recording, now = attempt.recording, self._clock.now
        if recording.failure:
            self._fail(attempt, recording.failure)
            return
        event = Finished(
            time=now,
            trial_id=attempt.trial_id,
            objectives=recording.objectives,
            costs=recording.costs,
            degenerate=recording.degenerate,
            began_at=attempt.began_at,
            seconds=now - attempt.began_at,
            host="rehearsal",
        )
        self._study.finish(event)
        self._close(attempt.trial_id)

    def _break(self, attempt: _Attempt) -> None:
        """The mishap of an attempt: its worker is killed, or it fails."""
        number = attempt.trial_id
        if not attempt.kills_worker:
            self._fail(attempt, Failure(FailureKind.ERROR, "rehearsed: the trial fails"))
            return
        self._timeline.num_lost += 1
        self._num_losses[number] = self._num_losses.get(number, 0) + 1
        if self._num_losses[number] > self._mishaps.max_losses:
            self._fail(attempt, Failure(FailureKind.LOST, "rehearsed: the worker is killed too often"))
            return
        self._num_busy -= 1
        self._study.interrupt(number)

    def _fail(self, attempt: _Attempt, failure: Failure) -> None:
        now, began_at = self._clock.now, attempt.began_at
        self._study.fail(Failed(now, attempt.trial_id, failure, "rehearsal", began_at, now - began_at))
        self._close(attempt.trial_id)

    def _close(self, trial_id: int) -> None:
        self._num_busy -= 1
        trial = self._study.trials[trial_id]
        if trial.state is not State.STOPPED:  # one that was stopped may go on later
            del self._recordings[trial_id]
        self._timeline.ends.append(End(trial, self._clock.now, self._timeline.spent))
