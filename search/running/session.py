"""One process that works on a study: hands out jobs, records their outcomes, keeps the folder up to date.

Both runners, serial and on Ray, drive the same session, so the order of a search never depends on where it runs.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf

from paretoseg.search.certainty.confirming import Chosen, choose_front
from paretoseg.search.running.worker import Broken, Halted, Job, JobKind, Measured, Outcome, Stepped
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.study.study import Study
from paretoseg.search.trials.events import Failed, Finished, Stopped
from paretoseg.search.trials.memory_factors import MemoryFactors
from paretoseg.search.trials.trial import CONFIRMATION, Failure, FailureKind, Trial
from paretoseg.spaces.objective import Objective
from paretoseg.trainables.trainable import Assignment, Evaluation, Split, Task

MAX_LOSSES = 2
"""How often in a session the worker of a trial may be lost before the trial counts as failed."""

TABLE_SECONDS = 5.0
"""Fewest seconds between two writes of the tables: they hold every trial, which is too much to write after each."""

ASK_SECONDS = 2.0
"""Fewest seconds between two looks whether somebody has asked to finish."""

TABLE_SHARE = 0.002
"""Largest share of the time for writing them: the tables of a large study lag further behind the journal."""


@dataclass(frozen=True)
class JobSettings:
    """The settings that all jobs of a session share."""

    num_threads: int
    """CPU threads per trial."""

    device: str
    """'cpu' or 'cuda'."""

    timeout_min: float
    """How long a trial may take."""

    quick_steps: tuple[int, ...] | None = None
    """The steps, from 1, after which the trials of a search are measured quickly; None for all of them."""


@dataclass
class Session:
    """A study that is being searched; the queue of a search.

    Args:
        study: The state machine; already opened.
        folder: The study's folder.
        task: The task of its trials.
        settings: Of every job.
        now: The clock, in seconds since the epoch.
        observe: Called after every change, with this session.
        choose: Chooses the candidates to confirm.
    """

    study: Study
    folder: StudyFolder
    task: Task
    settings: JobSettings
    now: Callable[[], float]
    observe: Callable[[Session], None] = lambda session: None
    choose: Callable[[StudyRecord], Sequence[Chosen]] = lambda record: choose_front(record.front)
    """Chooses the candidates to confirm when the search is over, best first."""

    is_asked_to_finish: Callable[[], bool] | None = None
    """Whether somebody wants the search to end now, asked from time to time; None if nobody can."""

    keeps_networks: bool = True
    """Whether the networks of the front are kept and measured on test cases; False if rows are all that is needed."""

    halt_reason: str = ""
    """Why the storage stopped the search, or ''."""

    warnings: list[str] = field(default_factory=list)
    """What went wrong without stopping the search."""

    _active: dict[tuple[JobKind, int], Job] = field(default_factory=dict)
    _untestable: set[int] = field(default_factory=set)
    _num_losses: Counter[tuple[JobKind, int]] = field(default_factory=Counter)
    _memory_factors: MemoryFactors = field(default_factory=MemoryFactors)
    _checkpoints: set[int] = field(default_factory=set)
    """The trials whose checkpoints are kept."""

    _num_written: int | None = None
    """How many changes of the study the tables hold; None before they are first written in this session."""

    _asked_at: float = -inf
    """When it was last asked whether to finish."""

    _written_at: float = -inf
    _next_write: float = -inf
    """When the tables were last written, and when they may be again."""

    def __post_init__(self) -> None:
        for trial in self.study.record.in_order_of_end():
            self._memory_factors.add(trial)

    @property
    def active_trials(self) -> tuple[int, ...]:
        """The trials that workers train; not those that are only measured on test cases."""
        return tuple(trial_id for kind, trial_id in self._active if kind is JobKind.TRIAL)

    def next_job(self) -> Job | None:
        """A job for a free slot, or None if there is none now (`is_over` says whether one may come)."""
        if self.halt_reason:
            return None
        self.refresh()
        self._confirm()
        trial = self.study.ask(self.now())
        kind = JobKind.TRIAL
        if trial is None:
            trial, kind = self._next_to_test(), JobKind.TEST
        if trial is None:
            return None
        job = self._to_job(trial, kind)
        self._active[kind, trial.trial_id] = job
        self.observe(self)
        return job

    def is_over(self) -> bool:
        """True if no job runs and none will come."""
        if self._active:
            return False
        if self.halt_reason or self.study.gave_up:
            return True
        if self.study.num_running:
            return False
        now = self.now()
        has_work = self.study.is_searching(now) or self.study.needs_confirmation(now) or self.study.num_to_confirm > 0
        return not has_work and self._next_to_test() is None

    def is_done(self) -> bool:
        """True if the session is over and resuming would find nothing to do."""
        return self.is_over() and not self.halt_reason and not self.study.gave_up

    def take(self, job: Job, outcome: Outcome) -> bool:
        """Records the outcome of one share of a job; True if the job is over."""
        if outcome.note:
            self.warnings.append(outcome.note)
        match outcome.result:
            case Stepped() if job.kind is JobKind.TEST:
                is_over = False  # it is trained again, as its checkpoint is gone
            case Stepped(step, measurement):
                is_over = self.study.report(job.trial_id, step, measurement.values, self.now())
                if is_over:
                    self.study.stop(Stopped(self.now(), job.trial_id, outcome.began_at, outcome.seconds, outcome.host))
            case Measured(evaluation):
                is_over = True
                self._take_evaluation(job, outcome, evaluation)
            case Broken(failure):
                is_over = True
                self._take_failure(job, failure, outcome)
            case Halted(reason):
                is_over = True
                self.halt(reason)
        if is_over:
            self._close(job)
        self.refresh()
        self.observe(self)
        return is_over

    def lose(self, job: Job, failure: Failure, num_excused: int = 0) -> None:
        """Records that the worker of a job died.

        A worker may be lost with its machine, so the job resumes elsewhere, unless it was lost too often. Losses of
        nodes that are gone, of which there were `num_excused`, do not count.
        """
        self._num_losses[job.kind, job.trial_id] += 1
        num_counted = self._num_losses[job.kind, job.trial_id] - num_excused
        if failure.kind is not FailureKind.LOST or num_counted > MAX_LOSSES:
            self._take_failure(job, failure)
            self._end(job)
        else:
            self.put_back(job)

    def put_back(self, job: Job) -> None:
        """Takes back a job whose worker had to leave: it goes on later."""
        if job.kind is JobKind.TRIAL:
            self.study.interrupt(job.trial_id)
        self._end(job)

    def halt(self, reason: str) -> None:
        """Stops handing out jobs because the storage failed; does not wait for those that run."""
        self.halt_reason = self.halt_reason or reason
        self._active.clear()

    def refresh(self) -> None:
        """Updates the tables from the journal if they lag behind and it is time; call it often.

        Raises:
            StorageError: if they cannot be written.
        """
        if self.is_asked_to_finish is not None and not self.halt_reason:
            self._look_for_end(self.is_asked_to_finish)
        if not self.halt_reason and self._num_written != self.study.record.num_changes and self._is_time():
            self.write_tables()

    def _end(self, job: Job) -> None:
        self._close(job)
        self.refresh()
        self.observe(self)

    def _look_for_end(self, is_asked: Callable[[], bool]) -> None:
        """Ends the search if somebody has asked for it."""
        now = self.now()
        if self.study.is_finishing or self._asked_at <= now < self._asked_at + ASK_SECONDS:
            return
        self._asked_at = now
        if is_asked():
            self.study.end_search(now)

    def write_tables(self) -> None:
        """Updates the tables from the journal, and deletes checkpoints that a killed process left behind.

        Raises:
            StorageError: if they cannot be written.
        """
        record, start, is_first = self.study.record, self.now(), self._num_written is None
        self.folder.write_trials(record)
        self.folder.write_candidates(record)
        self.folder.write_front(record)
        self._checkpoints = self._find_needed()
        self.folder.checkpoints.keep_only(self._checkpoints)
        self._num_written, self._written_at = record.num_changes, self.now()
        # The first write builds all rows, later ones only those that changed: its time does not predict the next.
        seconds = 0.0 if is_first else self._written_at - start
        self._next_write = self._written_at + max(TABLE_SECONDS, seconds / TABLE_SHARE)

    def _is_time(self) -> bool:
        """True if the tables may be written again; a clock that was set back delays nothing."""
        return not self._written_at <= self.now() < self._next_write

    def _confirm(self) -> None:
        """Starts the confirmation when the search is over."""
        if not self._active and self.study.needs_confirmation(self.now()):
            chosen = self.choose(self.study.record)
            self.study.confirm([one.number for one in chosen], [one.probability for one in chosen], self.now())

    def _take_evaluation(self, job: Job, outcome: Outcome, evaluation: Evaluation) -> None:
        values = _select(self.study.objectives, evaluation)
        if job.kind is JobKind.TEST:
            self.study.finish_test(job.trial_id, values, self.now(), evaluation.profile)
            return
        event = Finished(
            time=self.now(),
            trial_id=job.trial_id,
            objectives=values,
            costs=evaluation.costs,
            degenerate=evaluation.degenerate,
            began_at=outcome.began_at,
            seconds=outcome.seconds,
            host=outcome.host,
            device=evaluation.device,
            profile=evaluation.profile,
            note=evaluation.note,
        )
        self.study.finish(event)
        self._memory_factors.add(self.study.trials[job.trial_id])

    def _take_failure(self, job: Job, failure: Failure, outcome: Outcome | None = None) -> None:
        if job.kind is JobKind.TRIAL:
            event = Failed(self.now(), job.trial_id, failure)
            if outcome is not None:
                event = dataclasses.replace(
                    event, host=outcome.host, began_at=outcome.began_at, seconds=outcome.seconds
                )
            self.study.fail(event)
            return
        self._untestable.add(job.trial_id)
        self.warnings.append(f"trial {job.trial_id} was not measured on the test cases: {failure.reason}")

    def _close(self, job: Job) -> None:
        """Removes a job from the active ones, and deletes the checkpoints that are no longer needed."""
        self._active.pop((job.kind, job.trial_id), None)
        if self.halt_reason:
            return
        needed = self._find_needed()
        self.folder.checkpoints.delete((self._checkpoints | {job.trial_id}) - needed)
        self._checkpoints = needed

    def _find_needed(self) -> set[int]:
        """The trials whose checkpoints are kept: baselines, the front, and those that run, may go on or may join it."""
        study = self.study
        baselines = study.record.baseline_trials
        members = [*study.front.all_trials, *study.contenders, *study.confirmed_trials, *baselines]
        kept = members if self.keeps_networks else []
        return {trial.trial_id for trial in (*study.record.running, *study.waiting, *kept)}

    def _next_to_test(self) -> Trial | None:
        """The next member of the final front to measure on the test cases; the front is final when no trial runs."""
        if not self.keeps_networks or self.study.gave_up or any(kind is JobKind.TRIAL for kind, _ in self._active):
            return None
        taken = self._untestable | {trial_id for _, trial_id in self._active}
        return next((trial for trial in self.study.untested() if trial.trial_id not in taken), None)

    def _to_job(self, trial: Trial, kind: JobKind) -> Job:
        settings = self.settings
        factors = self._memory_factors.find(until=trial.asked_at)
        steps = settings.quick_steps
        if steps is not None and trial.origin == CONFIRMATION:
            steps = ()  # nobody stops a confirmation
        assignment = Assignment(trial.candidate, trial.seed, settings.num_threads, settings.device, factors, steps)
        split = Split.TEST if kind is JobKind.TEST else Split.VALIDATION
        place = self.folder.folder
        return Job(
            kind=kind,
            trial_id=trial.trial_id,
            assignment=assignment,
            task=self.task,
            location=place.address,
            timeout_min=settings.timeout_min,
            split=split,
            num_reported=len(trial.reports),
            token=place.token,
        )


def _select(objectives: tuple[Objective, ...], evaluation: Evaluation) -> dict[str, float]:
    return {objective.name: float(evaluation.objectives.values[objective.name]) for objective in objectives}
