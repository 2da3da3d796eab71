"""Finds and cancels a submitted job. Free of Ray, so that commands that only read a study stay fast."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from paretoseg.cluster.cluster import JobState, SubmittedJob, Ticket
from paretoseg.cluster.slurm import commands as slurm_commands


@dataclass(frozen=True)
class _Place:
    """What can be done with the jobs of one kind of cluster, by their names there."""

    find: Callable[[str], JobState]
    cancel: Callable[[str], None]


_PLACES: Mapping[str, _Place] = {"slurm": _Place(slurm_commands.find_job, slurm_commands.cancel_job)}


def find_job(ticket: Ticket) -> JobState:
    """The state of a ticket's job, as far as this machine can find it out."""
    if ticket.cluster not in _PLACES:
        return JobState("state unknown to this version of paretoseg", is_live=None)
    return _PLACES[ticket.cluster].find(ticket.job)


def cancel_job(ticket: Ticket) -> None:
    """Ends a ticket's job.

    Raises:
        ValueError: if this version does not know the cluster, or the cluster refuses or cannot be reached.
    """
    if ticket.cluster not in _PLACES:
        raise ValueError(f"{ticket.job} is on {ticket.cluster}, which this version of paretoseg does not know")
    _PLACES[ticket.cluster].cancel(ticket.job)


def to_job(ticket: Ticket) -> SubmittedJob:
    """The job of a ticket."""
    name = f"job {ticket.job} on {ticket.cluster}"
    return SubmittedJob(name, ticket.log, partial(find_job, ticket), partial(cancel_job, ticket))
