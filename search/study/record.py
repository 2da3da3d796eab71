"""The contents of a journal: trials, front and objectives. Reading it needs no strategy and no config."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from paretoseg.search.candidates.ledger import CandidateLedger
from paretoseg.search.candidates.result import Result
from paretoseg.search.fronts.front import Front, GrowingFront
from paretoseg.search.trials.events import (
    FINISH,
    Confirming,
    Created,
    Event,
    Failed,
    Finished,
    Fitted,
    Opened,
    Promoted,
    Started,
    Stopped,
    Tested,
    apply,
)
from paretoseg.search.trials.trial import CONFIRMATION, REPLICATE, State, Trial
from paretoseg.spaces.constraint import read_kept
from paretoseg.spaces.objective import Objective
from paretoseg.spaces.search_space import Candidate


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
        self._earlier_stops: dict[int, Trial] = {}
        """Trials as they were stopped before they went on, by their place in `_ended`."""

        self._stops: dict[int, int] = {}
        """The trials that were stopped with a receipt and may go on, each with the number of stops before its own."""

        self._num_stops = 0
        self._changes: list[int] = []
        self._counts: Counter[State] = Counter()
        self.constraints = read_kept(self.created.constraints)
        self._growing = GrowingFront(self.created.objectives, self.constraints)
        self._num_confirming = self._num_replicates = 0
        self._confirming: Confirming | None = None
        self._fits: dict[int, Fitted] = {}
        self._was_tested = self._was_seen = False
        self._seeds: dict[Candidate, list[int]] = {}
        self._started_with: dict[int, set[Candidate]] = {}
        """By number of seeds, the candidates that were started with at least so many."""

        self.opened: list[Opened] = []
        self.last_time = events[0].time
        self.num_events = 0
        self._hours_before = 0.0
        for event in events:
            self._apply(event)
        self._growing.update()

    def add(self, event: Event) -> None:
        """Applies an event."""
        self._apply(event)
        # At once, because another thread than the one that adds events may show the front.
        self._growing.update()

    def _apply(self, event: Event) -> None:
        self.num_events += 1
        match event:
            case Created():
                return
            case Opened():
                self._open(event)
                return
            case Confirming():
                self._confirming, self.last_time = event, event.time
                return
            case Fitted():
                self._fits[len(self._ended)] = event
                return
            case Started():
                self._start(event)
        known = self._trials[event.trial_id] if event.trial_id < len(self._trials) else None
        is_end = isinstance(event, Finished | Stopped | Failed)
        if is_end and known is not None and known.state is not State.RUNNING:
            return  # old journals can record an end twice; the first counts
        if isinstance(event, Promoted):
            self._promote(event.trial_id)
        self._replace(known, apply(known, event))
        if isinstance(event, Finished | Stopped | Failed):
            self._end(event)
        if isinstance(event, Finished | Tested):
            self._growing.add(self._trials[event.trial_id])
        self._was_tested |= isinstance(event, Tested)
        self.last_time = event.time

    def _open(self, event: Opened) -> None:
        self._hours_before = self.hours_used
        limit = self.opened[-1].budget_trials if self.opened else None
        if limit is not None and self.num_searched >= limit:
            self._stops.clear()  # their checkpoints were deleted when the last trial had started
        self.opened.append(event)
        self.last_time = event.time

    def _end(self, event: Finished | Stopped | Failed) -> None:
        self._ended.append(event.trial_id)
        if isinstance(event, Stopped) and event.receipt is not None:
            self._stops[event.trial_id] = self._num_stops
            self._num_stops += 1
        if isinstance(event, Stopped) and event.cause == FINISH:
            self._take_back_seed(self._trials[event.trial_id])

    def _take_back_seed(self, trial: Trial) -> None:
        """Forgets a training that was cut off, so that its seed is trained when the candidate is confirmed later."""
        seeds = self._seeds[trial.candidate]
        self._started_with[len(seeds)].discard(trial.candidate)
        seeds.remove(trial.seed)

    def _promote(self, trial_id: int) -> None:
        """Keeps a trial as it was stopped, as strategies saw it in this state."""
        place = len(self._ended) - 1 - self._ended[::-1].index(trial_id)
        self._earlier_stops[place] = self._trials[trial_id]
        self._stops.pop(trial_id, None)
        self._go_on()

    def _start(self, event: Started) -> None:
        """Counts a trial; one that belongs to no confirmation makes the last confirmation one of an earlier front."""
        seeds = self._seeds.setdefault(event.candidate, [])
        seeds.append(event.seed)
        self._started_with.setdefault(len(seeds), set()).add(event.candidate)
        if event.origin == CONFIRMATION:
            self._num_confirming += 1
            return
        self._num_replicates += event.origin == REPLICATE
        self._go_on()

    def _go_on(self) -> None:
        """Records that the search goes on: an earlier confirmation is of an earlier front."""
        self._confirming = None
        self._was_seen |= self._was_tested

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
        """The nondominated candidates so far."""
        return self._growing.front

    @property
    def ledger(self) -> CandidateLedger:
        """All candidates with their results; grows with the study, do not change it."""
        return self._growing.ledger

    @property
    def results(self) -> list[Result]:
        """What every candidate that may be on the front has reached, by number."""
        return self.ledger.results

    @property
    def baseline_trials(self) -> tuple[Trial, ...]:
        """The sound trials of the baselines, with all seeds."""
        found = [self.ledger.find(candidate) for candidate in self.created.baselines]
        return tuple(trial for result in found if result for trial in result.trials)

    @property
    def feasible(self) -> list[Result]:
        """Those of them that meet the constraints of the study."""
        return [result for result in self.results if result.is_feasible]

    def seeds_of(self, candidate: Candidate) -> Sequence[int]:
        """The seeds that a candidate was started with, in any state, first to last; without those that were cut off."""
        return self._seeds.get(candidate, ())

    def started_with(self, num_seeds: int) -> Collection[Candidate]:
        """The candidates that were started with at least so many seeds, in any state; do not change it."""
        return self._started_with.get(num_seeds, ())

    @property
    def confirming(self) -> Confirming | None:
        """The confirmation that was started after the last trial of the search; None if there is none."""
        return self._confirming

    @property
    def fits(self) -> Mapping[int, Fitted]:
        """What the strategy fitted, by how many trials had ended."""
        return self._fits

    @property
    def num_searched(self) -> int:
        """How many trials were started by the search; those of confirmations are not among them."""
        return len(self._trials) - self._num_confirming

    @property
    def num_confirming(self) -> int:
        """How many trials were started by confirmations."""
        return self._num_confirming

    @property
    def num_proposed(self) -> int:
        """How many trials of the search were new candidates of its strategy."""
        return self.num_searched - self._num_replicates

    @property
    def num_replicates(self) -> int:
        """How many trials of the search gave a known candidate a further seed."""
        return self._num_replicates

    @property
    def were_test_cases_seen(self) -> bool:
        """True if the search went on after test cases were measured: what it found then was not blind to them."""
        return self._was_seen

    @property
    def seconds_per_trial(self) -> float | None:
        """How long workers worked on a finished trial, on average and over all attempts; None before the first."""
        finished = (trial.total_seconds for trial in self._trials if trial.state is State.FINISHED)
        known = [seconds for seconds in finished if seconds is not None]
        return sum(known) / len(known) if known else None

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
        return len(self._trials) - len(self._running)

    @property
    def num_ends(self) -> int:
        """How often a trial has ended: more than `num_ended` if some were stopped and went on."""
        return len(self._ended)

    @property
    def num_promoted(self) -> int:
        """How often a trial that was stopped went on."""
        return len(self._earlier_stops)

    @property
    def num_continued(self) -> int:
        """How many trials went on after they were stopped, each counted once."""
        return len({trial.trial_id for trial in self._earlier_stops.values()})

    def find_waiting(self, most: int) -> list[Trial]:
        """Of the last `most` trials that were stopped with a receipt, those that did not go on, in order of the stops.

        A trial that once was not among them never is again, so that its checkpoint may be deleted.
        """
        return [self._trials[one] for one, stops in self._stops.items() if stops >= self._num_stops - most]

    @property
    def num_changes(self) -> int:
        """How many events changed a trial."""
        return len(self._changes)

    def count(self, state: State) -> int:
        """How many trials are in a state."""
        return self._counts[state]

    def in_order_of_end(self, first: int = 0) -> list[Trial]:
        """The trials that ended, in the order in which they did, without the first `first` ends.

        One that was stopped and went on is among them twice: as it was stopped, and as it is by now if it ended again.
        """
        earlier = self._earlier_stops
        return [
            earlier.get(place) or self._trials[trial_id] for place, trial_id in enumerate(self._ended[first:], first)
        ]

    def changed_since(self, num_changes: int) -> list[Trial]:
        """The trials that changed after the first `num_changes` changes, each once and in its current state."""
        return [self._trials[trial_id] for trial_id in dict.fromkeys(self._changes[num_changes:])]
