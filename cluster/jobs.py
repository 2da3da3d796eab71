"""Finds the state of a submitted job. Free of Ray, so that commands that only read a study stay fast."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from paretoseg.cluster.cluster import JobState, Ticket
from paretoseg.cluster.slurm import commands as slurm_commands

_FINDERS: Mapping[str, Callable[[str], JobState]] = {"slurm": slurm_commands.find_job}


def find_job(ticket: Ticket) -> JobState:
    """The state of a ticket's job, as far as this machine can find it out."""
    if ticket.cluster not in _FINDERS:
        return JobState("state unknown to this version of paretoseg", is_live=None)
    return _FINDERS[ticket.cluster](ticket.job)
