"""The state machine of a search: ask, report, finish or fail, and resume after any interruption.

A study is rebuilt from its journal alone. It knows no clock (times are passed in), no machine and no Ray.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Protocol

import numpy as np

from paretoseg.search.fronts.front import Front
from paretoseg.search.strategies.pruner import Pruner
from paretoseg.search.strategies.strategy import Strategy
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.events import Event, Failed, Finished, Opened, Reported, Resumed, Started, Stopped, Tested
from paretoseg.search.trials.trial import State, Trial
from paretoseg.spaces.objective import Objective
from paretoseg.trainables.trainable import RobustnessProfile

_TRIAL_STREAM = 0
"""Keeps the draws of single trials apart from those of a strategy's design."""


class Log(Protocol):
    """Where events are kept: the journal, or a list in tests."""

    def read(self) -> Sequence[Event]:
        """All events so far, in order."""
        ...

    def append(self, event: Event) -> None:
        """Stores an event; when it returns, the event outlives a crash."""
        ...


@dataclass(unsafe_hash=True)
class Budget:
    """When a search ends. Not frozen, as the config composes it."""

    trials: int = 50
    """How many trials may be started in all."""

    hours: float | None = None
    """How long the search may run, summed over its sessions; None for no limit."""

    max_failures: int = 5
    """How many trials in a row may fail before the search gives up."""

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise ValueError(f"budget.trials must be at least 1, got {self.trials}")
        if self.hours is not None and not 0 < self.hours < inf:
            raise ValueError(f"budget.hours must be above 0 and finite, or null for no limit, got {self.hours}")
        if self.max_failures < 1:
            raise ValueError(f"budget.max_failures must be at least 1, got {self.max_failures}")


class Study:
    """A search in progress.

    Args:
        log: The journal; its first event must be `Created`.
        strategy: Proposes trials; gets every ended trial of the journal.
        pruner: Stops trials early; gets every report of the journal.
        budget: When the search ends.
        seed: The study's seed, from which every trial's draws are derived.
    """

    def __init__(self, log: Log, strategy: Strategy, pruner: Pruner, *, budget: Budget, seed: int) -> None:
        self._log = log
        self._strategy = strategy
        self._pruner = pruner
        self._budget = budget
        self._seed = seed
        self._record = StudyRecord(log.read())
        for trial in self._record.in_order_of_end():
            strategy.tell(trial)
        for trial in self.trials:
            pruner.tell(trial)
        self._interrupted = deque(trial.trial_id for trial in self._record.running)
        self._failures_in_a_row = 0
        self._opened_at: float | None = None
        self._hours_before = self._record.hours_used

    @property
    def record(self) -> StudyRecord:
        """The contents of the journal; grows with the study, do not change it."""
        return self._record

    @property
    def trials(self) -> Sequence[Trial]:
        """All trials by id; grows with the study, do not change it."""
        return self._record.trials

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """What is optimised."""
        return self._record.objectives

    @property
    def budget(self) -> Budget:
        """When the search ends."""
        return self._budget

    @property
    def front(self) -> Front:
        """The nondominated trials so far."""
        return self._record.front

    @property
    def gave_up(self) -> bool:
        """True if too many trials failed in a row since the study was opened."""
        return self._failures_in_a_row >= self._budget.max_failures

    def open(self, now: float, *, host: str, pid: int) -> None:
        """Records that a process starts to work on the study."""
        self._opened_at = now
        self._keep(Opened(now, host, pid, self._budget.trials, self._budget.hours))

    def has_time(self, now: float) -> bool:
        """True while the budget of hours lasts."""
        assert self._opened_at is not None, "a study must be opened before it is asked"
        used = self._hours_before + (now - self._opened_at) / 3600
        return self._budget.hours is None or used < self._budget.hours

    def ask(self, now: float) -> Trial | None:
        """The trial to run now: an interrupted one first, then a new one; None if no more are to be started.

        An interrupted trial was started within the budget of hours, so it is finished even if no time is left.
        """
        if self.gave_up:
            return None
        if self._interrupted:
            trial_id = self._interrupted.popleft()
            self._keep(Resumed(now, trial_id))
            return self.trials[trial_id]
        number = len(self.trials)
        if number >= self._budget.trials or not self.has_time(now):
            return None
        generator = np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=(_TRIAL_STREAM, number)))
        proposal = self._strategy.ask(number, generator, self._record.running)
        seed = self._seed + proposal.replicate
        self._keep(Started(now, number, proposal.candidate, seed, proposal.origin, proposal.parents))
        return self.trials[number]

    def report(self, trial_id: int, step: int, values: Mapping[str, float], now: float) -> bool:
        """Records a quick measurement; True if the trial is to be stopped early."""
        self._check_running(trial_id)
        self._keep(Reported(now, trial_id, step, values))
        trial = self.trials[trial_id]
        self._pruner.tell(trial)
        return self._pruner.should_stop(trial)

    def finish(self, event: Finished) -> None:
        """Records a complete measurement and reports it to the strategy."""
        self._end(event)
        self._failures_in_a_row = 0

    def stop(self, event: Stopped) -> None:
        """Records that a trial was stopped early and reports it to the strategy."""
        self._end(event)
        self._failures_in_a_row = 0

    def interrupt(self, trial_id: int) -> None:
        """Takes back a trial whose worker died: it resumes from its checkpoint before any new trial starts."""
        self._interrupted.append(trial_id)

    def fail(self, event: Failed) -> None:
        """Records that a trial failed; the strategy uses only that its candidate was tried."""
        self._end(event)
        self._failures_in_a_row += 1

    def untested(self) -> tuple[Trial, ...]:
        """The members of the front that were not yet measured on the test cases."""
        return tuple(trial for trial in self.front.trials if not trial.test)

    def finish_test(
        self,
        trial_id: int,
        objectives: Mapping[str, float],
        now: float,
        profile: RobustnessProfile | None = None,
    ) -> None:
        """Records what a member of the front reached on the test cases."""
        self._keep(Tested(now, trial_id, objectives, profile))

    def is_complete(self) -> bool:
        """True if the budget of trials is spent and the front is tested."""
        is_spent = len(self.trials) >= self._budget.trials
        return is_spent and not self.num_running and not self.untested()

    @property
    def num_running(self) -> int:
        """How many trials are running or were interrupted."""
        return self._record.num_running

    def _check_running(self, trial_id: int) -> None:
        state = self.trials[trial_id].state
        assert state is State.RUNNING, f"trial {trial_id} is {state}, not running"

    def _end(self, event: Finished | Stopped | Failed) -> None:
        self._check_running(event.trial_id)
        self._keep(event)
        self._strategy.tell(self.trials[event.trial_id])

    def _keep(self, event: Event) -> None:
        """Writes the journal first: an event that is not on disk did not happen."""
        self._log.append(event)
        self._record.add(event)
