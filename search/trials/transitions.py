"""The valid order of events in a journal: a sequence that no search can have written is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from paretoseg.search.trials.events import Created, Event, Finished, Opened, Reported, Resumed, Started, Tested
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
            case Opened():
                return
            case Started():
                self._start(event)
            case Resumed():
                self._check_running(event.trial_id)
                self._last_steps[event.trial_id] = 0
            case Reported():
                self._report(event)
            case Tested():
                self._test(event)
            case _:
                self._check_started(event.trial_id)
                if isinstance(event, Finished):
                    self._check_values("objectives", event.objectives)
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
        self._check_values("values", event.values)
        self._last_steps[event.trial_id] = event.step

    def _test(self, event: Tested) -> None:
        self._check_started(event.trial_id)
        if self._ends[event.trial_id] != Finished.kind:
            raise ValueError(f"trial {event.trial_id} must have finished before it is tested")
        self._check_values("objectives", event.objectives)

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
