"""No cluster: every trial runs in the process of the search, one after the other, where a debugger can stop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from paretoseg.cluster.cluster import DirectConfig
from paretoseg.cluster.resources import Node, Resources


@dataclass(unsafe_hash=True)
class SerialConfig(DirectConfig):
    """This process alone; `resources` only sets the number of threads."""

    def check(self, resources: Resources) -> None:
        """Sees to it that one process is enough.

        Raises:
            ValueError: if a trial is to have several.
        """
        if resources.num_workers > 1:
            raise ValueError(
                f"cluster=serial trains in one process, and a trial is to have {resources.num_workers}; use "
                "cluster=local, or lower resources.workers and resources.gpus to 1"
            )

    @contextmanager
    def connect(self) -> Iterator[Sequence[Node]]:
        """Nothing to bring up."""
        yield [Node(1.0)]
