"""What a trial and a study ask of the machines."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(unsafe_hash=True)
class Resources:
    """What one trial gets."""

    cpus: float = 1.0
    """CPU cores per trial, shared out evenly among its workers; each takes as many threads as it has whole cores."""

    gpus: float = 0.0
    """GPUs per trial; a fraction packs several trials on one GPU and is bookkeeping only, memory is not fenced."""

    workers: int = 0
    """Processes that train one trial together, each on a share of every batch; 0 for one per GPU, at least one."""

    max_concurrent: int = 0
    """How many trials run at a time at most; 0 for as many as the cluster holds."""

    timeout_min: float = 1440.0
    """How long a trial may take, in minutes; then it is recorded as failed."""

    def __post_init__(self) -> None:
        if self.cpus <= 0:
            raise ValueError(f"resources.cpus must be above 0, got {self.cpus}")
        if self.gpus < 0 or (self.gpus > 1 and self.gpus != int(self.gpus)):
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
        if self.timeout_min <= 0:
            raise ValueError(f"resources.timeout_min must be above 0, got {self.timeout_min}")

    @property
    def num_workers(self) -> int:
        """Processes of one trial."""
        return self.workers or self.num_workers_of_gpus

    @property
    def num_workers_of_gpus(self) -> int:
        """Processes that the GPUs of one trial ask for: one each, and one in all without a whole GPU."""
        return max(1, int(self.gpus))

    @property
    def num_threads(self) -> int:
        """CPU threads of one process of a trial."""
        return max(1, int(self.cpus / self.num_workers + 1e-9))

    def count_slots(self, cpus: float, gpus: float) -> int:
        """How many trials fit on a cluster at a time.

        Raises:
            ValueError: if not one does.
        """
        by_cpu = int(cpus / self.cpus + 1e-9)
        by_gpu = int(gpus / self.gpus + 1e-9) if self.gpus else by_cpu
        slots = min(by_cpu, by_gpu)
        if slots < 1:
            raise ValueError(
                f"a trial needs {self.cpus:g} CPUs and {self.gpus:g} GPUs, but the cluster has {cpus:g} and {gpus:g}; "
                "lower resources.cpus or resources.gpus"
            )
        return min(slots, self.max_concurrent) if self.max_concurrent else slots
