"""What is recorded of a training: how long it took, what it reported on the way, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.events import Event, Failed, Finished, Promoted, Reported, Resumed, Started
from paretoseg.search.trials.trial import Failure, FailureKind, Trial

LEAST_SECONDS = 1e-6
"""The shortest training; the clock of a rehearsal has to move."""


@dataclass(frozen=True)
class Quick:
    """A quick measurement on the way."""

    step: int
    """Of the training, from 1."""

    seconds: float
    """After the training started, without interruptions."""

    values: Mapping[str, float]
    """Of every objective; empty if nobody needed a measurement there."""


@dataclass(frozen=True)
class Recording:
    """One training from start to end, as it can be played again."""

    seconds: float
    """How long it took, without interruptions; above 0."""

    reports: tuple[Quick, ...] = ()
    """In the order of their steps."""

    objectives: Mapping[str, float] = field(default_factory=dict)
    """What it reached; empty if it failed."""

    costs: Mapping[str, float] = field(default_factory=dict)
    degenerate: str = ""
    """Why the network counts as broken, or ''."""

    failure: Failure | None = None
    """What went wrong, if it failed."""


class Player(Protocol):
    """Says what happens to the trials of one run."""

    def play(self, trial: Trial) -> Recording:
        """What the training of a trial does; asked once a trial."""
        ...


@dataclass(frozen=True)
class Training:
    """A trial that ended, with its recording."""

    trial: Trial
    recording: Recording


def read_trainings(events: Sequence[Event]) -> list[Training]:
    """The trainings of a study that can be played again, by trial.

    Trials that were stopped early or never ended have no final values, and a lost worker says nothing about its trial:
    they are left out.

    Raises:
        ValueError: if the first event is not the creation of the study.
    """
    record = StudyRecord(events)
    watches: dict[int, _Watch] = {}
    found: dict[int, Recording] = {}
    for event in events:
        match event:
            case Started():
                watches[event.trial_id] = _Watch(event.time)
            case Resumed() | Promoted():
                watches[event.trial_id].start(event.time)
            case Reported():
                watches[event.trial_id].report(event)
            case Finished():
                reports, seconds = watches[event.trial_id].end(event.time, event.seconds)
                found.setdefault(
                    event.trial_id, Recording(seconds, reports, event.objectives, event.costs, event.degenerate)
                )
            case Failed() if event.failure.kind is not FailureKind.LOST:
                reports, seconds = watches[event.trial_id].end(event.time, event.seconds)
                found.setdefault(event.trial_id, Recording(seconds, reports, failure=event.failure))
    return [Training(record.trials[number], recording) for number, recording in sorted(found.items())]


class _Watch:
    """How long a trial was worked on, by the times of its events, without the time between its attempts."""

    def __init__(self, time: float) -> None:
        self._num_attempts = 1
        self._elapsed, self._since = 0.0, time
        self._reports: dict[int, Quick] = {}

    def start(self, time: float) -> None:
        """Another attempt starts, from the last report if there is one."""
        self._num_attempts += 1
        self._elapsed = max((report.seconds for report in self._reports.values()), default=0.0)
        self._since = time

    def report(self, event: Reported) -> None:
        """A report came; one of a known step is that of a trial which resumes there."""
        known = self._reports.get(event.step)
        self._elapsed = known.seconds if known else self._elapsed + max(event.time - self._since, 0.0)
        self._since = event.time
        self._reports = {step: report for step, report in self._reports.items() if step < event.step}
        self._reports[event.step] = Quick(event.step, self._elapsed, event.values)

    def end(self, time: float, seconds: float | None) -> tuple[tuple[Quick, ...], float]:
        """The reports and the length of the training.

        Args:
            time: Of its end.
            seconds: How long a worker worked in its last attempt. Of a trial with a single one that is its length:
                unlike the times of events, it holds no time of waiting for a worker.
        """
        elapsed = self._elapsed + max(time - self._since, 0.0)
        length = seconds if seconds is not None and self._num_attempts == 1 else elapsed
        length = max(length, LEAST_SECONDS)
        reports = list(self._reports.values())
        if elapsed > 0.0:
            places = [report.seconds / elapsed for report in reports]
        else:  # the clock did not move: steps of equal length
            places = [(place + 1) / (len(reports) + 1) for place in range(len(reports))]
        moved = [Quick(one.step, place * length, one.values) for one, place in zip(reports, places, strict=True)]
        return tuple(moved), length
