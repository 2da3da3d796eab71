"""`paretoseg logs` and `paretoseg cancel`: the job that searches a study on a cluster.

A job on Slurm left a receipt in the study's folder. One on Kubernetes is found by the keys of `cluster` that the search
was sent with: its study may lie where only pods see it.
"""

from __future__ import annotations

import argparse
import codecs
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from paretoseg.cluster.cluster import BatchConfig, JobState, Submission, SubmittedJob
from paretoseg.cluster.exit_codes import ExitCode
from paretoseg.cluster.jobs import to_job
from paretoseg.search.store.folder import Folder
from paretoseg.search.store.lock import find_writer
from paretoseg.search.store.reachable import check_reachable
from paretoseg.search.store.search_log import SEARCH_LOG
from paretoseg.search.store.study_folder import StudyFolder

_READ_SECONDS = 1.0
_ASK_SECONDS = 10.0
"""How often a log that is followed is read, and how often the cluster is asked whether the job is over."""


def add_logs_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `paretoseg logs`."""
    parser.add_argument("study", metavar="STUDY", help="folder or URI of the study")
    parser.add_argument("--lines", type=int, metavar="N", help="only the last N lines; all if left out")
    parser.add_argument("--follow", action="store_true", help="show new lines until the job is over; Ctrl-C stops that")


def add_cancel_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `paretoseg cancel`."""
    # Not `study`: where the keys say where the job is, the study need not be reachable.
    parser.add_argument("place", metavar="STUDY", help="folder or URI of the study")
    add_place_keys(parser)


def add_place_keys(parser: argparse.ArgumentParser) -> None:
    """Adds the keys by which a job on Kubernetes is found."""
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="cluster.KEY=VALUE",
        help="where its job is, as for search; for Kubernetes only",
    )


def run_logs(parsed: argparse.Namespace, console: Console) -> int:
    """Runs `paretoseg logs`; returns its exit code."""
    if parsed.lines is not None and parsed.lines < 0:
        raise ValueError(f"--lines must not be negative, got {parsed.lines}")
    folder = StudyFolder(parsed.study).folder
    if folder.exists(SEARCH_LOG):
        _show_kept(folder, parsed.lines, is_followed=parsed.follow)
    else:
        show_log(find_study_job(parsed.study), parsed.lines, is_followed=parsed.follow)
    return ExitCode.DONE


def _show_kept(folder: Folder, num_lines: int | None, *, is_followed: bool) -> None:
    """Prints what a search on Kubernetes has printed; it is followed until nobody writes to the study any more."""
    if folder.local_path:

        def find() -> JobState:
            writer = find_writer(folder)
            return JobState(writer or "not running", is_live=writer is not None)

        job = SubmittedJob("the search", str(folder.local_path / SEARCH_LOG), find, lambda: None)
        show_log(job, num_lines, is_followed=is_followed)
        return
    if is_followed:
        raise ValueError("--follow needs a study on a disk; without it, what is stored so far is shown")
    _print(_take_last(folder.read(SEARCH_LOG), num_lines).decode(errors="replace"))


def run_cancel(parsed: argparse.Namespace, console: Console) -> int:
    """Runs `paretoseg cancel`; returns its exit code."""
    if not parsed.overrides:
        check_reachable(parsed.place)
    job = find_sent_job(parsed.place, parsed.overrides) if parsed.overrides else find_study_job(parsed.place)
    state = job.find()
    if state.is_live is False:
        console.print(f"There is nothing to cancel: {job.name} is over ({state.words}).", markup=False, soft_wrap=True)
        return ExitCode.DONE
    job.cancel()
    console.print(
        f"Cancelled {job.name} ({state.words}). What its trials have done is kept; the command that submitted it "
        "resumes.",
        markup=False,
        soft_wrap=True,
    )
    return ExitCode.DONE


def find_study_job(study: str) -> SubmittedJob:
    """The job that was last submitted for a study.

    Raises:
        ValueError: if there is no study, or it was never submitted.
    """
    folder = StudyFolder(study)
    ticket = folder.read_ticket()
    if ticket is None:
        folder.read_record()  # says if there is no study at all
        raise ValueError(
            f"study '{folder.folder.location}' was not submitted to a cluster; a search that runs in a terminal is "
            "stopped there with Ctrl-C, and `paretoseg finish` ends one from anywhere; for a job on Kubernetes, add "
            "cluster=kubernetes and the keys of cluster that it was sent with"
        )
    return to_job(ticket)


def find_sent_job(study: str, overrides: Sequence[str]) -> SubmittedJob:
    """The job of a study at the place that keys of `cluster` name.

    Raises:
        ValueError: if they name no place that finds jobs like this.
    """
    if others := [word for word in overrides if word.partition("=")[0].partition(".")[0] != "cluster"]:
        raise ValueError(f"only keys of cluster say where a job is, got '{others[0]}'; leave it out")
    from paretoseg.search.config.config import compose  # Hydra: too slow to import for the other commands

    cluster = compose(["study=any", "task=toy", *overrides]).experiment.cluster
    place = study.rstrip("/")
    location = place if "://" in place else os.path.abspath(place)
    submission = Submission(place.rpartition("/")[2], (), location)
    job = cluster.find_sent(submission) if isinstance(cluster, BatchConfig) else None
    if job is None:
        raise ValueError("only jobs of cluster=kubernetes are found by keys of cluster; leave these out")
    return job


def show_log(
    job: SubmittedJob, num_lines: int | None, *, is_followed: bool, pause: Callable[[float], None] = time.sleep
) -> None:
    """Prints the output of a job.

    Args:
        job: The job.
        num_lines: How many of the last lines; None for all.
        is_followed: Whether to wait for more until the job is over.
        pause: Waits for a number of seconds.

    Raises:
        ValueError: if there is no output yet, or it cannot be read here.
    """
    path = Path(job.log)
    seconds = 0.0
    while is_followed and not path.exists() and job.find().is_live:
        pause(_ASK_SECONDS)
    try:
        with path.open("rb") as log:
            decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
            _print(decode(_take_last(log.read(), num_lines)))
            is_over = not is_followed
            while not is_over:
                # Asked before the last look: what it wrote until then is shown.
                is_over = seconds % _ASK_SECONDS == 0 and job.find().is_live is False
                _print(decode(log.read()))
                if not is_over:
                    pause(_READ_SECONDS)
                    seconds += _READ_SECONDS
    except FileNotFoundError:
        raise ValueError(
            f"{job.name} has written nothing to '{path}' ({job.find().words}); it writes when it runs, to a disk that "
            "all nodes share"
        ) from None
    except OSError as error:
        raise ValueError(f"cannot read '{path}': {error.strerror}") from None


def _take_last(content: bytes, num_lines: int | None) -> bytes:
    if num_lines is None:
        return content
    lines = content.splitlines(keepends=True)
    return b"".join(lines[max(len(lines) - num_lines, 0) :])


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
