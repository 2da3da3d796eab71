"""The interface between a queue of jobs and the runners that work on it: this process, or Ray."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from paretoseg.search.running.worker import Job, Outcome
from paretoseg.search.trials.trial import Failure


class JobQueue(Protocol):
    """Hands out jobs one by one and takes every decision; a runner only runs the jobs.

    `search.running.session.Session` is that of a search, `search.rescoring.jobs.Rescoring` that of a rescoring.
    """

    halt_reason: str
    """Why the storage stopped the work, or ''."""

    @property
    def now(self) -> Callable[[], float]:
        """The clock, in seconds since the epoch."""
        ...

    def next_job(self) -> Job | None:
        """A job for a free slot, or None if there is none now (`is_over` says whether one may come)."""
        ...

    def is_over(self) -> bool:
        """True if no job runs and none will come."""
        ...

    def take(self, job: Job, outcome: Outcome) -> bool:
        """Records the outcome of one share of a job; True if the job is over."""
        ...

    def lose(self, job: Job, failure: Failure, num_excused: int = 0) -> None:
        """Records that the worker of a job died.

        Args:
            job: The job.
            failure: Why, as far as that is known.
            num_excused: How many of the job's losses so far, with this one, were those of nodes that are gone.
        """
        ...

    def put_back(self, job: Job) -> None:
        """Takes back a job whose worker had to leave; it goes on later, and nothing is to blame."""
        ...

    def refresh(self) -> None:
        """Updates the files that are written at intervals; runners call it often."""
        ...

    def halt(self, reason: str) -> None:
        """Stops handing out jobs because the storage failed; does not wait for those that run."""
        ...
