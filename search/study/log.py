"""Where a study keeps its events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from paretoseg.search.trials.events import Event


class Log(Protocol):
    """Where events are kept: the journal, or a list in tests."""

    def read(self) -> Sequence[Event]:
        """All events so far, in order."""
        ...

    def append(self, event: Event) -> None:
        """Stores an event; when it returns, the event outlives a crash."""
        ...
