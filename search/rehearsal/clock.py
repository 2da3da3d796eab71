"""A clock that jumps from one event to the next, so that hours pass in no time."""

from __future__ import annotations

import heapq
from collections.abc import Callable


class FakeClock:
    """Calls what is due, in the order of time; of what is due together, the earlier entry first."""

    def __init__(self) -> None:
        self.now = 0.0
        """Seconds since the start."""

        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._num_entries = 0

    @property
    def next_time(self) -> float | None:
        """When the next call is due; None if there is none."""
        return self._due[0][0] if self._due else None

    def call_at(self, time: float, action: Callable[[], None]) -> None:
        """Enters a call; a time that has passed is due now."""
        heapq.heappush(self._due, (max(time, self.now), self._num_entries, action))
        self._num_entries += 1

    def advance(self) -> None:
        """Jumps to the next call and makes it."""
        self.now, _, action = heapq.heappop(self._due)
        action()
