"""Temporary folders, and the removal of those, and of half-written files, that killed processes left behind."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paretoseg.search.store.folder import Folder

_PREFIX = "paretoseg-scratch-"
_UNFINISHED = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}\.tmp")
"""The name that `Folder.write` gives a file on a local disk until it is complete."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder among the machine's temporary ones, removed at the end.

    It is locked, so that `remove_stale_scratch` can tell it from one whose process was killed.
    """
    place, descriptor = _make_locked()
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        os.close(descriptor)


def remove_stale_scratch() -> None:
    """Removes this user's folders of `scratch_folder` whose processes have ended."""
    for place in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            descriptor = _open(place)
        except OSError:
            continue  # another user's, or removed meanwhile
        try:
            if os.fstat(descriptor).st_uid == os.getuid() and _lock(descriptor):
                shutil.rmtree(place, ignore_errors=True)
        finally:
            os.close(descriptor)


def remove_unfinished(folder: Folder, names: frozenset[str] = frozenset()) -> None:
    """Removes the half-written files that a killed process left in a folder on a local disk.

    Call it under the lock of the processes that write there.

    Args:
        folder: Where to look; its subfolders are not searched.
        names: Of the files that are written under the lock; all if left out.
    """
    place = folder.local_path
    if place is None or not place.is_dir():
        return
    for path in place.iterdir():
        found = _UNFINISHED.fullmatch(path.name)
        if found and (not names or found["name"] in names):
            path.unlink(missing_ok=True)


def _make_locked() -> tuple[Path, int]:
    while True:
        place = Path(tempfile.mkdtemp(prefix=_PREFIX))
        try:
            descriptor = _open(place)
        except FileNotFoundError:
            continue  # removed before it was locked
        try:
            _lock(descriptor)
        except OSError:
            return place, descriptor  # this disk has no locks, so no process can lock it and take it for stale
        if os.fstat(descriptor).st_nlink:
            return place, descriptor
        os.close(descriptor)


def _open(place: Path) -> int:
    return os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)


def _lock(descriptor: int) -> bool:
    """True if the lock is ours now.

    Raises:
        OSError: if the disk has no locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
