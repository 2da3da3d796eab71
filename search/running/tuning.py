"""Adapts a queue to Ray Tune's Searcher, Scheduler and Trainable: the only module that knows Tune.

Ray only runs the jobs. The queue takes every decision and the store keeps every result; what Tune saves is discarded.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any, TypeVar

from ray import cloudpickle, tune
from ray.exceptions import OutOfMemoryError, RayActorError
from ray.tune.experiment import Trial as RayTrial
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from paretoseg.search.running.abandoned import remove_abandoned_groups
from paretoseg.search.running.data_parallel import Team, WorkerGroup
from paretoseg.search.running.importing import importing
from paretoseg.search.running.job_queue import JobQueue
from paretoseg.search.running.lost_nodes import LostNodes
from paretoseg.search.running.room import Room, watch_room
from paretoseg.search.running.watchdog import RayLostError
from paretoseg.search.running.worker import Broken, Displaced, Job, NoWork, Outcome, Work, find_obstacle, time_out
from paretoseg.search.store.folder import StorageError
from paretoseg.search.store.scratch import scratch_folder
from paretoseg.search.trials.trial import Failure, FailureKind

_TUNE_SETTINGS = {
    # Tune's own logs, snapshots and restarts would only repeat what the journal holds.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_AUTO_CALLBACK_SYNCER": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "TUNE_RESULT_BUFFER_LENGTH": "1",
    # The searcher itself hands out as many as there is room for.
    "TUNE_MAX_PENDING_TRIALS_PG": "1000000",
    # The older console output can be silenced altogether.
    "RAY_AIR_NEW_OUTPUT": "0",
}
_TIMEOUT_GRACE_SECONDS = 5.0
_OUTCOME, _JOB, _TEAM = "outcome", "job", "team"
_HEAD_NODE = "node:__internal_head__"
"""A resource that Ray gives to the head node of every cluster, 1.0 of it."""

_FINISHED: str = Searcher.FINISHED
T = TypeVar("T")


def run_on_ray(queue: JobQueue, *, room: Room, start_s: float = inf) -> None:
    """Runs jobs on a running Ray until the queue is over. The signal handlers stay those of the caller, not Tune's.

    Args:
        queue: The jobs.
        room: How many trials run at a time, and what each gets: with several processes, each an even share of it.
        start_s: How long a worker may take to start, in seconds.

    Raises:
        RayLostError: if no worker starts: if each dies at once, Ray itself would start new ones for ever. Also if no
            node has room for a trial any more.
    """
    os.environ.update(_TUNE_SETTINGS)
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    jobs: dict[str, Job] = {}
    scheduler = JobScheduler(queue, jobs, start_s)
    resources = room.resources
    is_team = resources.num_workers > 1
    team = Team.share_out(resources.num_workers, resources.cpus, resources.gpus) if is_team else None
    needs: Any = {"cpu": resources.cpus, "gpu": resources.gpus}
    if team is not None:
        # Ray Train reserves what the processes need; the trial's own actor only waits, on the search's node.
        needs = tune.PlacementGroupFactory([{_HEAD_NODE: 0.001}])
    tidy: Callable[[], object] = remove_abandoned_groups if is_team else lambda: None
    with scratch_folder() as scratch, watch_room(room, tidy) as watch:
        searcher = JobSearcher(queue, jobs, lambda: watch.read(scheduler.num_losses), team)
        tuner = tune.Tuner(
            tune.with_resources(TrialActor, needs),
            tune_config=tune.TuneConfig(
                search_alg=searcher,
                scheduler=scheduler,
                num_samples=-1,
                reuse_actors=True,
                trial_name_creator=_name_trial,
                trial_dirname_creator=_name_trial,
            ),
            run_config=tune.RunConfig(
                name="search",
                storage_path=str(scratch),
                verbose=0,
                callbacks=[
                    StartClock(scheduler.record_start, scheduler.check_starts),
                    OwnSignals(),
                    Refresher(queue),
                ],
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        )
        tuner.fit()


def _name_trial(trial: RayTrial) -> str:
    return str(trial.trial_id)


class TrialActor(tune.Trainable):  # type: ignore[misc]
    """A worker process. It stays warm: torch and MONAI are imported once, not once per trial."""

    def setup(self, config: dict[str, Any]) -> None:
        """Imports everything, then starts the first job."""
        self._group = WorkerGroup(config[_TEAM]) if config[_TEAM] else None
        self._failure: Failure | None = None
        if self._group is None:
            # An error raised here would reach the search as a process that died.
            with importing():
                self._failure = find_obstacle(config[_JOB].task)
        self._start(config[_JOB])

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Starts the next job in the same process."""
        self._watchdog.cancel()
        self._start(new_config[_JOB])
        return True

    def step(self) -> dict[str, Any]:
        """One share of the job."""
        outcome = self._advance()
        if outcome.is_last:
            self._watchdog.cancel()
        return {_OUTCOME: outcome, "done": outcome.is_last}

    def cleanup(self) -> None:
        """Stops the last job, and the processes that worked on it."""
        self._watchdog.cancel()
        if self._group is not None:
            self._group.close()

    def _start(self, job: Job) -> None:
        self._watchdog = threading.Timer(job.timeout_min * 60 + _TIMEOUT_GRACE_SECONDS, os._exit, args=(1,))
        if self._group is not None:
            # The group has a timeout of its own.
            self._advance = self._group.advance
            self._group.start(job)
            return
        self._advance = NoWork(self._failure).advance if self._failure else Work(job).advance
        # Python cannot interrupt a step that hangs; only ending the process is sure to work.
        self._watchdog.daemon = True
        self._watchdog.start()


