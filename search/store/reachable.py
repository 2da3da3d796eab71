"""Whether a place can keep studies, found out soon and before anything is written there."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

from paretoseg.search.store.folder import Folder, StorageError, hide_secrets

ANSWER_SECONDS = 8.0
"""How long a remote storage may take to answer for the first time; later requests are tried for longer."""

_ELSEWHERE = "name another place with storage=PATH or URI"


def check_storage(storage: str, study: str) -> None:
    """Checks the place where studies are to lie.

    Args:
        storage: A path or URI.
        study: Location of the study in it.

    Raises:
        ValueError: if it is no place for folders, or does not answer.
    """
    if "://" in storage:
        check_reachable(study)
        return
    place = Path(study).absolute()
    there = next(path for path in (place, *place.parents) if path.exists() or path.is_symlink())
    if not there.is_dir():
        raise ValueError(f"storage must be a folder, but '{there}' is none; {_ELSEWHERE}")
    if cause := "no permission" if not os.access(there, os.W_OK | os.X_OK) else _try_to_create(place, there):
        raise ValueError(f"storage '{storage}' cannot be written ({cause} in '{there}'); {_ELSEWHERE}")


def check_reachable(location: str) -> None:
    """Checks that the storage of a URI answers; a local path is not checked.

    Raises:
        ValueError: if it cannot be opened or asked, or does not answer in time.
    """
    if "://" not in location:
        return
    seconds = ANSWER_SECONDS
    answers: list[Exception | None] = []
    # In a thread, as some clients try for minutes, and cannot be told to give up.
    thread = threading.Thread(target=lambda: answers.append(_ask(location)), name="ask the storage", daemon=True)
    thread.start()
    thread.join(seconds)
    place, check = hide_secrets(location), "check its address, its keys and the network"
    if not answers:
        raise ValueError(f"storage '{place}' has not answered for {seconds:g} s; {check}, or {_ELSEWHERE}")
    if isinstance(answers[0], StorageError):
        raise ValueError(f"storage '{place}' does not answer; {check}, or {_ELSEWHERE} ({answers[0]})")
    if answers[0] is not None:
        raise answers[0]


def _ask(location: str) -> Exception | None:
    try:
        Folder(location).exists("experiment.yaml")
    except (StorageError, ValueError, OSError) as error:
        return error
    return None


def _try_to_create(place: Path, there: Path) -> str:
    """Why a folder cannot be created, or ''; what was created is removed again."""
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return error.strerror or type(error).__name__
    finally:
        for path in (place, *place.parents):
            if path == there:
                break
            with suppress(OSError):
                path.rmdir()
    return ""
