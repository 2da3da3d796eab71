"""The mailbox through which the ranks of a trial get instructions and hand in outcomes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from paretoseg.search.running.worker import Broken, Halted, Job, Outcome
from paretoseg.search.trials.trial import Failure


@dataclass(frozen=True)
class Instruction:
    """What all ranks are to do next: begin this job, or go on with the one they have."""

    begin: Job | None


@dataclass(frozen=True)
class Answers:
    """The answers of the ranks to an instruction."""

    outcomes: tuple[tuple[int, Outcome], ...]
    """Rank and outcome, in the order in which they came."""

    is_complete: bool
    """True if every rank has answered."""

    end: Failure | None
    """Why the workers are gone, if they are."""

    def choose(self) -> Outcome:
        """The first failure, which is the cause of the others; without any, what the leader says."""
        leader = dict(self.outcomes).get(0)
        chosen = next((outcome for _, outcome in self.outcomes if _has_failed(outcome)), leader)
        assert chosen is not None
        return chosen

    def is_sound(self) -> bool:
        """True if the ranks are still in step: all have answered, and none has failed or all in the same way."""
        reasons = {_read_failure(outcome) for _, outcome in self.outcomes}
        return self.is_complete and self.end is None and len(reasons) == 1


class RankMailbox:
    """An asynchronous actor: holds instructions until every rank has taken them, and outcomes until they are read."""

    def __init__(self, num_workers: int) -> None:
        self._num_workers = num_workers
        self._instructions: list[Instruction] = []
        self._answers: dict[int, Outcome] = {}
        self._arrived: set[int] = set()
        self._is_closed = False
        self._end: Failure | None = None
        self._news = asyncio.Condition()

    async def post(self, instruction: Instruction) -> None:
        """Gives all ranks an instruction."""
        self._instructions.append(instruction)
        self._answers = {}
        await self._tell()

    async def take(self, rank: int, index: int) -> Instruction | None:
        """The instruction of this index, as soon as it is there; None when the group is closed."""
        self._arrived.add(rank)
        await self._tell()
        await self._wait_for(lambda: self._is_closed or len(self._instructions) > index)
        return None if self._is_closed else self._instructions[index]

    async def hand_in(self, rank: int, index: int, outcome: Outcome) -> None:
        """Takes the outcome of one rank; a late one, of an earlier instruction, is dropped."""
        if index == len(self._instructions) - 1:
            self._answers[rank] = outcome
            await self._tell()

    async def gather(self) -> Failure | None:
        """Returns when all ranks have arrived; why they are gone, if they are."""
        await self._wait_for(lambda: self._end is not None or len(self._arrived) == self._num_workers)
        return self._end

    async def collect(self, patience: float) -> Answers:
        """The answers of all ranks; of fewer, if one failed and the others do not answer within so many seconds."""
        await self._wait_for(lambda: self._is_settled() or any(map(_has_failed, self._answers.values())))
        with contextlib.suppress(TimeoutError):  # the answers that are there tell why
            await asyncio.wait_for(self._wait_for(self._is_settled), patience)
        return Answers(tuple(self._answers.items()), self._is_complete(), self._end)

    async def close(self) -> None:
        """Ends the group: every rank that asks for an instruction gets None."""
        self._is_closed = True
        await self._tell()

    async def wait_until_closed(self) -> None:
        """Returns when the group is closed."""
        await self._wait_for(lambda: self._is_closed)

    async def end(self, failure: Failure) -> None:
        """Records that the workers are gone."""
        self._end = failure
        await self._tell()

    def _is_complete(self) -> bool:
        return len(self._answers) == self._num_workers

    def _is_settled(self) -> bool:
        return self._end is not None or self._is_complete()

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def _wait_for(self, condition: Callable[[], bool]) -> None:
        async with self._news:
            await self._news.wait_for(condition)


def _has_failed(outcome: Outcome) -> bool:
    return bool(_read_failure(outcome))


def _read_failure(outcome: Outcome) -> str:
    match outcome.result:
        case Broken(failure):
            return failure.reason
        case Halted(reason):
            return reason
        case _:
            return ""
