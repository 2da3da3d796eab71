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
    """What all ranks do next: start this job, or continue with the current one."""

    job: Job | None
    """The job to start; None for the current one."""


@dataclass(frozen=True)
class Answers:
    """The answers of the ranks to an instruction."""

    outcomes: tuple[tuple[int, Outcome], ...]
    """Rank and outcome, in the order of their arrival."""

    is_complete: bool
    """True if every rank has answered."""

    end: Failure | None
    """Why the workers have ended, if they have."""

    def choose(self) -> Outcome:
        """The first failure, which caused the others; without a failure, the leader's outcome."""
        leader = dict(self.outcomes).get(0)
        chosen = next((outcome for _, outcome in self.outcomes if _has_failed(outcome)), leader)
        assert chosen is not None
        return chosen

    def is_sound(self) -> bool:
        """True if the ranks are still in step: all have answered, and either none failed or all in the same way."""
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
        await self._notify()

    async def take(self, rank: int, index: int) -> Instruction | None:
        """Waits for the instruction of this index; None when the group is closed."""
        self._arrived.add(rank)
        await self._notify()
        await self._wait_for(lambda: self._is_closed or len(self._instructions) > index)
        return None if self._is_closed else self._instructions[index]

    async def hand_in(self, rank: int, index: int, outcome: Outcome) -> None:
        """Stores the outcome of one rank; drops a late one, which answers an earlier instruction."""
        if index == len(self._instructions) - 1:
            self._answers[rank] = outcome
            await self._notify()

    async def gather(self) -> Failure | None:
        """Waits until all ranks have arrived; returns why the workers have ended, if they have."""
        await self._wait_for(lambda: self._end is not None or len(self._arrived) == self._num_workers)
        return self._end

    async def collect(self, patience: float) -> Answers:
        """The answers of all ranks; of fewer, if one failed and the others do not answer within `patience` seconds."""
        await self._wait_for(lambda: self._is_settled() or any(map(_has_failed, self._answers.values())))
        with contextlib.suppress(TimeoutError):  # the answers so far contain the failure
            await asyncio.wait_for(self._wait_for(self._is_settled), patience)
        return Answers(tuple(self._answers.items()), self._is_complete(), self._end)

    async def close(self) -> None:
        """Ends the group: every rank that asks for an instruction gets None."""
        self._is_closed = True
        await self._notify()

    async def wait_until_closed(self) -> None:
        """Waits until the group is closed."""
        await self._wait_for(lambda: self._is_closed)

    async def end(self, failure: Failure) -> None:
        """Records why the workers have ended."""
        self._end = failure
        await self._notify()

    def _is_complete(self) -> bool:
        return len(self._answers) == self._num_workers

    def _is_settled(self) -> bool:
        return self._end is not None or self._is_complete()

    async def _notify(self) -> None:
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
