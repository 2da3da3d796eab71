"""When the idle processes of a trial leave room for those of another one; without Ray."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Any

import pytest

from paretoseg.search.running import data_parallel
from paretoseg.search.running.data_parallel import Team, WorkerGroup
from paretoseg.search.running.rank_mailbox import Answers
from paretoseg.search.running.worker import Broken, Displaced, Outcome, Stepped
from paretoseg.search.trials.trial import Failure, FailureKind
from paretoseg.spaces.objective import Measurement
from tests.search.running.test_data_parallel import JOB

STEP = Outcome(Stepped(1, Measurement({"accuracy": 0.5})), began_at=0.0, seconds=1.0)
END = Outcome(Broken(Failure(FailureKind.ERROR, "diverged")), began_at=0.0, seconds=1.0)
ENOUGH_LOOKS = 3


@dataclass
class _Remote:
    """What is called as `method.remote(...)`; `ray.get` of it is the value itself."""

    remote: Callable[..., Any]


@dataclass
class Processes:
    """Processes that answer every order with the next of these outcomes, and the trials that wait for their place."""

    outcomes: list[Outcome] = field(default_factory=list)
    is_one_waiting: bool = False
    num_opened: int = 0
    num_looks: int = 0
    have_left: threading.Event = field(default_factory=threading.Event)
    were_looked_at: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gather = _Remote(lambda: None)
        self.post = _Remote(lambda order: None)
        self.collect = _Remote(lambda patience: Answers(((0, self.outcomes.pop(0)),), is_complete=True, end=None))
        self.close = _Remote(self.have_left.set)

    def open(self, group: WorkerGroup) -> Processes:
        self.num_opened += 1
        group._trainer = threading.Thread(target=str)
        group._trainer.start()
        return self

    def look(self, team: Team) -> bool:
        self.num_looks += 1
        if self.num_looks == ENOUGH_LOOKS:
            self.were_looked_at.set()
        return self.is_one_waiting


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Processes:
    made = Processes()
    monkeypatch.setattr(WorkerGroup, "_open", lambda group: made.open(group))
    monkeypatch.setattr(Team, "is_one_waiting", lambda team: made.look(team))
    monkeypatch.setattr("ray.get", lambda answer, timeout=None: answer)
    monkeypatch.setattr(data_parallel, "_LOOK_SECONDS", 0.001)
    monkeypatch.setattr(data_parallel, "_IDLE_SECONDS", inf)
    monkeypatch.setattr(data_parallel, "_ORDER_SECONDS", inf)
    return made


@pytest.fixture
def group(processes: Processes) -> Iterator[WorkerGroup]:
    made = WorkerGroup(Team(2, 1.0, 0.0))
    yield made
    made.close()


def test_processes_whose_job_is_over_leave_and_the_next_job_starts_new_ones(
    monkeypatch: pytest.MonkeyPatch, processes: Processes, group: WorkerGroup
) -> None:
    processes.outcomes, processes.is_one_waiting = [END, STEP], True
    group.start(JOB)
    assert group.advance() == END
    monkeypatch.setattr(data_parallel, "_IDLE_SECONDS", 0.0)
    assert processes.have_left.wait(60.0)
    monkeypatch.setattr(data_parallel, "_IDLE_SECONDS", inf)
    group.start(JOB)
    assert group.advance() == STEP
    assert processes.num_opened == 2


def test_a_trial_whose_processes_left_between_two_orders_is_displaced_and_not_blamed(
    monkeypatch: pytest.MonkeyPatch, processes: Processes, group: WorkerGroup
) -> None:
    processes.outcomes, processes.is_one_waiting = [STEP], True
    group.start(JOB)
    assert group.advance() == STEP
    monkeypatch.setattr(data_parallel, "_ORDER_SECONDS", 0.0)
    assert processes.have_left.wait(60.0)
    assert group.advance().result == Displaced()
    assert processes.num_opened == 1


def test_idle_processes_stay_as_long_as_nobody_waits_for_their_place(
    monkeypatch: pytest.MonkeyPatch, processes: Processes, group: WorkerGroup
) -> None:
    processes.outcomes = [STEP, STEP]
    group.start(JOB)
    group.advance()
    monkeypatch.setattr(data_parallel, "_ORDER_SECONDS", 0.0)
    assert processes.were_looked_at.wait(60.0)
    assert not processes.have_left.is_set()
    assert group.advance() == STEP
    assert processes.num_opened == 1
