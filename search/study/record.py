"""What a journal tells: the trials, the front, the objectives. Reading needs no strategy and no config."""

from __future__ import annotations

from collections.abc import Sequence

from paretoseg.search.fronts.front import Front, read_front
from paretoseg.search.trials.events import Created, Event, Failed, Finished, Opened, Stopped, Tested, apply
from paretoseg.search.trials.trial import State, Trial
from paretoseg.spaces.objective import Objective


class StudyRecord:
    """The state of a study after a sequence of events.

    Raises:
        ValueError: if the first event is not `Created`.
    """

    def __init__(self, events: Sequence[Event]) -> None:
        if not events or not isinstance(events[0], Created):
            raise ValueError("the journal does not begin with the creation of the study")
        self.created = events[0]
        self._trials: list[Trial] = []
        self._ended: list[int] = []
        self._front: Front | None = None
        self.opened: list[Opened] = []
        self.last_time = events[0].time
        self._hours_before = 0.0
        for event in events:
            self.add(event)

    def add(self, event: Event) -> None:
        """Takes an event in."""
        match event:
            case Created():
                return
            case Opened():
                self._hours_before = self.hours_used
                self.opened.append(event)
                self.last_time = event.time
                return
        known = self._trials[event.trial_id] if event.trial_id < len(self._trials) else None
        is_end = isinstance(event, Finished | Stopped | Failed)
        if is_end and known is not None and known.state is not State.RUNNING:
            return  # early journals can tell of an end twice; the first counts
        trial = apply(known, event)
        if known is None:
            self._trials.append(trial)
        else:
            self._trials[event.trial_id] = trial
        if is_end:
            self._ended.append(event.trial_id)
        if isinstance(event, Finished | Tested):
            self._front = None
        self.last_time = event.time

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All trials by id."""
        return tuple(self._trials)

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """What is optimised."""
        return self.created.objectives

    @property
    def front(self) -> Front:
        """The nondominated trials so far; read off once per change."""
        if self._front is None:
            self._front = read_front(self._trials, self.objectives)
        return self._front

    @property
    def hours_used(self) -> float:
        """How long the search has run, summed over its sessions up to their last events."""
        if not self.opened:
            return 0.0
        return self._hours_before + max(self.last_time - self.opened[-1].time, 0.0) / 3600

    def in_order_of_end(self) -> list[Trial]:
        """The trials that ended, first to last."""
        return [self._trials[trial_id] for trial_id in self._ended]
