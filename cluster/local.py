"""Ray on this machine for one search."""

from __future__ import annotations

import logging
import math
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import ray
from ray._private import ray_constants

from paretoseg.cluster.cluster import DRIVER_ENVIRONMENT, OBJECT_STORE_BYTES, RAY_ENVIRONMENT, DirectConfig
from paretoseg.cluster.health import RayNodes, RayProcesses
from paretoseg.cluster.local_gpus import count_local_gpus, has_driver
from paretoseg.cluster.resources import Node, Resources

_START_SECONDS = 600.0
_PROCESSES = RayProcesses()


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

    @property
    def start_s(self) -> float:
        """Long: it imports torch, maybe from a slow disk."""
        return _START_SECONDS

    def check(self, resources: Resources) -> None:
        """Checks that a trial fits: counts cores, and GPUs as far as is possible without Ray.

        Raises:
            ValueError: if a trial does not fit.
        """
        has_gpu = self.gpus > 0 or (self.gpus == -1 and has_driver())
        if resources.gpus and not has_gpu:
            raise ValueError(f"resources.gpus must be 0 where there is no GPU, got {resources.gpus:g}")
        gpus = self.gpus if self.gpus >= 0 else math.ceil(resources.gpus)
        resources.count_slots([Node(self._count_cpus(), gpus)])

    def count_gpus(self) -> int:
        """Those that torch sees, at most `gpus`."""
        if not self.gpus:
            return 0
        found = count_local_gpus()
        return found if self.gpus == -1 else min(found, self.gpus)

    def _count_cpus(self) -> int:
        return self.cpus or len(os.sched_getaffinity(0))

    @contextmanager
    def connect(self) -> Iterator[Sequence[Node]]:
        """Starts a new Ray, even if another one runs here, and yields its one node; stops it at the end.

        It listens on loopback alone, and answers only clients with a token that this process makes up.
        """
        for name, value in {**RAY_ENVIRONMENT, **DRIVER_ENVIRONMENT}.items():
            os.environ.setdefault(name, value)
        # Without a mode, a Ray that starts asks for a token, and without a token it keeps one in the home directory.
        os.environ.pop("RAY_AUTH_MODE", None)
        os.environ["RAY_AUTH_TOKEN"] = _make_token()
        try:
            with _on_loopback():
                ray.init(
                    address="local",
                    num_cpus=self._count_cpus(),
                    num_gpus=None if self.gpus == -1 else self.gpus,
                    object_store_memory=OBJECT_STORE_BYTES,
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
            _PROCESSES.remember()
            found = ray.cluster_resources()
            yield [Node(found.get("CPU", 0.0), found.get("GPU", 0.0))]
        finally:
            try:
                ray.shutdown()
            finally:
                _PROCESSES.end()

    def make_probe(self) -> Callable[[], str]:
        """What says which process of Ray died."""
        nodes = RayNodes()
        return lambda: _PROCESSES.find_loss() or nodes.find_loss()

    def abandon(self) -> None:
        """Kills Ray and its workers."""
        _PROCESSES.end()


@cache
def _make_token() -> str:
    """The same for the life of this process: Ray reads it once."""
    return secrets.token_hex(32)


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Ray that starts in the block does not look for this machine's address, as if it could have no other nodes.

    Ray does so on systems where it has no clusters (macOS, Windows); no public setting makes it do so here.
    """
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before
