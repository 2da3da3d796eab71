"""No cluster: trials run one after the other in the process of the search, where a debugger can stop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from paretoseg.cluster.cluster import DirectConfig
from paretoseg.cluster.local_gpus import count_local_gpus
from paretoseg.cluster.resources import Node, Resources


@dataclass(unsafe_hash=True)
class SerialConfig(DirectConfig):
    """This process only; `resources` sets only the number of threads."""

    def check(self, resources: Resources) -> None:
        """Checks that one process is enough.

        Raises:
            ValueError: if a trial needs several processes.
        """
        if resources.num_workers > 1:
            raise ValueError(
                f"cluster=serial trains in one process, but a trial needs {resources.num_workers}; use "
                "cluster=local, or lower resources.workers and resources.gpus to 1"
            )

    def count_gpus(self) -> int:
        """Those of this machine that torch sees."""
        return count_local_gpus()

    @contextmanager
    def connect(self) -> Iterator[Sequence[Node]]:
        """Yields no node: nothing has to be started."""
        yield [Node(1.0)]
