"""Ray on this machine for one search."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import ray

from paretoseg.cluster.cluster import OBJECT_STORE_BYTES, RAY_ENVIRONMENT, DirectConfig
from paretoseg.cluster.resources import Node, Resources

_NVIDIA_GPUS, _AMD_GPUS = Path("/proc/driver/nvidia/gpus"), Path("/dev/kfd")


@dataclass(unsafe_hash=True)
class LocalConfig(DirectConfig):
    """This machine only."""

    cpus: int = 0
    """How many CPU cores the search may use; 0 for all that this process may use."""

    gpus: int = -1
    """How many GPUs the search may use; -1 for all that Ray finds."""

    def __post_init__(self) -> None:
        if self.cpus < 0:
            raise ValueError(f"cluster.cpus must not be negative, got {self.cpus}")
        if self.gpus < -1:
            raise ValueError(f"cluster.gpus must be -1 or more, got {self.gpus}")

    def check(self, resources: Resources) -> None:
        """Checks that a trial fits: counts cores, and GPUs as far as is possible without Ray.

        Raises:
            ValueError: if a trial does not fit.
        """
        drivers = (_NVIDIA_GPUS, _AMD_GPUS)
        has_gpu = self.gpus > 0 or (self.gpus == -1 and any(driver.exists() for driver in drivers))
        if resources.gpus and not has_gpu:
            raise ValueError(f"resources.gpus must be 0 where there is no GPU, got {resources.gpus:g}")
        gpus = self.gpus if self.gpus >= 0 else math.ceil(resources.gpus)
        resources.count_slots([Node(self._count_cpus(), gpus)])

    def _count_cpus(self) -> int:
        return self.cpus or len(os.sched_getaffinity(0))

    @contextmanager
    def connect(self) -> Iterator[Sequence[Node]]:
        """Starts a new Ray, even if another one runs here, and yields its one node; stops it at the end."""
        for name, value in RAY_ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        # Ray warns of a future default for trials without GPUs; the new behaviour is the one we want.
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        ray.init(
            address="local",
            num_cpus=self._count_cpus(),
            num_gpus=None if self.gpus == -1 else self.gpus,
            object_store_memory=OBJECT_STORE_BYTES,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
        try:
            found = ray.cluster_resources()
            yield [Node(found.get("CPU", 0.0), found.get("GPU", 0.0))]
        finally:
            ray.shutdown()