class _Forgotten:
    """Pickles as empty: Tune pickles these objects into its own snapshots, which are never read."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class JobSearcher(_Forgotten, Searcher):  # type: ignore[misc]
    """Hands the queue's jobs to Tune, as many at a time as there are slots.

    Args:
        queue: The jobs.
        jobs: Those that run, by Tune's name of the trial; filled here.
        count_slots: How many jobs may run now. It is asked for every job: while no trial runs, Tune asks for one again
            and again within one of its steps.
        team: The processes of a trial, if there are several.
    """

    def __init__(
        self, queue: JobQueue, jobs: dict[str, Job], count_slots: Callable[[], int], team: Team | None = None
    ) -> None:
        super().__init__(metric="training_iteration", mode="max")
        self._queue = queue
        self._jobs = jobs
        self._count_slots = count_slots
        self._team = team

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next job, None while there is none, or FINISHED."""
        when_halted: dict[str, Any] | str | None = _FINISHED
        return _guard(self._queue, lambda: self._suggest(trial_id), when_halted)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Does nothing: the scheduler records the outcome."""

    def save(self, checkpoint_path: str) -> None:
        """Does nothing: the journal keeps the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Does nothing: the journal keeps the state."""

    def _suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        if self._queue.halt_reason or self._queue.is_over():
            return _FINISHED
        job = self._queue.next_job() if len(self._jobs) < self._count_slots() else None
        if job is None:
            return None
        self._jobs[trial_id] = job
        return {_JOB: job, _TEAM: self._team}


class JobScheduler(_Forgotten, TrialScheduler):  # type: ignore[misc]
    """Passes outcomes to the queue, and its answers to Tune: whether a trial continues."""

    def __init__(
        self, queue: JobQueue, jobs: dict[str, Job], start_s: float = inf, lost_nodes: LostNodes | None = None
    ) -> None:
        super().__init__()
        self._lost_nodes = lost_nodes or LostNodes()
        self._metric = "training_iteration"
        self._start_s = start_s
        self._waiting_since: float | None = None
        self._queue = queue
        self._jobs = jobs
        self.num_losses = 0
        """How many trials have lost their processes: a node may be gone."""

        self._began_at: dict[str, float] = {}
        self._chosen: set[str] = set()

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        """True: none of Tune's metrics is used."""
        return True

    def on_trial_result(self, controller: Any, trial: RayTrial, result: dict[str, Any]) -> str:
        """CONTINUE, unless the queue ends the trial early."""
        is_over = _guard(self._queue, lambda: self._take(trial, result), True)
        return str(TrialScheduler.STOP if is_over else TrialScheduler.CONTINUE)

    def on_trial_complete(self, controller: Any, trial: RayTrial, result: dict[str, Any]) -> None:
        """Records the last outcome of a trial; that of a trial that was stopped early is recorded already."""
        _guard(self._queue, lambda: self._take(trial, result), True)

    def record_start(self, trial_id: str) -> None:
        """Records that a worker has started the job: waiting for a free worker does not count as the trial's time."""
        self._began_at[trial_id] = self._queue.now()

    def check_starts(self) -> None:
        """Checks that workers start at all.

        Raises:
            RayLostError: if jobs have waited for too long while no worker had one.
        """
        if not self._jobs or self._jobs.keys() & self._began_at.keys():
            self._waiting_since = None
            return
        now = self._queue.now()
        if self._waiting_since is None:
            self._waiting_since = now
        if now - self._waiting_since > self._start_s:
            raise RayLostError(
                f"no worker has started for {self._start_s:g} s, perhaps because each dies at once; Ray's logs in "
                "/tmp/ray/session_latest/logs say why"
            )

    def on_trial_error(self, controller: Any, trial: RayTrial) -> None:
        """Records that the worker died."""
        job = self._jobs.pop(trial.trial_id, None)
        self.num_losses += 1
        if job is not None:
            now, error = self._queue.now(), _read_error(trial)
            failure = _explain_loss(error, job, now - self._began_at.get(trial.trial_id, now))
            num_excused = self._lost_nodes.count(job, error)
            _guard(self._queue, lambda: self._queue.lose(job, failure, num_excused), None)

    def on_trial_add(self, controller: Any, trial: RayTrial) -> None:
        """Nothing to prepare."""

    def on_trial_remove(self, controller: Any, trial: RayTrial) -> None:
        """Nothing to undo."""

    def choose_trial_to_run(self, controller: Any) -> RayTrial | None:
        """The first waiting trial, each only once: chosen again, it would take a warm worker from the next trial.

        Tune would then also discard the worker that is starting for it, so a second worker would never start.
        """
        for trial in controller.get_live_trials():
            if trial.status == RayTrial.PENDING and trial.trial_id not in self._chosen:
                self._chosen.add(trial.trial_id)
                return trial
        return None

    def debug_string(self) -> str:
        """A name for Tune's own output."""
        return "paretoseg"

    def _take(self, trial: RayTrial, result: dict[str, Any]) -> bool:
        # Removed first: Tune reports a trial that ends twice, and its outcome must not be recorded twice.
        job = self._jobs.pop(trial.trial_id, None)
        if job is None:
            return True
        outcome = result[_OUTCOME]
        assert isinstance(outcome, Outcome)
        if isinstance(outcome.result, Broken) and outcome.result.failure.kind is FailureKind.LOST:
            # Processes of the trial died, but not the actor that reports for them.
            self.num_losses += 1
            self._queue.lose(job, outcome.result.failure)
            return True
        if isinstance(outcome.result, Displaced):
            self._queue.put_back(job)
            return True
        if self._queue.take(job, outcome) or self._queue.halt_reason:
            return True
        self._jobs[trial.trial_id] = job
        return False


