"""A trial on several processes: Ray Train's TorchTrainer starts them, and all of them run the same steps.

    TrialActor                    RankMailbox                     the trainer's workers
    advance ──────── order ────────> ──────── take ──────> rank 0: Work, the leader
            <─────── answers ─────── <────── hand in ───── rank 1: Work, trains along
                                                           ...

An order is one share of a job: all ranks advance once, then wait for the next order. So the search decides before any
further training, as with one process, and no rank waits inside a collective while the leader measures. The group stays
warm: trial after trial runs on the same processes, until a rank fails where others do not.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import socket
import threading
import time
from dataclasses import dataclass, replace
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, OutOfMemoryError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from paretoseg.search.running.rank_mailbox import Answers, Instruction, RankMailbox
from paretoseg.search.running.room import is_one_waiting
from paretoseg.search.running.worker import Broken, Displaced, Job, Outcome, Work, time_out
from paretoseg.search.store.scratch import scratch_folder
from paretoseg.search.trials.trial import Failure, FailureKind

_TRAIN_SETTINGS = {
    "RAY_TRAIN_V2_ENABLED": "1",
    # How soon a dead worker is noticed, and a finished group frees its resources.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",
    # How long to wait for free resources: a cluster takes minutes to grow.
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "600",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
}
_PATIENCE_SECONDS = 10.0
"""How long the other ranks may take to answer, or to be found dead, after one has failed."""

_LEAVE_SECONDS = 3.0
"""How long a rank may take to leave; one that hangs in a collective never does, so its process is killed."""

_CLOSE_SECONDS = 30.0
_LOOK_SECONDS = 1.0
_IDLE_SECONDS = 3.0
"""How long processes stay after a job when others wait for a place."""

_ORDER_SECONDS = 20.0
"""The same between two orders of a job: the search takes less time to decide, unless it has ended the trial."""


@dataclass(frozen=True)
class Team:
    """How many processes a trial has, and the resources of each."""

    num_workers: int
    cpus: float
    gpus: float

    @classmethod
    def share_out(cls, num_workers: int, cpus: float, gpus: float) -> Team:
        """The resources of a trial in equal shares; CPUs are rounded down to the four digits that Ray counts."""
        return cls(num_workers, int(cpus / num_workers * 1e4 + 1e-6) / 1e4, gpus / num_workers)

    def is_one_waiting(self) -> bool:
        """True if the processes of a trial like this wait for a place."""
        return is_one_waiting(self.num_workers * self.cpus, self.num_workers * self.gpus)


class WorkerGroup:
    """The processes of one slot, used for trial after trial.

    Args:
        team: How many, and the resources of each. Processes start when they are first needed.
    """

    def __init__(self, team: Team) -> None:
        self._team = team
        self._mailbox: Any = None
        self._trainer: threading.Thread | None = None
        self._job: Job | None = None
        self._has_started = False
        self._deadline = 0.0
        self._busy = threading.Lock()
        self._idle_since, self._has_work = time.monotonic(), False
        self._gave_way = False
        self._is_over = threading.Event()
        threading.Thread(target=self._give_way, name="give way", daemon=True).start()

    def start(self, job: Job) -> None:
        """Makes this the current job and drops the previous one."""
        with self._busy:
            self._job, self._has_started, self._gave_way = job, False, False
            self._idle_since, self._has_work = time.monotonic(), False

    def advance(self) -> Outcome:
        """Does the next share of the job on all ranks; never raises for what a trial does.

        If a process died, the outcome is a failure of kind `lost`: another group may resume the trial.
        """
        with self._busy:
            outcome = self._advance()
            self._idle_since, self._has_work = time.monotonic(), not outcome.is_last
        return outcome

    def close(self) -> None:
        """Ends the processes and frees their resources."""
        self._is_over.set()
        with self._busy:
            self._leave()

    def _advance(self) -> Outcome:
        assert self._job is not None
        began_at, start = time.time(), time.monotonic()
        if self._gave_way:
            return Outcome(Displaced(), began_at, 0.0, socket.gethostname())
        try:
            answers = self._ask(self._job)
        except GetTimeoutError:
            answers = Answers((), is_complete=False, end=time_out(self._job.timeout_min))
        if not answers.is_sound():
            self._leave()
        if answers.end is not None and not answers.is_complete:
            return Outcome(Broken(answers.end), began_at, time.monotonic() - start, socket.gethostname())
        return answers.choose()

    def _give_way(self) -> None:
        """Ends the processes while they have nothing to do and others wait for a place; until the group is closed.

        A trial that waits for its processes holds its slot already. So no job would come that these could work on.
        """
        while not self._is_over.wait(_LOOK_SECONDS):
            with self._busy, contextlib.suppress(RayError):  # without its Ray the trial ends anyway
                # A job that was stopped early looks like one that waits for its next order.
                patience = _ORDER_SECONDS if self._has_work else _IDLE_SECONDS
                is_idle = self._mailbox is not None and time.monotonic() - self._idle_since > patience
                if is_idle and self._team.is_one_waiting():
                    self._gave_way = self._has_work
                    self._leave()

    def _leave(self) -> None:
        """Ends the processes; the next order starts new ones."""
        if self._mailbox is None:
            return
        assert self._trainer is not None
        mailbox, self._mailbox = self._mailbox, None
        mailbox.close.remote()
        # If the cluster had no room, the processes have not started yet: they then leave as soon as they do.
        self._trainer.join(_CLOSE_SECONDS)

    def _ask(self, job: Job) -> Answers:
        """Gives the next order and returns the answers; starts the processes first if there are none."""
        patience = job.timeout_min * 60
        if self._mailbox is None:
            self._mailbox = self._open()
            end = self._gather(patience)
            if end is not None:
                return Answers((), is_complete=False, end=end)
        if not self._has_started:
            self._deadline = time.monotonic() + patience
        ray.get(self._mailbox.post.remote(Instruction(None if self._has_started else job)))
        self._has_started = True
        # A little longer than the job may take: the leader's own report of a timeout is more precise.
        left = max(self._deadline - time.monotonic(), 0.0) + _LEAVE_SECONDS
        answers: Answers = ray.get(self._mailbox.collect.remote(_PATIENCE_SECONDS), timeout=left)
        return answers

    def _gather(self, patience: float) -> Failure | None:
        """Waits until all ranks have come; returns why they have ended, if they have.

        Raises:
            GetTimeoutError: if they have not come after `patience` seconds, and no group waits for a place any more.
        """
        arrival = self._mailbox.gather.remote()
        while True:
            try:
                end: Failure | None = ray.get(arrival, timeout=patience)
            except GetTimeoutError:
                if not self._team.is_one_waiting():
                    raise
            else:
                return end

    def _open(self) -> Any:
        """Starts the processes in the background; returns the mailbox from which they take orders."""
        mailbox = ray.remote(RankMailbox).options(num_cpus=0, **_stay_here()).remote(self._team.num_workers)
        self._trainer = threading.Thread(target=_train, args=(self._team, mailbox), daemon=True)
        self._trainer.start()
        return mailbox


def _stay_here() -> dict[str, Any]:
    """Options of an actor that must not be lost with another node: it runs on the node of this process."""
    here = ray.get_runtime_context().get_node_id()
    return {"scheduling_strategy": NodeAffinitySchedulingStrategy(here, soft=False)}


def _train(team: Team, mailbox: Any) -> None:
    """Runs Ray Train's trainer until the group is closed or a worker dies, and reports the reason to the mailbox."""
    os.environ.update(_TRAIN_SETTINGS)
    from ray.train import FailureConfig, RunConfig, ScalingConfig  # late: it imports torch
    from ray.train.torch import TorchTrainer

    logging.getLogger("ray").setLevel(logging.CRITICAL)
    failure = Failure(FailureKind.LOST, "the processes of the trial have ended")
    try:
        with scratch_folder() as scratch:
            trainer = TorchTrainer(
                _work_along,
                train_loop_config={"mailbox": mailbox},
                scaling_config=ScalingConfig(
                    num_workers=team.num_workers,
                    use_gpu=team.gpus > 0,
                    resources_per_worker={"CPU": team.cpus} | ({"GPU": team.gpus} if team.gpus else {}),
                ),
                # Ray Train need not restart a group that failed: the search resumes the trial from its checkpoint.
                run_config=RunConfig(
                    name="trial",
                    storage_path=str(scratch),
                    failure_config=FailureConfig(max_failures=0, max_preemption_failures=0),
                ),
            )
            trainer.fit()
    except Exception as error:  # any error must be reported to the trial, which would otherwise wait for ever
        failure = _explain(error)
    mailbox.end.remote(failure)


