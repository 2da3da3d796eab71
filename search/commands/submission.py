"""Submits a search as a job, on clusters that take jobs, such as `cluster=slurm`."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Sequence

from rich.console import Console

from paretoseg.cluster.cluster import BatchConfig, Submission, Ticket
from paretoseg.cluster.exit_codes import ExitCode
from paretoseg.cluster.jobs import find_job
from paretoseg.search.config.overrides import quote
from paretoseg.search.store.folder import hide_secrets
from paretoseg.search.store.lock import hold_lock
from paretoseg.search.store.study_folder import StudyFolder


def make_order(study: str, overrides: Sequence[str], storage: str, location: str) -> Submission:
    """The search as the job starts it: the same overrides without those of the cluster, and an absolute storage.

    Args:
        study: Name of the study.
        overrides: What the user gave.
        storage: Where studies lie.
        location: The study's folder.
    """
    here = [word for word in overrides if word.split("=", 1)[0].split(".")[0] not in ("cluster", "storage", "study")]
    is_uri = "://" in location
    storage = storage if is_uri else os.path.abspath(storage)
    words = (f"study={study}", f"storage={_quote(storage)}", *here)
    return Submission(study, words, location if is_uri else os.path.abspath(location))


def submit(
    cluster: BatchConfig, order: Submission, folder: StudyFolder, start: Callable[[], None], console: Console
) -> None:
    """Starts the study if it is new, and submits the job.

    Args:
        cluster: The cluster that takes the job.
        order: The search.
        folder: The study's folder.
        start: Writes the first record of a study that does not exist yet.
        console: Where to print what was done.

    Raises:
        ValueError: if a job of this study is waiting or running, or the cluster refuses this one.
        LockedError: if a process is working on the study.
        StorageError: if the study's folder cannot be written.
    """
    cluster.render(order)  # refuses what cannot be submitted, before anything is written
    cluster.check_reachable()
    _refuse_second(folder)
    with hold_lock(folder.folder):
        is_new = not folder.exists()
        start()
    try:
        ticket = cluster.submit(order)
    except ValueError:
        if is_new:  # the next try may use other settings
            with hold_lock(folder.folder):
                folder.forget()
        raise
    folder.write_ticket(ticket)
    _announce(ticket, folder, console)


def send(cluster: BatchConfig, order: Submission, console: Console) -> int:
    """Submits the job to a cluster with its own disks, and follows it if the cluster can be watched from here.

    Returns:
        The exit code of the search, as far as it is known: 75 if the job can no longer be followed, 0 if the cluster
        does not report one.

    Raises:
        ValueError: if the cluster refuses the job.
    """
    ticket = cluster.submit(order)
    console.print(f"Sent job {ticket.job} to {ticket.cluster}.\nLook: {ticket.log}", markup=False, soft_wrap=True)
    try:
        code = cluster.follow(ticket, lambda line: console.print(line, markup=False, soft_wrap=True))
    except KeyboardInterrupt:
        console.print("The job goes on without being watched; the same command follows it again.")
        return ExitCode.WORK_LEFT
    except ValueError as error:
        # The job was sent: a failure to follow it must not look as if nothing was started.
        console.print(
            f"{error}.\nThe job goes on without being watched; look with `{ticket.log}`, "
            "or run the same command again to follow it.",
            markup=False,
            soft_wrap=True,
        )
        return ExitCode.WORK_LEFT
    return code or ExitCode.DONE


def describe_ticket(ticket: Ticket) -> str:
    """The state of a ticket's job, in one line."""
    log = f"; log: {ticket.log}" if ticket.log else ""
    return f"{ticket.job} on {ticket.cluster}: {find_job(ticket).words}{log}"


def _refuse_second(folder: StudyFolder) -> None:
    ticket = folder.read_ticket()
    if ticket is None:
        return
    state = find_job(ticket)
    if state.is_live:
        raise ValueError(
            f"study '{folder.folder.location}' is already job {ticket.job} on {ticket.cluster} ({state.words}); "
            "wait for it, cancel it, or choose another name with study=<name>"
        )


def _announce(ticket: Ticket, folder: StudyFolder, console: Console) -> None:
    lines = [
        f"Submitted job {ticket.job} to {ticket.cluster}.",
        f"Status: paretoseg status {shlex.quote(hide_secrets(folder.folder.address))}",
    ]
    lines += [f"Log:    {ticket.log}"] if ticket.log else []
    console.print("\n".join(lines), markup=False, soft_wrap=True)


def _quote(value: str) -> str:
    """A value for an override, quoted where it would be read as more than a word."""
    if re.fullmatch(r"[A-Za-z0-9_./-]+", value):
        return value
    # It is resolved already: OmegaConf must not read an interpolation into it.
    return quote(re.sub(r"(\\*)\$\{", r"\1\1\\${", value))