class StartClock(_Forgotten, tune.Callback):  # type: ignore[misc]
    """Reports every trial that a worker, new or warm, starts, and triggers the check that workers start."""

    def __init__(self, note: Callable[[str], None], check: Callable[[], None]) -> None:
        self._note = note
        self._check = check

    def on_step_begin(self, iteration: int, trials: list[RayTrial], **info: Any) -> None:
        """Triggers the check."""
        self._check()

    def on_trial_start(self, iteration: int, trials: list[RayTrial], trial: RayTrial, **info: Any) -> None:
        """Reports the trial."""
        self._note(trial.trial_id)


class OwnSignals(_Forgotten, tune.Callback):  # type: ignore[misc]
    """Keeps the caller's signal handlers: Tune's own wait for the end of a step, which may never come."""

    def __init__(self) -> None:
        self._handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGUSR1)}

    def setup(self, *args: Any, **info: Any) -> None:
        """Restores them, because Tune has just replaced them."""
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._handlers.items():
                signal.signal(number, handler)


class Refresher(_Forgotten, tune.Callback):  # type: ignore[misc]
    """Lets the queue update its files, even if no trial reports for a long time."""

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue

    def on_step_end(self, iteration: int, trials: list[RayTrial], **info: Any) -> None:
        """Called after every turn of Tune's loop, several times a second."""
        _guard(self._queue, self._queue.refresh, None)


def _guard(queue: JobQueue, act: Callable[[], T], when_halted: T) -> T:
    """The result of `act`; if the storage fails, halts the search instead of breaking Tune's loop."""
    try:
        return act()
    except StorageError as error:
        queue.halt(str(error))
        return when_halted


def _read_error(trial: RayTrial) -> Exception | None:
    """The error that Tune caught; it is in a file on this machine until the trial is synchronised."""
    path = trial.pickled_error_file
    return cloudpickle.loads(Path(path).read_bytes()) if path and Path(path).exists() else None


def _explain_loss(error: Exception | None, job: Job, seconds: float) -> Failure:
    """The reason why the process of a trial died, as far as it shows from outside.

    `seconds` is a little less than by the worker's own clock: Tune reports a start late, by at most the grace.
    """
    if seconds >= job.timeout_min * 60:
        return time_out(job.timeout_min)
    if isinstance(error, OutOfMemoryError):
        return Failure(FailureKind.MEMORY, "the machine ran out of memory and the worker was killed", str(error))
    if isinstance(error, RayActorError) and error.actor_init_failed:
        # Its error message ends with that of the error in the worker, behind Ray's own stack.
        return Failure(FailureKind.ERROR, str(error).rstrip().splitlines()[-1].strip(), str(error))
    if isinstance(error, RayActorError):
        return Failure(FailureKind.LOST, "the worker process died (killed, crashed or out of memory)", str(error))
    return Failure(FailureKind.ERROR, (str(error).splitlines() or ["unknown"])[0], str(error))
