"""No cluster: every trial runs in the process of the search, one after the other, where a debugger can stop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cluster.cluster import ClusterConfig


@dataclass(unsafe_hash=True)
class SerialConfig(ClusterConfig):
    """This process alone; `resources` only sets the number of threads."""

    @contextmanager
    def connect(self) -> Iterator[tuple[float, float]]:
        """Nothing to bring up."""
        yield 1.0, 0.0
