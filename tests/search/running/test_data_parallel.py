"""The mailbox between a trial and its processes, and the outcome chosen from their answers; without Ray."""

from __future__ import annotations

import asyncio

import pytest
from ray.exceptions import OutOfMemoryError

from paretoseg.search.running.data_parallel import Team, _explain
from paretoseg.search.running.rank_mailbox import Answers, Instruction, RankMailbox
from paretoseg.search.running.worker import Broken, Halted, Job, JobKind, Outcome, Stepped
from paretoseg.search.trials.trial import Failure, FailureKind
from paretoseg.spaces.objective import Measurement
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.toy import ToyTask
from paretoseg.trainables.trainable import Assignment

JOB = Job(JobKind.TRIAL, 3, Assignment(Candidate(), 0), ToyTask(), "/study", timeout_min=1.0)
LOST = Failure(FailureKind.LOST, "gone")
GO_ON = Instruction(None)


def outcome(result: Stepped | Broken | Halted) -> Outcome:
    return Outcome(result, began_at=0.0, seconds=1.0)


def stepped(accuracy: float = 0.5) -> Outcome:
    return outcome(Stepped(1, Measurement({"accuracy": accuracy})))


def broken(reason: str) -> Outcome:
    return outcome(Broken(Failure(FailureKind.ERROR, reason)))


def test_every_rank_takes_every_order_in_turn_however_late_it_comes() -> None:
    async def play() -> list[Instruction | None]:
        mailbox = RankMailbox(2)
        waiting = asyncio.ensure_future(mailbox.take(0, 0))
        await asyncio.sleep(0)
        await mailbox.post(Instruction(JOB))
        await mailbox.post(GO_ON)
        return [await waiting, await mailbox.take(1, 0), await mailbox.take(1, 1), await mailbox.take(0, 1)]

    assert asyncio.run(play()) == [Instruction(JOB), Instruction(JOB), GO_ON, GO_ON]


def test_the_answers_are_collected_when_all_are_there_and_late_ones_are_dropped() -> None:
    async def play() -> Answers:
        mailbox = RankMailbox(2)
        await mailbox.post(Instruction(JOB))
        await mailbox.post(GO_ON)
        collecting = asyncio.ensure_future(mailbox.collect(60.0))
        await mailbox.hand_in(0, 1, stepped(0.7))
        await mailbox.hand_in(1, 0, stepped(0.1))
        await asyncio.sleep(0)
        assert not collecting.done()
        await mailbox.hand_in(1, 1, stepped(0.2))
        return await collecting

    answers = asyncio.run(play())
    assert answers.is_complete
    assert answers.is_sound()
    assert answers.choose() == stepped(0.7)


def test_a_rank_that_fails_alone_does_not_keep_the_trial_waiting() -> None:
    async def play() -> Answers:
        mailbox = RankMailbox(3)
        await mailbox.post(Instruction(JOB))
        await mailbox.hand_in(2, 0, broken("out of memory"))
        await mailbox.hand_in(0, 0, broken("connection closed by peer"))
        return await mailbox.collect(0.0)

    answers = asyncio.run(play())
    assert not answers.is_complete
    assert not answers.is_sound()
    assert answers.choose() == broken("out of memory")


def test_workers_that_are_gone_end_the_waiting_of_all() -> None:
    async def play() -> tuple[Answers, Failure | None]:
        mailbox = RankMailbox(2)
        arriving = asyncio.ensure_future(mailbox.gather())
        await mailbox.post(Instruction(JOB))
        collecting = asyncio.ensure_future(mailbox.collect(60.0))
        await asyncio.sleep(0)
        await mailbox.end(LOST)
        return await collecting, await arriving

    answers, end = asyncio.run(play())
    assert (answers.end, end) == (LOST, LOST)
    assert not answers.is_sound()


def test_a_closed_group_sends_everybody_home() -> None:
    async def play() -> list[Instruction | None]:
        mailbox = RankMailbox(2)
        waiting = asyncio.ensure_future(mailbox.take(1, 0))
        watching = asyncio.ensure_future(mailbox.wait_until_closed())
        await mailbox.close()
        await watching
        return [await waiting, await mailbox.take(0, 0)]

    assert asyncio.run(play()) == [None, None]


@pytest.mark.parametrize(
    ("outcomes", "is_sound"),
    [
        ([stepped(), stepped()], True),
        ([broken("nan"), broken("nan")], True),
        ([broken("out of memory on GPU 0"), broken("out of memory on GPU 1")], False),
        ([stepped(), broken("nan")], False),
        ([outcome(Halted("disk full")), stepped()], False),
    ],
)
def test_processes_work_on_together_only_while_they_are_in_step(outcomes: list[Outcome], is_sound: bool) -> None:
    answers = Answers(tuple(enumerate(outcomes)), is_complete=True, end=None)
    assert answers.is_sound() is is_sound


def test_each_worker_gets_an_even_share_which_is_never_more_than_there_is() -> None:
    assert Team.share_out(2, 2.0, 2.0) == Team(2, 1.0, 1.0)
    assert Team.share_out(3, 1.0, 0.0) == Team(3, 0.3333, 0.0)
    assert Team.share_out(4, 10.0, 4.0) == Team(4, 2.5, 1.0)


class WorkerGroupError(RuntimeError):
    """Like Ray Train's."""

    def __init__(self, failures: dict[int, Exception]) -> None:
        super().__init__("Training failed due to worker errors")
        self.worker_failures = failures


def test_a_lost_process_is_distinguished_from_one_that_ran_out_of_memory() -> None:
    assert _explain(WorkerGroupError({1: RuntimeError("died")})).kind is FailureKind.LOST
    assert _explain(WorkerGroupError({1: OutOfMemoryError("killed")})).kind is FailureKind.MEMORY
    failure = _explain(ImportError("first line\nno torch here"))
    assert failure.kind is FailureKind.LOST
    assert failure.reason == "the processes of the trial could not work: no torch here"
