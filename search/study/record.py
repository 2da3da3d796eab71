"""The contents of a journal: trials, front and objectives. Reading it needs no strategy and no config."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from paretoseg.search.fronts.front import Front, empty_front, extend_front
from paretoseg.search.trials.events import Created, Event, Failed, Finished, Opened, Stopped, Tested, apply
from paretoseg.search.trials.trial import State, Trial
from paretoseg.spaces.objective import Objective


class StudyRecord:
    """The state of a study after a sequence of events.

    The time to add an event, or to read the changes since one, does not depend on the number of trials.

    Raises:
        ValueError: if the first event is not `Created`.
    """

    def __init__(self, events: Sequence[Event]) -> None:
        if not events or not isinstance(events[0], Created):
            raise ValueError("the journal must start with the creation of the study")
        self.created = events[0]
        self._trials: list[Trial] = []
        self._running: set[int] = set()
        self._ended: list[int] = []
        self._changes: list[int] = []
        self._counts: Counter[State] = Counter()
        self._front = empty_front(self.created.objectives)
        self._not_on_front: set[int] = set()
        """The trials that have changed since the front was last extended."""

        self.opened: list[Opened] = []
        self.last_time = events[0].time
        self._hours_before = 0.0
        for event in events:
            self._apply(event)
        self._extend_front()

    def add(self, event: Event) -> None:
        """Applies an event."""
        self._apply(event)
        # At once, because another thread than the one that adds events may show the front.
        self._extend_front()

    def _apply(self, event: Event) -> None:
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
            return  # old journals can record an end twice; the first counts
        self._replace(known, apply(known, event))
        if is_end:
            self._ended.append(event.trial_id)
        if isinstance(event, Finished | Tested):
            self._not_on_front.add(event.trial_id)
        self.last_time = event.time

    def _extend_front(self) -> None:
        """Updates the front with the trials that have changed."""
        if self._not_on_front:
            changed = [self._trials[trial_id] for trial_id in sorted(self._not_on_front)]
            self._front = extend_front(self._front, changed, self.objectives)
            self._not_on_front.clear()

    def _replace(self, known: Trial | None, trial: Trial) -> None:
        """Replaces the last record of a trial."""
        if known is None:
            self._trials.append(trial)
        else:
            self._trials[trial.trial_id] = trial
            self._counts[known.state] -= 1
        self._counts[trial.state] += 1
        self._changes.append(trial.trial_id)
        if trial.state is State.RUNNING:
            self._running.add(trial.trial_id)
        else:
            self._running.discard(trial.trial_id)

    @property
    def trials(self) -> Sequence[Trial]:
        """All trials by id; grows with the study, do not change it."""
        return self._trials

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """What is optimised."""
        return self.created.objectives

    @property
    def front(self) -> Front:
        """The nondominated trials so far."""
        return self._front

    @property
    def hours_used(self) -> float:
        """How long the search has run, summed over its sessions up to their last events."""
        if not self.opened:
            return 0.0
        return self._hours_before + max(self.last_time - self.opened[-1].time, 0.0) / 3600

    @property
    def running(self) -> list[Trial]:
        """The trials that are running or were interrupted, by id."""
        return [self._trials[trial_id] for trial_id in sorted(self._running)]

    @property
    def num_running(self) -> int:
        """How many trials are running or were interrupted."""
        return len(self._running)

    @property
    def num_ended(self) -> int:
        """How many trials have ended, in any state."""
        return len(self._ended)

    @property
    def num_changes(self) -> int:
        """How many events changed a trial."""
        return len(self._changes)

    def count(self, state: State) -> int:
        """How many trials are in a state."""
        return self._counts[state]

    def in_order_of_end(self, first: int = 0) -> list[Trial]:
        """The trials that ended, in the order in which they did, without the first `first` ones."""
        return [self._trials[trial_id] for trial_id in self._ended[first:]]

    def changed_since(self, num_changes: int) -> list[Trial]:
        """The trials that changed after the first `num_changes` changes, each once and in its current state."""
        return [self._trials[trial_id] for trial_id in dict.fromkeys(self._changes[num_changes:])]