def _work_along(config: dict[str, Any]) -> None:
    """What every rank does: takes orders until the group is closed."""
    mailbox = config["mailbox"]
    from ray import train

    rank = train.get_context().get_world_rank()
    has_left = threading.Event()
    threading.Thread(target=_watch, args=(mailbox, has_left), daemon=True).start()
    work: Work | None = None
    for index in itertools.count():
        order: Instruction | None = ray.get(mailbox.take.remote(rank, index))
        if order is None:
            break
        if order.job is not None:
            work = Work(_place(order.job), is_leader=rank == 0)
        assert work is not None
        ray.get(mailbox.hand_in.remote(rank, index, work.advance()))
    has_left.set()


def _watch(mailbox: Any, has_left: threading.Event) -> None:
    """Ends this process if it does not leave when the group is closed, as in a collective that others have left."""
    with contextlib.suppress(RayError):  # the trial's own process has died
        ray.get(mailbox.wait_until_closed.remote())
    if not has_left.wait(_LEAVE_SECONDS):
        os._exit(1)


def _place(job: Job) -> Job:
    """The job on this rank's own GPU: the ranks of a machine see all GPUs of their group."""
    if job.assignment.device != "cuda":
        return job
    from ray.train.torch import get_device

    return replace(job, assignment=replace(job.assignment, device=str(get_device())))


def _explain(error: Exception) -> Failure:
    """The reason why a trainer ended, as far as it shows from outside."""
    failures: dict[int, Exception] = getattr(error, "worker_failures", {})
    if any(isinstance(item, OutOfMemoryError) for item in failures.values()):
        return Failure(FailureKind.MEMORY, "the machine ran out of memory and a worker was killed", str(error))
    reason = "a process of the trial died (killed, crashed or out of memory)"
    if not failures:
        reason = f"the processes of the trial could not work: {(str(error).strip().splitlines() or ['unknown'])[-1]}"
    return Failure(FailureKind.LOST, reason, str(error))
