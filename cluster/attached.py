"""A Ray cluster that already runs: in a Slurm job, in Kubernetes pods, or on machines that the user set up."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from urllib.parse import urlsplit

import ray
from ray.exceptions import AuthenticationError

from paretoseg.cluster.cluster import DRIVER_ENVIRONMENT, DirectConfig
from paretoseg.cluster.health import RayNodes
from paretoseg.cluster.resources import Node, Resources

_POLL_SECONDS = 0.3
_PROBE_SECONDS = 2.0
_LEAST_GONE_SECONDS = 60.0
"""A search without nodes waits at least this long, in seconds: Ray on a node that failed may start again."""


@dataclass(unsafe_hash=True)
class MoreNodes:
    """Nodes of one kind that an autoscaler adds."""

    nodes: int = 1
    """How many."""

    cpus: float = 0.0
    """CPU cores of each."""

    gpus: float = 0.0
    """GPUs of each."""


@dataclass(unsafe_hash=True)
class AttachedConfig(DirectConfig):
    """A running Ray cluster; the search connects to it and leaves it running."""

    address: str = ""
    """host:port of its head; empty for the environment variable RAY_ADDRESS."""

    num_nodes: int = 1
    """How many Ray nodes to wait for before the search starts; those that come later are used too."""

    wait_s: float = 120.0
    """How long to wait for them, in seconds."""

    lock_wait_s: float = 120.0
    """How long to wait for the study's lock, in seconds: that of an attempt that was killed is held for a while."""

    max_nodes: int = 0
    """How many nodes an autoscaler may add for trials; 0 for the nodes that are up."""

    cpus: float = 0.0
    """CPU cores of each node that an autoscaler adds."""

    gpus: float = 0.0
    """GPUs of each node that an autoscaler adds."""

    more_nodes: list[MoreNodes] = field(default_factory=list)
    """Nodes of other kinds that an autoscaler adds, too."""

    keep_log: bool = False
    """Whether what the search prints is kept in the study's folder too, as search.log."""

    def __post_init__(self) -> None:
        if self.num_nodes < 1:
            raise ValueError(f"cluster.num_nodes must be at least 1, got {self.num_nodes}")
        if not 0 <= self.wait_s < inf:
            raise ValueError(f"cluster.wait_s must be finite and not negative, got {self.wait_s:g}")
        for name in ("lock_wait_s", "max_nodes", "cpus", "gpus"):
            if not 0 <= getattr(self, name) < inf:
                raise ValueError(f"cluster.{name} must be finite and not negative, got {getattr(self, name):g}")
        if bool(self.max_nodes) != bool(self.cpus) or (self.gpus and not self.max_nodes):
            raise ValueError(
                "cluster.max_nodes and cluster.cpus must be given together, got "
                f"{self.max_nodes} and {self.cpus:g} with cluster.gpus={self.gpus:g}; they are for nodes that an "
                "autoscaler adds, so set both or none"
            )

        for more in self.more_nodes:
            if more.nodes < 1 or not 0 < more.cpus < inf or not 0 <= more.gpus < inf or not self.max_nodes:
                raise ValueError(
                    "cluster.more_nodes needs nodes, cpus and gpus of each kind, such as {nodes:2,cpus:8,gpus:1}, and "
                    f"cluster.max_nodes for the first kind, got nodes={more.nodes}, cpus={more.cpus:g}, "
                    f"gpus={more.gpus:g} and cluster.max_nodes={self.max_nodes}"
                )

    def check(self, resources: Resources) -> None:
        """Checks that there is an address, and that a trial fits on a node that the autoscaler adds.

        Raises:
            ValueError: if the address is missing or malformed, or a trial does not fit.
        """
        self.locate()
        if self.max_nodes:
            resources.count_slots(self._nodes_to_come())

    def count_gpus(self) -> int:
        """Those of the nodes that an autoscaler adds; of nodes that are up, only the Ray itself knows."""
        return sum(int(node.gpus) for node in self._nodes_to_come())

    def locate(self) -> tuple[str, int]:
        """Host name and port of the head.

        Raises:
            ValueError: if there is no address, or it is not host:port.
        """
        address = self.address or os.environ.get("RAY_ADDRESS", "")
        if not address:
            raise ValueError(
                "cluster=attached needs a running Ray; set cluster.address=<host>:<port> or RAY_ADDRESS, "
                "or use cluster=local"
            )
        try:
            parts = urlsplit(f"//{address}")
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or not port or parts.path:
            raise ValueError(f"the address of Ray must be <host>:<port>, got {address!r}; see cluster.address")
        return host, port

    @contextmanager
    def connect(self) -> Iterator[Sequence[Node]]:
        """Connects to Ray, waits for its nodes and yields the nodes for trials; disconnects at the end.

        Raises:
            ValueError: if Ray does not answer, refuses the token, or has too few nodes after `wait_s` and none of them
                can run trials.
        """
        for name, value in {**DRIVER_ENVIRONMENT, "RAY_USAGE_STATS_ENABLED": "0"}.items():
            os.environ.setdefault(name, value)
        host, port = self.locate()
        deadline = time.monotonic() + self.wait_s
        # Check the port first: Ray's own retries are slow, and its error message is long.
        self._wait_for_port(host, port, deadline)
        self._join(f"{host}:{port}" if ":" not in host else f"[{host}]:{port}", deadline)
        try:
            self._wait_for_nodes(deadline)
            yield self._nodes_to_come() or _nodes_that_are_there()
        finally:
            ray.shutdown()

    @property
    def gone_s(self) -> float:
        """As long as for the first nodes, but at least a minute."""
        return max(self.wait_s, _LEAST_GONE_SECONDS)

    def list_nodes(self) -> Sequence[Node] | None:
        """The nodes that are up; None with an autoscaler, which replaces those that are lost."""
        return None if self.max_nodes else _nodes_that_are_there()

    def describe_missing(self, nodes: Sequence[Node]) -> str:
        """Says how many of `num_nodes` the search starts without, or ''."""
        if self.max_nodes or len(nodes) >= self.num_nodes:
            return ""
        return (
            f"only {len(nodes)} of {self.num_nodes} Ray nodes came up within {self.wait_s:g} s; the search starts with "
            "what is there, and uses others when they come (their logs say why they are late)"
        )

    def make_probe(self) -> Callable[[], str]:
        """What says whether the node of this process or the head died."""
        return RayNodes().find_loss

    def _nodes_to_come(self) -> list[Node]:
        more = [Node(one.cpus, one.gpus) for one in self.more_nodes for _ in range(one.nodes)]
        return [Node(self.cpus, self.gpus)] * self.max_nodes + more

    def _wait_for_port(self, host: str, port: int, deadline: float) -> None:
        while True:
            try:
                socket.create_connection((host, port), _PROBE_SECONDS).close()
                return
            except OSError as error:
                if time.monotonic() > deadline:
                    raise ValueError(
                        f"no Ray answers at {host}:{port} ({error.strerror or error}); is its head up? "
                        "cluster.wait_s is how long to wait"
                    ) from None
            time.sleep(_POLL_SECONDS)

    def _join(self, address: str, deadline: float) -> None:
        """Joins the Ray; tries again until the deadline, as its port opens before a node of it is up."""
        while True:
            try:
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
                return
            except AuthenticationError:
                raise ValueError(
                    f"the Ray at {address} requires a token; set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH as on its "
                    "head"
                ) from None
            except (ConnectionError, RuntimeError) as error:
                ray.shutdown()
                if time.monotonic() > deadline:
                    reason = (str(error).splitlines() or [type(error).__name__])[0]
                    raise ValueError(f"cannot join the Ray at {address}: {reason}") from None
            time.sleep(_POLL_SECONDS)

    def _wait_for_nodes(self, deadline: float) -> None:
        """Returns when all nodes are up, or after the deadline if one can run trials."""
        while len(nodes := _nodes_that_are_there()) < self.num_nodes:
            if time.monotonic() > deadline:
                if any(node.cpus or node.gpus for node in nodes):
                    return
                raise ValueError(
                    f"only {len(nodes)} of {self.num_nodes} Ray nodes came up within {self.wait_s:g} s, and none that "
                    "can run trials; look at their logs, or set cluster.num_nodes or cluster.wait_s"
                )
            time.sleep(_POLL_SECONDS)


def _nodes_that_are_there() -> list[Node]:
    found = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [Node(resources.get("CPU", 0.0), resources.get("GPU", 0.0)) for resources in found]
