"""Finds again what was submitted, whatever took it. Free of Ray, so that a look at a study stays quick."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from paretoseg.cluster.cluster import JobState, Ticket
from paretoseg.cluster.slurm import commands as slurm_commands

_FINDERS: Mapping[str, Callable[[str], JobState]] = {"slurm": slurm_commands.find_job}


def find_job(ticket: Ticket) -> JobState:
    """Where the job of a ticket stands, as far as can be known from here."""
    if ticket.cluster not in _FINDERS:
        return JobState("state unknown to this version of paretoseg", is_live=None)
    return _FINDERS[ticket.cluster](ticket.job)
