"""The request to finish a search now: a file in the study's folder, which any process may write and the search reads.

It stays until a session has done what it asks for, so that a search that is stopped meanwhile still finishes.
"""

from __future__ import annotations

import itertools
import json
import os
import socket
import time
from collections.abc import Callable

from paretoseg.search.store.folder import Folder, StorageError

NAME = "finish.json"
_CALLS_REMOTELY = 8
"""Of so many calls of a watch, one asks a remote storage, where every request costs."""


def ask_to_finish(folder: Folder) -> None:
    """Writes the request.

    Raises:
        StorageError: if it cannot be written.
    """
    content = {"time": time.time(), "host": socket.gethostname(), "pid": os.getpid()}
    folder.write(NAME, json.dumps(content).encode())


def is_asked_to_finish(folder: Folder) -> bool:
    """True if there is a request."""
    return folder.exists(NAME)


def take_back(folder: Folder) -> None:
    """Removes the request, if there is one."""
    if folder.exists(NAME):
        folder.delete(NAME)


def make_watch(folder: Folder) -> Callable[[], bool]:
    """What says whether there is a request; asks a remote storage at fewer calls, and takes no answer for none."""
    every, calls = 1 if folder.local_path else _CALLS_REMOTELY, itertools.count()

    def look() -> bool:
        if next(calls) % every:
            return False
        try:
            return is_asked_to_finish(folder)
        except StorageError:
            return False

    return look
