"""The resources that a trial and a study need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Node:
    """The resources of one machine that trials can use."""

    cpus: float
    gpus: float = 0.0


@dataclass(unsafe_hash=True)
class Resources:
    """What one trial gets."""

    cpus: float = 1.0
    """CPU cores per trial, divided evenly among its workers; each uses as many threads as it has whole cores."""

    gpus: float = 0.0
    """GPUs per trial; a fraction puts several trials on one GPU. It is bookkeeping only: GPU memory is not limited.

    The config's default is -1 (auto): one for each worker where there are as many, or else none.
    """

    workers: int = 0
    """Processes that train one trial together, each on a share of every batch; 0 for one per GPU, and at least one."""

    max_concurrent: int = 0
    """Largest number of trials that run at the same time; 0 for as many as fit on the cluster."""

    timeout_min: float = 1440.0
    """How long a trial may take, in minutes; after that it is recorded as failed."""

    estimate: bool = True
    """Whether a search on this machine first measures parts of a few trials, to say how long it will take."""

    def __post_init__(self) -> None:
        if not 0 < self.cpus < inf:
            raise ValueError(f"resources.cpus must be above 0 and finite, got {self.cpus}")
        if not (0 <= self.gpus <= 1 or (self.gpus > 1 and float(self.gpus).is_integer())):
            raise ValueError(f"resources.gpus must be 0, a share of one GPU, or a whole number, got {self.gpus}")
        if self.workers < 0:
            raise ValueError(f"resources.workers must not be negative, got {self.workers}")
        if self.gpus and self.workers not in (0, self.num_workers_of_gpus):
            raise ValueError(
                f"resources.workers must be {self.num_workers_of_gpus} with resources.gpus={self.gpus:g}, got "
                f"{self.workers}; a worker trains on one GPU, so leave it out, or set resources.gpus to as many"
            )
        if self.max_concurrent < 0:
            raise ValueError(f"resources.max_concurrent must not be negative, got {self.max_concurrent}")
        if not 0 < self.timeout_min < inf:
            raise ValueError(f"resources.timeout_min must be above 0 and finite, got {self.timeout_min}")

    @property
    def num_workers(self) -> int:
        """Number of processes of one trial."""
        return self.workers or self.num_workers_of_gpus

    @property
    def num_workers_of_gpus(self) -> int:
        """Processes of one trial by its GPUs: one per GPU, and one if it has no whole GPU."""
        return max(1, int(self.gpus))

    @property
    def num_threads(self) -> int:
        """CPU threads per process of a trial."""
        return max(1, int(self.cpus / self.num_workers + _ROUNDING))

    def count_slots(self, nodes: Sequence[Node]) -> int:
        """How many trials fit on the nodes of a cluster at the same time.

        Each process gets all its resources on one node, and its share of a GPU on one GPU. The processes of a trial may
        be on several nodes.

        Raises:
            ValueError: if no trial fits.
        """
        slots = self.fit(nodes)
        if slots < 1:
            sizes = dict.fromkeys(f"{node.cpus:g} and {node.gpus:g}" for node in nodes)
            raise ValueError(
                f"a trial needs {self.cpus:g} CPUs and {self.gpus:g} GPUs, but the cluster has "
                f"{', '.join(sizes) or 'none'}{' on its nodes' if len(nodes) > 1 else ''}; lower resources.cpus or "
                "resources.gpus"
            )
        return slots

    def fit(self, nodes: Sequence[Node]) -> int:
        """How many trials fit on the nodes at the same time, as `count_slots`; 0 if none does."""
        slots = sum(self._count_processes(node) for node in nodes) // self.num_workers
        return min(slots, self.max_concurrent) if self.max_concurrent else slots

    def _count_processes(self, node: Node) -> int:
        cpus, gpus = self.cpus / self.num_workers, self.gpus / self.num_workers
        by_cpu = int(node.cpus / cpus + _ROUNDING)
        return min(by_cpu, int(node.gpus) * int(1 / gpus + _ROUNDING)) if gpus else by_cpu
