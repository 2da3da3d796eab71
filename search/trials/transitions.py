"""The valid order of events in a journal: a sequence that no search can have written is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from paretoseg.search.trials.events import (
    Confirming,
    Created,
    Event,
    Failed,
    Finished,
    Fitted,
    Opened,
    Promoted,
    Reported,
    Resumed,
    Spared,
    Started,
    Stopped,
    Tested,
)
from paretoseg.search.trials.receipt import Receipt
from paretoseg.spaces.records import shorten


def check_events(events: Sequence[Event]) -> None:
    """Checks that every event can follow those before it.

    Raises:
        ValueError: at the first one that cannot; the message names its number, which is that of its record.
    """
    study = _StudySoFar()
    for number, event in enumerate(events):
        try:
            study.add(event)
        except ValueError as error:
            raise ValueError(f"record {number} ('{event.kind}') is not valid: {error}") from None


OfTrial = Resumed | Reported | Finished | Stopped | Spared | Promoted | Failed | Tested
"""What can happen to a trial that was started."""


class _StudySoFar:
    """The state that decides which event may come next."""

    def __init__(self) -> None:
        self._objectives: frozenset[str] = frozenset()
        self._last_steps: list[int] = []
        """By trial, the last step of its last attempt, or 0."""

        self._ends: list[str] = []
        """By trial, the kind of the event that ended it, or ''."""

    def add(self, event: Event) -> None:
        """Adds an event; ValueError if it cannot follow those before it."""
        if not self._objectives:
            self._create(event)
            return
        match event:
            case Created():
                raise ValueError("only the first record may create the study")
            case Opened() | Fitted():
                return
            case Started():
                self._start(event)
            case Confirming():
                self._confirm(event)
            case _:
                self._check_started(event.trial_id)
                self._go_on(event)

    def _go_on(self, event: OfTrial) -> None:
        """Adds an event of a trial that was started."""
        match event:
            case Resumed():
                self._check_running(event.trial_id)
                self._last_steps[event.trial_id] = 0
            case Reported():
                self._report(event)
            case Tested():
                self._test(event)
            case Spared():
                self._check_running(event.trial_id)
                self._check_receipt(event.receipt)
            case Promoted():
                self._promote(event)
            case _:
                self._end(event)

    def _end(self, event: Finished | Stopped | Failed) -> None:
        if isinstance(event, Finished):
            self._check_values("objectives", event.objectives)
        if isinstance(event, Stopped) and event.receipt is not None:
            self._check_receipt(event.receipt)
        # Old journals can record an end twice; the first counts.
        self._ends[event.trial_id] = self._ends[event.trial_id] or event.kind

    def _create(self, event: Event) -> None:
        if not isinstance(event, Created):
            raise ValueError("the first record must create the study")
        names = [item.name for item in event.objectives]
        if not names:
            raise ValueError("a study must have at least one objective")
        columns = [*names, *event.cost_names]
        if odd := [name for name in columns if not name.isidentifier() or columns.count(name) > 1]:
            raise ValueError(
                f"objectives and costs must have names of their own, such as latency_ms, got {shorten(odd[0])}"
            )
        if strange := [word for word in event.overrides if "=" not in word]:
            raise ValueError(f"overrides must read key=value, got {shorten(strange[0])}")
        self._objectives = frozenset(names)

    def _start(self, event: Started) -> None:
        if event.trial_id != len(self._ends):
            raise ValueError(f"trial {len(self._ends)} is the next to start, got trial {event.trial_id}")
        if strangers := [parent for parent in event.parents if parent >= event.trial_id]:
            raise ValueError(f"a parent must have started before trial {event.trial_id}, got trial {strangers[0]}")
        self._last_steps.append(0)
        self._ends.append("")

    def _report(self, event: Reported) -> None:
        self._check_running(event.trial_id)
        before = self._last_steps[event.trial_id]
        if event.step <= before:
            raise ValueError(f"step {before} of trial {event.trial_id} was reported before, got step {event.step}")
        if event.values:
            self._check_values("values", event.values)
        self._last_steps[event.trial_id] = event.step

    def _test(self, event: Tested) -> None:
        if self._ends[event.trial_id] != Finished.kind:
            raise ValueError(f"trial {event.trial_id} must have finished before it is tested")
        self._check_values("objectives", event.objectives)

    def _promote(self, event: Promoted) -> None:
        if self._ends[event.trial_id] != Stopped.kind:
            raise ValueError(f"trial {event.trial_id} must have stopped first")
        self._ends[event.trial_id], self._last_steps[event.trial_id] = "", 0

    def _check_receipt(self, receipt: Receipt) -> None:
        for dominator in receipt.dominators:
            self._check_started(dominator.trial_id)

    def _confirm(self, event: Confirming) -> None:
        if len(event.probabilities) != len(event.candidates):
            raise ValueError("every candidate needs a probability or null")
        for number in event.candidates:
            self._check_started(number)
            if self._ends[number] != Finished.kind:
                raise ValueError(f"trial {number} must have finished before its candidate is confirmed")

    def _check_started(self, trial_id: int) -> None:
        if trial_id >= len(self._ends):
            raise ValueError(f"trial {trial_id} was never started")

    def _check_running(self, trial_id: int) -> None:
        self._check_started(trial_id)
        if self._ends[trial_id]:
            raise ValueError(f"trial {trial_id} has {self._ends[trial_id]} already")

    def _check_values(self, field: str, values: Mapping[str, float]) -> None:
        if missing := self._objectives - values.keys():
            raise ValueError(f"{field}.{min(missing)} is missing")
