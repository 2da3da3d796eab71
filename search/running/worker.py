"""What a worker does with a job: build, restore, step, save, evaluate, and describe every failure.

Free of Ray: the serial runner and Ray's actors use the same object.
"""

from __future__ import annotations

import socket
import time
import traceback
from dataclasses import dataclass, field, replace
from enum import StrEnum

from paretoseg.search.store.case_files import CaseFiles
from paretoseg.search.store.folder import StorageError, as_storage_error
from paretoseg.search.store.lease import open_for_worker
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.trials.trial import Failure, FailureKind
from paretoseg.spaces.atomic_file import DISK_ERRORS
from paretoseg.spaces.objective import Measurement
from paretoseg.trainables.trainable import Assignment, Evaluation, Split, Task, Trainable


class JobKind(StrEnum):
    """What a worker is to do."""

    TRIAL = "trial"
    TEST = "test"
    RESCORE = "rescore"


@dataclass(frozen=True)
class Job:
    """Everything a worker must know; picklable."""

    kind: JobKind
    trial_id: int
    assignment: Assignment
    task: Task
    location: str
    """The study's folder: absolute, because workers have working directories of their own."""

    timeout_min: float
    """How long the job may take."""

    split: Split = Split.VALIDATION
    """The cases that are measured at the end."""

    output: str = ""
    """The folder, absolute, that keeps the rows of a rescoring; '' for the study's own."""

    num_reported: int = 0
    """Steps of the trial that were reported before: with one or more, there should be a checkpoint."""

    token: int | None = None
    """The fencing token of the session, with which files on an object store are written; None on a local disk."""


@dataclass(frozen=True)
class Stepped:
    """A share of the training is done."""

    step: int
    measurement: Measurement


@dataclass(frozen=True)
class Measured:
    """The job is done."""

    evaluation: Evaluation


@dataclass(frozen=True)
class Broken:
    """The trial failed; the worker is fine."""

    failure: Failure


@dataclass(frozen=True)
class Displaced:
    """The processes of the trial gave way to those of another trial: it goes on when there is room again."""


@dataclass(frozen=True)
class Halted:
    """The storage failed: no trial can continue, and none is to blame."""

    reason: str


@dataclass(frozen=True)
class Outcome:
    """The result of one `advance`."""

    result: Stepped | Measured | Broken | Displaced | Halted
    began_at: float
    """When the job started, in seconds since the epoch."""

    seconds: float
    """How long the worker has worked on the job so far."""

    host: str = ""
    """The machine that the worker runs on."""

    note: str = ""
    """What went wrong without ending the trial, or ''."""

    @property
    def is_last(self) -> bool:
        """True if the job is over."""
        return not isinstance(self.result, Stepped)


