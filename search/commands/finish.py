"""The command `paretoseg finish`: ends a search now, tests its front as it stands, and shows the answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from rich.console import Console

from paretoseg.cluster.exit_codes import ExitCode
from paretoseg.search.commands.confirm import name_study
from paretoseg.search.commands.search import search
from paretoseg.search.config.stored_task import compose_stored
from paretoseg.search.reports.text import count_states, describe_seconds
from paretoseg.search.store.finish_request import ask_to_finish, is_asked_to_finish
from paretoseg.search.store.lock import find_writer
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.study.record import StudyRecord

_LOOK_SECONDS = 1.0
_QUIET_SECONDS = 30.0


def finish(
    location: str,
    overrides: Sequence[str],
    console: Console,
    show: Callable[[], int],
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """Finishes a search that runs, in this process or another, or that was stopped; returns the exit code.

    Args:
        location: Folder or URI of the study.
        overrides: Keys that may change when a study is resumed, such as its cluster; for a search that was stopped.
        console: Where progress and the answer are shown.
        show: Shows the front, after another process has finished the search; returns an exit code.
        pause: Waits for a number of seconds.

    Raises:
        ValueError: if there is no study or no answer yet, before anything is written.
        LockedError: if another process has just started to work on the study.
        StorageError: if the study's folder cannot be used.
    """
    folder = StudyFolder(location)
    record = folder.read_record()
    if not record.front.results:
        raise ValueError(
            f"no candidate is on the front yet ({count_states(record)}), so there is no answer to finish with; wait "
            "for the first one, or stop the search with Ctrl-C"
        )
    words = [*name_study(location), *overrides]
    compose_stored(folder, record.created, overrides)  # a mistake in them must not leave a request behind
    ask_to_finish(folder.folder)
    if writer := find_writer(folder.folder):
        try:
            _wait(folder, writer, console, pause)
        except KeyboardInterrupt:
            console.print("No longer waiting; the search still finishes.")
            return ExitCode.DONE
        if not is_asked_to_finish(folder.folder):
            return show()
        console.print("The search has ended without finishing; this process does it.", soft_wrap=True)
    return search(words, console)


def _wait(folder: StudyFolder, writer: str, console: Console, pause: Callable[[float], None]) -> None:
    """Waits until no process works on the study; says now and then how far it is."""
    console.print(
        f"Asked {writer} to finish: running trials end at their next step, then the front is tested. Ctrl-C only ends "
        "this command.",
        markup=False,
        soft_wrap=True,
    )
    waited = said = 0.0
    while find_writer(folder.folder):
        pause(_LOOK_SECONDS)
        waited += _LOOK_SECONDS
        if waited - said >= _QUIET_SECONDS:
            said = waited
            console.print(
                f"{describe_seconds(waited)}: {_describe(folder.read_record())}", markup=False, soft_wrap=True
            )


def _describe(record: StudyRecord) -> str:
    num_tested = sum(bool(trial.test) for trial in record.front.all_trials)
    return f"{record.num_running} trials run, {num_tested} of {len(record.front.all_trials)} networks are tested"
