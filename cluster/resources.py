"""What a trial and a study ask of the machines."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(unsafe_hash=True)
class Resources:
    """What one trial gets."""

    cpus: float = 1.0
    """CPU cores per trial; also its number of threads, rounded down, at least one."""

    gpus: float = 0.0
    """GPUs per trial; a fraction packs several trials on one GPU and is bookkeeping only, memory is not fenced."""

    max_concurrent: int = 0
    """How many trials run at a time at most; 0 for as many as the cluster holds."""

    timeout_min: float = 1440.0
    """How long a trial may take, in minutes; then it is recorded as failed."""

    def __post_init__(self) -> None:
        if self.cpus <= 0:
            raise ValueError(f"resources.cpus must be above 0, got {self.cpus}")
        if self.gpus < 0 or (self.gpus > 1 and self.gpus != int(self.gpus)):
            raise ValueError(f"resources.gpus must be 0, a share of one GPU, or a whole number, got {self.gpus}")
        if self.max_concurrent < 0:
            raise ValueError(f"resources.max_concurrent must not be negative, got {self.max_concurrent}")
        if self.timeout_min <= 0:
            raise ValueError(f"resources.timeout_min must be above 0, got {self.timeout_min}")

    @property
    def num_threads(self) -> int:
        """CPU threads of one trial."""
        return max(1, int(self.cpus))

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
