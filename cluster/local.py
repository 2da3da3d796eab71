"""Ray on this machine, for the time of one search."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import ray

from cluster.cluster import ClusterConfig

_OBJECT_STORE_BYTES = 256 * 1024**2


@dataclass(unsafe_hash=True)
class LocalConfig(ClusterConfig):
    """This machine alone."""

    cpus: int = 0
    """How many cores the search may use; 0 for all that this process may use."""

    gpus: int = -1
    """How many GPUs the search may use; -1 for all that Ray finds."""

    def __post_init__(self) -> None:
        if self.cpus < 0:
            raise ValueError(f"cluster.cpus must not be negative, got {self.cpus}")
        if self.gpus < -1:
            raise ValueError(f"cluster.gpus must be -1 or more, got {self.gpus}")

    @contextmanager
    def connect(self) -> Iterator[tuple[float, float]]:
        """A Ray of our own, never one that happens to run here; gives its CPUs and GPUs."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        # Ray warns of a future default for trials without GPUs; the new behaviour is the one we want.
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        ray.init(
            address="local",
            num_cpus=self.cpus or len(os.sched_getaffinity(0)),
            num_gpus=None if self.gpus == -1 else self.gpus,
            object_store_memory=_OBJECT_STORE_BYTES,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
        try:
            found = ray.cluster_resources()
            yield found.get("CPU", 0.0), found.get("GPU", 0.0)
        finally:
            ray.shutdown()
