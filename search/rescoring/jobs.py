"""The jobs of a rescoring: which trials are measured, what is left to do, and the results."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from paretoseg.search.running.session import MAX_LOSSES, JobSettings
from paretoseg.search.running.worker import Broken, Halted, Job, JobKind, Measured, Outcome
from paretoseg.search.store.rescore_folder import RescoreFolder
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.study.rescore_record import Rescored, RescoreRecord
from paretoseg.search.trials.trial import Failure, FailureKind, Trial
from paretoseg.spaces.objective_choice import SCORE_NAMES
from paretoseg.trainables.trainable import Assignment, Split, Task


def choose_trials(folder: StudyFolder, record: StudyRecord) -> list[Trial]:
    """The trials to measure: the members of the front, and other sound ones whose checkpoint is still there.

    Raises:
        ValueError: if there is none, or the checkpoint of a member is gone.
    """
    members = {trial.trial_id for trial in record.front.all_trials}
    if not members:
        raise ValueError("no trial is on the front yet, so there is nothing to measure; resume the search first")
    there = [trial for trial in record.trials if trial.is_eligible and folder.checkpoints.has(trial.trial_id)]
    if gone := sorted(members - {trial.trial_id for trial in there}):
        raise ValueError(
            f"trial {', '.join(map(str, gone))} on the front has no checkpoint; restore checkpoints/ from a backup"
        )
    return there


def list_jobs(
    trials: Sequence[Trial], task: Task, settings: JobSettings, study: StudyFolder, target: RescoreFolder
) -> list[Job]:
    """A job for every trial on validation cases, then one for those that the search has tested on test cases.

    Test cases are for the members of a final front: a trial that the search has not shown them yet is not shown them
    here.
    """
    measured = [(trial, Split.VALIDATION) for trial in trials]
    measured += [(trial, Split.TEST) for trial in trials if trial.test]
    return [
        Job(
            JobKind.RESCORE,
            trial.trial_id,
            Assignment(trial.candidate, trial.seed, settings.num_threads, settings.device),
            task,
            study.folder.address,
            settings.timeout_min,
            split,
            target.folder.address,
        )
        for trial, split in measured
    ]


def is_done(job: Job, record: RescoreRecord, target: RescoreFolder) -> bool:
    """True if the trial was measured on these cases already, and its rows are there."""
    return record.find(job.trial_id, job.split) is not None and target.cases.has(job.trial_id, job.split)


@dataclass
class Rescoring:
    """The queue of a rescoring.

    Args:
        record: What is known so far.
        folder: Where it is stored; updated with every result.
        waiting: The jobs that are to be done, first to last.
        now: The clock, in seconds since the epoch.
        observe: Called with every result, once it is stored.
    """

    record: RescoreRecord
    folder: RescoreFolder
    waiting: list[Job]
    now: Callable[[], float]
    observe: Callable[[Rescored], None] = lambda result: None
    halt_reason: str = ""
    """Why the storage stopped the work, or ''."""

    _active: dict[tuple[int, Split], Job] = field(default_factory=dict)
    _num_losses: Counter[tuple[int, Split]] = field(default_factory=Counter)

    def next_job(self) -> Job | None:
        """The next job, or None if there is none now."""
        if self.halt_reason or not self.waiting:
            return None
        job = dataclasses.replace(self.waiting.pop(0), token=self.folder.folder.token)
        self._active[job.trial_id, job.split] = job
        return job

    def is_over(self) -> bool:
        """True if no job runs and none will come."""
        return not self._active and (bool(self.halt_reason) or not self.waiting)

    def take(self, job: Job, outcome: Outcome) -> bool:
        """Stores the result of a job; returns True, as a job takes one step."""
        match outcome.result:
            case Measured(evaluation):
                values = {item.name: float(evaluation.objectives.values[item.name]) for item in self.record.objectives}
                found = dataclasses.replace(
                    self._result(job),
                    objectives=values,
                    beside={name: value for name, value in evaluation.costs.items() if name in SCORE_NAMES},
                    degenerate=evaluation.degenerate,
                    note=evaluation.note,
                    profile=evaluation.profile,
                    device=evaluation.device,
                )
            case Broken(failure):
                found = self._result(job, failure=_describe(failure))
            case Halted(reason):
                self.halt(reason)
                return True
            case _:
                raise AssertionError("a rescoring takes no steps")
        self._keep(dataclasses.replace(found, host=outcome.host, seconds=outcome.seconds))
        return True

    def lose(self, job: Job, failure: Failure, num_excused: int = 0) -> None:
        """Records that the worker of a job died; a lost job is tried again until it was lost too often.

        Losses of nodes that are gone, of which there were `num_excused`, do not count.
        """
        self._num_losses[job.trial_id, job.split] += 1
        num_counted = self._num_losses[job.trial_id, job.split] - num_excused
        if failure.kind is FailureKind.LOST and num_counted <= MAX_LOSSES:
            self.put_back(job)
        else:
            self._keep(self._result(job, failure=_describe(failure)))

    def put_back(self, job: Job) -> None:
        """Takes back a job whose worker had to leave: it is the next."""
        self._active.pop((job.trial_id, job.split))
        self.waiting.insert(0, job)

    def refresh(self) -> None:
        """Does nothing: every result is stored at once."""

    def halt(self, reason: str) -> None:
        """Stops handing out jobs because the storage failed; running ones are not waited for."""
        self.halt_reason = self.halt_reason or reason
        self._active.clear()

    def _result(self, job: Job, failure: str = "") -> Rescored:
        return Rescored(job.trial_id, job.split, job.assignment.seed, measured_at=self.now(), failure=failure)

    def _keep(self, result: Rescored) -> None:
        self.record = self.record.with_result(result)
        self.folder.write_record(self.record)
        self._active.pop((result.trial_id, result.split), None)
        self.observe(result)


def _describe(failure: Failure) -> str:
    return f"{failure.kind}: {failure.reason}"
