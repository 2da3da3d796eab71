"""Losses for which nodes are to blame, not trials."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray import cloudpickle
from ray.exceptions import RayActorError, RaySystemError

from paretoseg.search.running.lost_nodes import MAX_NODES, LostNodes
from paretoseg.search.running.session import MAX_LOSSES, Session
from paretoseg.search.running.tuning import JobScheduler, JobSearcher
from paretoseg.search.running.worker import Job
from paretoseg.search.trials.trial import State
from tests.builders import build_session


class Cluster:
    """Nodes that come and go: each process is lost on a new one."""

    def __init__(self) -> None:
        self.gone: list[str] = []
        self.num_lost = 0

    def find(self, error: Exception | None) -> str:
        self.num_lost += 1
        return f"node {self.num_lost}"


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return build_session(tmp_path / "study")


def lose(session: Session, cluster: Cluster, error: Path, times: int, *, dies_in_time: bool = True) -> State:
    """Loses the first trial so many times, each time with its node; the state of the trial."""
    jobs: dict[str, Job] = {}
    lost_nodes = LostNodes(cluster.find, lambda: cluster.gone)
    scheduler = JobScheduler(session, jobs, lost_nodes=lost_nodes)
    error.write_bytes(cloudpickle.dumps(RayActorError()))
    for number in range(times):
        name = f"try {number}"
        JobSearcher(session, jobs, lambda: 1).suggest(name)
        assert jobs[name].trial_id == 0
        if dies_in_time:
            cluster.gone.append(f"node {number + 1}")
        trial: Any = SimpleNamespace(trial_id=name, pickled_error_file=str(error))
        scheduler.on_trial_error(None, trial)
        cluster.gone.append(f"node {number + 1}")
    return session.study.trials[0].state


@pytest.mark.parametrize("dies_in_time", [True, False])
def test_a_trial_that_is_preempted_again_and_again_is_not_a_failure(
    session: Session, cluster: Cluster, tmp_path: Path, dies_in_time: bool
) -> None:
    state = lose(session, cluster, tmp_path / "error", 3 * MAX_LOSSES, dies_in_time=dies_in_time)
    trial = session.study.trials[0]
    assert state is State.RUNNING
    job = session.next_job()
    assert job is not None
    assert (job.trial_id, job.assignment.seed) == (0, trial.seed)


def test_a_trial_that_takes_down_every_node_that_it_runs_on_ends(
    session: Session, cluster: Cluster, tmp_path: Path
) -> None:
    assert lose(session, cluster, tmp_path / "error", MAX_NODES + MAX_LOSSES) is State.RUNNING
    assert lose(session, cluster, tmp_path / "more", 1) is State.FAILED


def test_a_process_that_dies_on_a_node_that_stays_is_counted(session: Session, tmp_path: Path) -> None:
    cluster = Cluster()
    jobs: dict[str, Job] = {}
    scheduler = JobScheduler(session, jobs, lost_nodes=LostNodes(cluster.find, lambda: ["another"]))
    error = tmp_path / "error"
    error.write_bytes(cloudpickle.dumps(RayActorError()))
    for number in range(MAX_LOSSES + 1):
        JobSearcher(session, jobs, lambda: 1).suggest(str(number))
        trial: Any = SimpleNamespace(trial_id=str(number), pickled_error_file=str(error))
        scheduler.on_trial_error(None, trial)
    assert session.study.trials[0].state is State.FAILED


def test_a_node_that_is_not_known_is_never_excused(session: Session) -> None:
    job = session.next_job()
    assert job is not None
    assert LostNodes(lambda error: "", lambda: [""]).count(job, None) == 0


def test_a_cluster_that_does_not_answer_excuses_nothing(session: Session) -> None:
    def fail() -> list[str]:
        raise RaySystemError("the head is lost")

    job = session.next_job()
    assert job is not None
    assert LostNodes(lambda error: "node", fail).count(job, None) == 0
