"""The state machine of a search: ask, report, finish or fail, and resume after any interruption.

A study is rebuilt from its journal alone. It knows no clock (times are passed in), no machine and no Ray.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np

from paretoseg.search.candidates.ledger import CandidateLedger
from paretoseg.search.fronts.front import Front, find_front
from paretoseg.search.strategies.pruner import Pruner
from paretoseg.search.strategies.strategy import FittingStrategy, Proposal, Strategy
from paretoseg.search.study.budget import Budget
from paretoseg.search.study.confirmation import Confirmation
from paretoseg.search.study.early_stopping import decide
from paretoseg.search.study.log import Log
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.study.replicates import propose_replicate
from paretoseg.search.study.seed_rotation import choose_seed
from paretoseg.search.study.voxels import count_voxels
from paretoseg.search.trials.events import (
    FINISH,
    Confirming,
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
from paretoseg.search.trials.trial import CONFIRMATION, State, Trial
from paretoseg.spaces.objective import Objective
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.trainable import RobustnessProfile

_TRIAL_STREAM = 0
"""Keeps the draws of single trials apart from those of a strategy's design."""


class Study:
    """A search in progress.

    Args:
        log: The journal; its first event must be `Created`.
        strategy: Proposes trials; gets every ended trial of the journal.
        pruner: Stops trials early; gets every report of the journal.
        budget: When the search ends.
        seed: The study's seed, from which every trial's draws are derived.
        confirm: How many seeds candidates get; one by default.
    """

    def __init__(
        self,
        log: Log,
        strategy: Strategy,
        pruner: Pruner,
        *,
        budget: Budget,
        seed: int,
        confirm: Confirmation | None = None,
    ) -> None:
        self._log = log
        self._strategy = strategy
        self._pruner = pruner
        self._budget = budget
        self._seed = seed
        self._confirm = confirm or Confirmation(seeds=1)
        self._record = StudyRecord(log.read())
        # A strategy sees a candidate as it was when its trial ended.
        so_far = CandidateLedger(self.objectives, self._record.constraints)
        for count, trial in enumerate(self._record.in_order_of_end(), start=1):
            strategy.tell(trial, so_far.add(trial))
            if isinstance(strategy, FittingStrategy) and count in self._record.fits:
                strategy.adopt(self._record.fits[count].numbers)
        for trial in self.trials:
            pruner.tell(trial)
        self._interrupted = deque(trial.trial_id for trial in self._record.running)
        self._receipts: dict[int, Receipt | None] = {}
        """Of trials that are to be stopped, the reasons."""

        self._failures_in_a_row = 0
        self.is_finishing = False
        """True after `end_search`."""

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
    def seed(self) -> int:
        """The study's seed."""
        return self._seed

    @property
    def front(self) -> Front:
        """The nondominated candidates so far."""
        return self._record.front

    @property
    def gave_up(self) -> bool:
        """True if too many trials failed in a row since the study was opened.

        As long as none has finished, no more than the budget has trials: a small study gives up too.
        """
        return self._failures_in_a_row >= self.max_failures

    @property
    def max_failures(self) -> int:
        """How many trials in a row may fail before the search gives up."""
        has_finished = self._record.count(State.FINISHED) > 0
        most, limit = self._budget.max_failures, self._budget.trial_limit
        return most if has_finished or limit is None else min(most, limit)

    def open(self, now: float, *, host: str, pid: int) -> None:
        """Records that a process starts to work on the study."""
        self._opened_at = now
        self._keep(Opened(now, host, pid, self._budget.trial_limit, self._budget.hours, self._budget.voxels))
        self._fit(now)  # a killed process may have left a fit that was due

    def has_time(self, now: float) -> bool:
        """True while the budget of hours lasts."""
        assert self._opened_at is not None, "a study must be opened before it is asked"
        used = self._hours_before + (now - self._opened_at) / 3600
        return self._budget.hours is None or used < self._budget.hours

    def ask(self, now: float) -> Trial | None:
        """The trial to run now: an interrupted one first, then a new one; None if no more are to be started.

        An interrupted trial was started within the budget of hours, so it is finished even if no time is left. The
        trials of a confirmation come on top of the budget.
        """
        if self.gave_up:
            return None
        if self._interrupted:
            trial_id = self._interrupted.popleft()
            self._keep(Resumed(now, trial_id))
            return self.trials[trial_id]
        if not self.is_searching(now):
            return self._start_confirmation(now)
        promoted = self._pruner.choose_promoted(self.waiting)
        if promoted is not None:
            self._keep(Promoted(now, promoted.trial_id))
            return self.trials[promoted.trial_id]
        number = len(self.trials)
        generator = np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=(_TRIAL_STREAM, number)))
        proposal = propose_replicate(self._record, self._budget, self._confirm, generator)
        if proposal is None:
            proposal = self._strategy.ask(self._record.num_proposed, generator, self._record.running)
        return self._start(now, proposal)

    def end_search(self, now: float) -> None:
        """From now on starts no trial, ends those that run at their next step, and tests the front as it stands."""
        self.is_finishing = True
        while self._interrupted:
            self._end(Stopped(now, self._interrupted.popleft(), began_at=now, seconds=0.0, cause=FINISH))

    def is_searching(self, now: float) -> bool:
        """True while the budget has room for another trial."""
        return not self.is_finishing and not self.has_spent_trials() and self.has_time(now)

    def has_spent_trials(self) -> bool:
        """True if the budget allows no more trials, however much time is left: by their number, or by their voxels."""
        return self.has_started_all() or self.has_spent_voxels()

    def has_started_all(self) -> bool:
        """True if the budget allows no more trials by their number."""
        limit = self._budget.trial_limit
        return limit is not None and self._record.num_searched >= limit

    def has_spent_voxels(self) -> bool:
        """True if trainings have seen as many voxels as the budget allows."""
        return self._budget.voxels is not None and count_voxels(self.trials) >= self._budget.voxels

    def _start_confirmation(self, now: float) -> Trial | None:
        """The next trial that the confirmation still needs; None if there is none."""
        for candidate in self._list_unconfirmed():
            return self._start(now, Proposal(candidate, CONFIRMATION))
        return None

    def _list_unconfirmed(self) -> list[Candidate]:
        """The candidates of the confirmation that were not yet started with all their seeds."""
        confirming = self._record.confirming
        if confirming is None or self.is_finishing:
            return []
        chosen = [self.trials[number].candidate for number in confirming.candidates]
        return [candidate for candidate in chosen if len(self._record.seeds_of(candidate)) < confirming.seeds]

    def _start(self, now: float, proposal: Proposal) -> Trial:
        number = len(self.trials)
        seed = proposal.seed
        if seed is None:
            used = self._record.seeds_of(proposal.candidate)
            seed = choose_seed(used, self._seed, self._record.num_proposed, self._confirm.seeds)
        self._keep(Started(now, number, proposal.candidate, seed, proposal.origin, proposal.parents))
        return self.trials[number]

    def report(self, trial_id: int, step: int, values: Mapping[str, float], now: float) -> bool:
        """Records a quick measurement; True if the trial is to be stopped early."""
        self._check_running(trial_id)
        self._keep(Reported(now, trial_id, step, values))
        trial = self.trials[trial_id]
        self._pruner.tell(trial)
        if self.is_finishing:
            return True
        decision = decide(self._pruner, trial, step, self._seed)
        if decision.is_stopped:
            self._receipts[trial_id] = decision.receipt
        elif decision.receipt is not None:
            self._keep(Spared(now, trial_id, decision.receipt))
        return decision.is_stopped

    @property
    def waiting(self) -> list[Trial]:
        """The trials that were stopped and may go on, whose checkpoints are kept; none once the last trial started."""
        if self.has_started_all():
            return []
        return self._record.find_waiting(self._pruner.num_waiting)

    def finish(self, event: Finished) -> None:
        """Records a complete measurement and reports it to the strategy."""
        self._end(event)
        self._failures_in_a_row = 0

    def stop(self, event: Stopped) -> None:
        """Records that a trial was stopped early, with the pruner's reasons, and reports it to the strategy."""
        receipt = event.receipt or self._receipts.pop(event.trial_id, None)
        self._end(dataclasses.replace(event, receipt=receipt, cause=FINISH if self.is_finishing else ""))
        self._failures_in_a_row = 0

    def interrupt(self, trial_id: int) -> None:
        """Takes back a trial whose worker died: it resumes from its checkpoint before any new trial starts."""
        self._interrupted.append(trial_id)
        if self.is_finishing:
            self.end_search(self._record.last_time)

    def fail(self, event: Failed) -> None:
        """Records that a trial failed; the strategy learns that its candidate was tried, and may learn what fails."""
        self._end(event)
        self._failures_in_a_row += 1

    def needs_confirmation(self, now: float) -> bool:
        """True if the search is over and it is to be chosen which candidates are confirmed."""
        is_over = not self.gave_up and not self.num_running and not self.is_searching(now)
        if not is_over or self.is_finishing or self._confirm.seeds == 1 or not self._record.front.results:
            return False
        found = self._record.confirming
        return found is None or self._is_short(found)

    def _is_short(self, confirming: Confirming) -> bool:
        """True if more seeds are asked for than a confirmation had, or more candidates than it could take."""
        has_more = len(confirming.candidates) == confirming.limit < self._confirm.candidates
        return confirming.seeds < self._confirm.seeds or has_more

    def confirm(self, candidates: Sequence[int], probabilities: Sequence[float | None], now: float) -> None:
        """Starts the confirmation of candidates, given by their numbers, best first.

        Args:
            candidates: At most `confirm.candidates` are taken.
            probabilities: Of each, that of being on the front; None if it is not known.
            now: The time.
        """
        chosen = tuple(candidates)[: self._confirm.candidates]
        known = tuple(probabilities)[: len(chosen)]
        self._keep(Confirming(now, chosen, known, self._confirm.seeds, self._confirm.candidates))

    def untested(self) -> tuple[Trial, ...]:
        """The trials that are to be measured on the test cases, and were not yet.

        Those of the candidates that are confirmed; without a confirmation, those of the front. Baselines come too.
        """
        trials: Sequence[Trial] = self.confirmed_trials
        if self._record.confirming is None:
            if self._confirm.seeds > 1 and not self.is_finishing:
                return ()
            trials = self.front.all_trials
        known = {trial.trial_id for trial in trials}
        others = [trial for trial in self._record.baseline_trials if trial.trial_id not in known]
        return tuple(trial for trial in (*trials, *others) if not trial.test)

    @property
    def confirmed_trials(self) -> tuple[Trial, ...]:
        """The sound trials of the candidates that are confirmed, so far."""
        confirming = self._record.confirming
        if confirming is None:
            return ()
        found = [self._record.ledger.find(self.trials[number].candidate) for number in confirming.candidates]
        return tuple(trial for result in found if result for trial in result.trials)

    @property
    def contenders(self) -> tuple[Trial, ...]:
        """The sound trials of candidates that members of the front alone dominate; none if nothing is confirmed.

        Further seeds may bring them onto the front, and a confirmation needs their networks.
        """
        if self._confirm.seeds == 1:
            return ()
        members = {result.number for result in self.front.results}
        others = [result for result in self._record.results if result.number not in members]
        return find_front(others, self.objectives).all_trials

    @property
    def num_to_confirm(self) -> int:
        """How many trials the confirmation still starts."""
        confirming = self._record.confirming
        if confirming is None:
            return 0
        candidates = self._list_unconfirmed()
        return sum(confirming.seeds - len(self._record.seeds_of(candidate)) for candidate in candidates)

    def estimate_confirmation(self) -> int:
        """About how many trials the confirmation still starts: as if the front stayed as it is."""
        if self._confirm.seeds == 1 or self.is_finishing or self._record.confirming is not None:
            return self.num_to_confirm
        members = self.front.results[: self._confirm.candidates]
        return sum(self._confirm.seeds - len(self._record.seeds_of(member.candidate)) for member in members)

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
        """True if the budget of trials or voxels is spent, and the front is confirmed and tested."""
        if not self.has_spent_trials() or self.num_running or self.untested():
            return False
        confirming = self._record.confirming
        needs_none = self._confirm.seeds == 1 or not self.front.results
        return needs_none or (
            confirming is not None and not self._is_short(confirming) and not self._list_unconfirmed()
        )

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
        trial = self.trials[event.trial_id]
        self._pruner.tell(trial)
        self._strategy.tell(trial, self._record.ledger.find(trial.candidate))
        self._fit(event.time)

    def _fit(self, now: float) -> None:
        """Lets the strategy fit its models if that is due, and keeps what it found."""
        fit = self._strategy.fit() if isinstance(self._strategy, FittingStrategy) else None
        if fit is not None:
            self._keep(Fitted(now, fit.numbers, fit.explained))

    def _keep(self, event: Event) -> None:
        """Writes the journal first: an event that is not on disk did not happen."""
        self._log.append(event)
        self._record.add(event)

    def reread(self) -> None:
        """Reads the record again from the journal: a signal may have come between an event's two steps."""
        self._record = StudyRecord(self._log.read())
