"""The interface of the places where a search can run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from math import inf
from types import MappingProxyType

from paretoseg.cluster.resources import Node, Resources
from paretoseg.cluster.site_check import SiteCheck

OBJECT_STORE_BYTES = 256 * 1024**2
"""Ray's shared memory on each node; trials do not share data through it, so little is enough."""

RAY_ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {
        "RAY_USAGE_STATS_ENABLED": "0",
        # Tune's workers have their own environment, so workers that Ray starts ahead would never be used.
        "RAY_prestart_worker_first_driver": "0",
        # Ray lowers the priority of its workers by 15, which leaves them next to nothing on a busy machine.
        "RAY_worker_niceness": "0",
        # Ports of metrics ask for no token, so there are none; two heads on one host would want the same ones.
        "RAY_enable_metrics_collection": "0",
        "DASHBOARD_METRIC_PORT": "-1",
        "AUTOSCALER_METRIC_PORT": "-1",
    }
)
"""Environment variables of every Ray that paretoseg starts."""

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
class ClusterConfig(ABC):
    """Settings of a place to run; each place has a subclass in its own module."""

    @abstractmethod
    def check(self, resources: Resources) -> None:
        """Checks, before anything is started, that a trial fits.

        Raises:
            ValueError: if it does not; the message says what is available.
        """

    def count_gpus(self) -> int:
        """The GPUs that trials can use, as far as that is known before anything is started."""
        return 0


@dataclass(unsafe_hash=True)
class DirectConfig(ClusterConfig):
    """A place whose machines the search itself uses, from the process that was started."""

    @property
    def start_s(self) -> float:
        """How long a worker may take to start, in seconds; for ever if trials may wait for machines to come."""
        return inf

    @abstractmethod
    def connect(self) -> AbstractContextManager[Sequence[Node]]:
        """Starts Ray and yields its nodes; stops Ray at the end of the block.

        Raises:
            ValueError: if the settings do not fit this machine.
        """

    @property
    def lock_wait_s(self) -> float:
        """How long a search waits for the lock of its study, in seconds; 0 where a user reads that it is held."""
        return 0.0

    @property
    def keep_log(self) -> bool:
        """True if what a search prints would be lost with its machine, so that it is kept in the study's folder."""
        return False

    @property
    def gone_s(self) -> float:
        """How long a search waits, in seconds, when it has lost every node that a trial fits on."""
        return inf

    def describe_missing(self, nodes: Sequence[Node]) -> str:
        """Says which of the nodes that it waited for are missing among those of `connect`; '' if none is."""
        return ""

    def list_nodes(self) -> Sequence[Node] | None:
        """The nodes that are up now, while `connect` holds; None if a search always counts on those of `connect`."""
        return None

    def make_probe(self) -> Callable[[], str]:
        """Returns a function that says why the Ray of `connect` can no longer be used, or ''.

        Both are called in a thread of their own, and may block for ever if the head does not answer.
        """
        return lambda: ""

    def abandon(self) -> None:
        """Kills at once what `connect` started, for a process that will not leave the block."""


@dataclass(frozen=True)
class Submission:
    """A search that is submitted as a job."""

    study: str
    """Name of the study."""

    overrides: tuple[str, ...]
    """The arguments of `paretoseg search` in the job, with an absolute `storage`; the place adds the `cluster` keys."""

    location: str
    """The study's folder: an absolute path, or a URI."""

    resources: Resources = field(default_factory=Resources)
    """What one trial gets."""

    is_tracked_online: bool = False
    """True if the search needs a Weights & Biases server."""


@dataclass(frozen=True)
class Ticket:
    """The receipt for a submission; kept in the study's folder, so that the job can be found again."""

    cluster: str
    """Name of the place, as in `cluster=slurm`."""

    job: str
    """The job's name or number at that place."""

    host: str
    """Host name of the machine that submitted it."""

    submitted_at: float
    """Time of submission, in seconds since the epoch."""

    log: str = ""
    """Where to read its output: a path, or a command."""


@dataclass(frozen=True)
class JobState:
    """The state of a submitted job."""

    words: str
    """The state in words, for messages."""

    is_live: bool | None
    """True if it waits or runs, False if it has ended, None if that cannot be found out from here."""


@dataclass(frozen=True)
class SubmittedJob:
    """A job that was submitted, and what can be done with it from here."""

    name: str
    """What it is called in messages, such as 'job 8 on slurm'."""

    log: str
    """Where its output is: a path, or a command that shows it; '' if that is not known."""

    find: Callable[[], JobState]
    """Finds its state; raises ValueError if the place refuses to say."""

    cancel: Callable[[], None]
    """Ends it; raises ValueError if the place refuses or cannot be reached."""


@dataclass(unsafe_hash=True)
class BatchConfig(ClusterConfig):
    """A place that runs the whole search as a job; in the job, the search connects to the job's Ray."""

    @property
    def has_local_paths(self) -> bool:
        """True if the job sees the same paths as this machine; if not, the job itself creates a study at a path."""
        return True

    @abstractmethod
    def render(self, submission: Submission) -> str:
        """The job as text, exactly as `submit` would send it.

        Raises:
            ValueError: if the submission does not fit the place.
        """

    def check_reachable(self) -> None:
        """Checks, before anything is started, that jobs can be submitted from here.

        Raises:
            ValueError: if it cannot.
        """

    @abstractmethod
    def submit(self, submission: Submission) -> Ticket:
        """Submits the job and returns its ticket.

        Raises:
            ValueError: if the place refuses it or cannot be reached.
        """

    @abstractmethod
    def check_site(self, submission: Submission, *, with_job: bool) -> Iterator[SiteCheck]:
        """Looks whether the place has what these settings ask for, one finding after the other.

        Args:
            submission: A search as it would be submitted.
            with_job: Whether to submit a tiny job for what only a worker can tell.
        """

    def find_sent(self, submission: Submission) -> SubmittedJob | None:
        """The job that a submission was sent as, if it can be found without a receipt; None if it takes one.

        Raises:
            ValueError: if the settings do not say where the study is.
        """
        return None

    def follow(self, ticket: Ticket, show: Callable[[str], None]) -> int | None:
        """Waits for the end of a job and returns the exit code of its search; None if this place does not wait.

        Args:
            ticket: The job.
            show: Called with one line for the user whenever the state changes.

        Raises:
            ValueError: if the place cannot be reached for a long time or refuses the request; the job itself continues.
        """
        return None
