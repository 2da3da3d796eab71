"""The contract of the places where a search can run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from math import inf
from types import MappingProxyType

from paretoseg.cluster.resources import Node, Resources

OBJECT_STORE_BYTES = 256 * 1024**2
"""Ray's shared memory on each node; trials keep their data to themselves, so little is enough."""

RAY_ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {
        "RAY_USAGE_STATS_ENABLED": "0",
        # Tune's workers have an environment of their own: those that Ray starts ahead would never be used.
        "RAY_prestart_worker_first_driver": "0",
    }
)
"""Settings of every Ray that is brought up here."""

DRIVER_ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {
        # Ray warns of a future default for trials without GPUs; the new behaviour is the one we want.
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        # Ray answers SIGTERM with a dump of its stack, and an exit code of its own.
        "RAY_DISABLE_FAILURE_SIGNAL_HANDLER": "1",
    }
)
"""Settings of the process that uses a Ray."""


@dataclass(unsafe_hash=True)
class ClusterConfig:
    """Settings of a place to run; every place's config derives from it and stands in a module of its own."""

    @property
    def start_s(self) -> float:
        """How long a worker may take to start, in seconds; for ever where trials may wait for machines to come."""
        return inf

    def check(self, resources: Resources) -> None:
        """Looks, before anything is begun, whether a trial can fit.

        Raises:
            ValueError: if it cannot; the message names what there is.
        """

    def connect(self) -> AbstractContextManager[Sequence[Node]]:
        """Brings Ray up and gives its nodes; leaving the block takes it down again.

        Raises:
            ValueError: if the settings do not fit this machine.
        """
        raise AssertionError(f"{type(self).__name__} must say how it connects")

    def make_probe(self) -> Callable[[], str]:
        """What says why the Ray of `connect` is of no use any more, in words, or ''.

        Both are called from a thread of their own, and may wait for ever where the head does not answer.
        """
        return lambda: ""

    def abandon(self) -> None:
        """Ends at once what `connect` brought up, for a process that will not leave the block."""


@dataclass(frozen=True)
class Order:
    """A search that is to run elsewhere."""

    study: str
    """Name of the study."""

    overrides: tuple[str, ...]
    """What follows `paretoseg search` there, `storage` made absolute; the place adds the `cluster` keys."""

    location: str
    """The study's folder: an absolute path, or a URI."""

    resources: Resources = field(default_factory=Resources)
    """What one trial gets."""

    is_tracked_online: bool = False
    """True if the search will insist on a server of Weights & Biases."""


@dataclass(frozen=True)
class Ticket:
    """What a place gives for an order; kept in the study's folder, so that the job can be found again."""

    cluster: str
    """Name of the place, as in `cluster=slurm`."""

    job: str
    """The job's name or number there."""

    host: str
    """Where it was submitted."""

    submitted_at: float
    """When, in seconds since the epoch."""

    log: str = ""
    """Where to read what it prints: a path, or a command."""


@dataclass(frozen=True)
class JobState:
    """Where a submitted job stands."""

    words: str
    """For people."""

    is_live: bool | None
    """True if it waits or runs, False if it is over, None if that cannot be known from here."""


@dataclass(unsafe_hash=True)
class BatchConfig(ClusterConfig):
    """A place that takes the whole search as a job; the search then runs there, attached to the job's Ray."""

    @property
    def has_local_paths(self) -> bool:
        """True if a path means the same here and there; where not, a study at a path is begun by the job itself."""
        return True

    def render(self, order: Order) -> str:
        """The job as text, exactly as `submit` would hand it in.

        Raises:
            ValueError: if the order does not fit the place.
        """
        raise AssertionError(f"{type(self).__name__} must say how a job reads")

    def reach(self) -> None:
        """Looks whether the place can be reached from here, before anything is begun.

        Raises:
            ValueError: if it cannot.
        """

    def submit(self, order: Order) -> Ticket:
        """Hands the job in.

        Raises:
            ValueError: if the place refuses it or cannot be reached.
        """
        raise AssertionError(f"{type(self).__name__} must say how a job is submitted")

    def follow(self, ticket: Ticket, show: Callable[[str], None]) -> int | None:
        """Waits for the end of a job, where the command stays to do so; returns the exit code of its search, or None.

        Args:
            ticket: The job.
            show: Takes one line for the user, whenever something changes.

        Raises:
            ValueError: if the place is out of reach for long or refuses to tell; the job itself goes on.
        """
        return None
