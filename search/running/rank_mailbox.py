"""Where the ranks of a trial take their orders and hand in what came of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from paretoseg.search.running.worker import Broken, Halted, Job, Outcome
from paretoseg.search.trials.trial import Failure


@dataclass(frozen=True)
class Order:
    """What all ranks are to do next: begin this job, or go on with the one they have."""

    begin: Job | None


@dataclass(frozen=True)
class Answers:
    """What came of an order."""

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


class Desk:
    """Where orders lie until every rank has taken them, and answers until they are collected. An asynchronous actor."""

    def __init__(self, num_workers: int) -> None:
        self._num_workers = num_workers
        self._orders: list[Order] = []
        self._answers: dict[int, Outcome] = {}
        self._arrived: set[int] = set()
        self._is_closed = False
        self._end: Failure | None = None
        self._news = asyncio.Condition()

    async def order(self, order: Order) -> None:
        """Lays an order out for all ranks."""
        self._orders.append(order)
        self._answers = {}
        await self._tell()

    async def take(self, rank: int, index: int) -> Order | None:
        """The order of this index, as soon as it is there; None when the group is closed."""
        self._arrived.add(rank)
        await self._tell()
        await self._wait_for(lambda: self._is_closed or len(self._orders) > index)
        return None if self._is_closed else self._orders[index]

    async def hand_in(self, rank: int, index: int, outcome: Outcome) -> None:
        """Takes what came of an order at one rank; an answer to an order of before is late and dropped."""
        if index == len(self._orders) - 1:
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
        """Sends everybody home."""
        self._is_closed = True
        await self._tell()

    async def wait_until_closed(self) -> None:
        """Returns when the group is closed."""
        await self._wait_for(lambda: self._is_closed)

    async def end(self, failure: Failure) -> None:
        """Takes note that the workers are gone."""
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