@dataclass
class Work:
    """A job in progress; call `advance` until `is_last` of an outcome is true."""

    job: Job
    is_leader: bool = True
    """False in the other processes of a trial that has several: they train too, but neither measure nor save."""

    _trainable: Trainable | None = field(default=None, init=False)
    _began_at: float | None = field(default=None, init=False)
    _seconds: float = field(default=0.0, init=False)
    _restored: Measurement | None = field(default=None, init=False)
    _note: str = field(default="", init=False)
    _is_reading: bool = field(default=False, init=False)
    """True while the checkpoint is being read."""

    _is_damaged: bool = field(default=False, init=False)
    """True if it could not be read."""

    def advance(self) -> Outcome:
        """Does the next share of the job; never raises for what a trial does."""
        if self._began_at is None:
            self._began_at = time.time()
        start = time.perf_counter()
        result = self._try()
        self._seconds += time.perf_counter() - start
        if self._seconds > self.job.timeout_min * 60 and isinstance(result, Stepped):
            result = Broken(time_out(self.job.timeout_min))
        note, self._note = self._note, ""
        return Outcome(result, self._began_at, self._seconds, socket.gethostname(), note)

    def _try(self) -> Stepped | Measured | Broken | Halted:
        try:
            return self._do()
        except StorageError as error:
            return Halted(str(error))
        except Exception as error:
            if isinstance(error, OSError) and error.errno in DISK_ERRORS:
                return Halted(str(as_storage_error(error, "the disk of the worker")))
            failure = describe_error(error)
            # Reading a damaged file can raise any kind of error.
            if self._is_reading and failure.kind is not FailureKind.MEMORY:
                return self._go_on_without_checkpoint(failure)
            return Broken(failure)

    def _do(self) -> Stepped | Measured:
        folder = StudyFolder(self.job.location, token=self.job.token)
        if self._trainable is None:
            self._trainable = self._restore(folder)
            if self._restored is not None:
                # The crash may have come between the checkpoint and its report, or before the pruner's decision on it
                # was recorded. So the restored step is reported again, and the search decides as without the crash.
                return Stepped(self._trainable.steps_done, self._restored)
        if self.job.kind is JobKind.RESCORE or self._trainable.steps_done == self._trainable.num_steps:
            return self._evaluate()
        measurement = self._trainable.step()
        if not self.is_leader:
            return Stepped(self._trainable.steps_done, measurement)
        with folder.checkpoints.new(self.job.trial_id, self._trainable.steps_done, measurement.values) as path:
            self._trainable.save(path)
        return Stepped(self._trainable.steps_done, measurement)

    def _restore(self, folder: StudyFolder) -> Trainable:
        """The trial in the state of its checkpoint; at its beginning if there is none, or if it is damaged.

        Raises:
            FileNotFoundError: if the trial is to be measured again, and has none.
        """
        trial_id = self.job.trial_id
        trainable = self.job.task.build(self.job.assignment)
        if self._is_damaged:
            return trainable
        self._is_reading = True
        with folder.checkpoints.open(trial_id) as path:
            if path is not None:
                trainable.load(path)
                if self.job.kind is JobKind.TRIAL:
                    self._restored = Measurement(folder.checkpoints.read_values(trial_id))
        self._is_reading = False
        if path is None and self.job.kind is JobKind.RESCORE:
            raise FileNotFoundError(f"the checkpoint of trial {trial_id} is gone, so it cannot be measured")
        if path is None and self.job.num_reported:
            self._note = f"trial {trial_id} {self._describe_start()}, because its checkpoint is gone"
        return trainable

    def _go_on_without_checkpoint(self, failure: Failure) -> Stepped | Measured | Broken | Halted:
        """Trains from the beginning, with a note; a rescoring fails without its checkpoint."""
        self._is_reading, self._is_damaged, self._restored = False, True, None
        name = f"trial {self.job.trial_id}"
        if self.job.kind is JobKind.RESCORE:
            reason = f"the checkpoint of {name} is damaged ({failure.reason}), so it cannot be measured"
            return Broken(replace(failure, reason=reason))
        self._note = f"{name} {self._describe_start()}, because its checkpoint is damaged: {failure.reason}"
        return self._try()

    def _describe_start(self) -> str:
        return "was trained again for the test cases" if self.job.kind is JobKind.TEST else "started from its beginning"

    def _evaluate(self) -> Measured:
        assert self._trainable is not None
        if not self.is_leader:
            return Measured(Evaluation(Measurement({}), {}))
        evaluation = self._trainable.evaluate(self.job.split)
        Measurement(evaluation.costs)  # refuses costs that are not finite
        rows = CaseFiles(open_for_worker(self.job.output or self.job.location, self.job.token))
        rows.write(self.job.trial_id, self.job.assignment.seed, self.job.split, evaluation.cases)
        return Measured(evaluation)


@dataclass(frozen=True)
class NoWork:
    """A job that no worker process can do, as it failed to import what its task needs."""

    failure: Failure

    def advance(self) -> Outcome:
        """The failure."""
        return Outcome(Broken(self.failure), time.time(), 0.0, socket.gethostname())


def find_obstacle(task: Task) -> Failure | None:
    """Imports what a task needs; why that failed, or None.

    The first error counts for all jobs of a process, as a second import can fail with another one.
    """
    try:
        task.warm_up()
    except Exception as error:
        return describe_error(error)
    return None


def time_out(timeout_min: float) -> Failure:
    """The failure of a trial that took too long."""
    return Failure(FailureKind.TIMEOUT, f"took longer than resources.timeout_min={timeout_min:g}")


def describe_error(error: Exception) -> Failure:
    """The failure of a trial that raised an error; call it where the error was caught."""
    name, lines = type(error).__name__, str(error).splitlines()
    reason = f"{name}: {lines[0]}" if lines else name
    if isinstance(error, MemoryError) or "OutOfMemory" in name or "out of memory" in reason.lower():
        kind = FailureKind.MEMORY
    elif isinstance(error, ValueError) and "must be finite" in reason:
        kind = FailureKind.NAN
    else:
        kind = FailureKind.ERROR
    return Failure(kind, reason, traceback.format_exc())
