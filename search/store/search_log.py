"""What a search prints, kept in its study's folder: in a pod it would be lost with the pod."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any, TextIO

from paretoseg.search.store.folder import Folder, StorageError

SEARCH_LOG = "search.log"

_WRITE_SECONDS = 30.0
"""Least time between two writes to a storage that cannot append."""

_MOST_BYTES = 4 * 1024**2
"""How much is kept there: the file is written as a whole every time."""


class _Log:
    """The file; what cannot be written is left out, since no search should fail for its log.

    Args:
        folder: The study's folder; locked by this process.
        now: A clock, in seconds.
    """

    def __init__(self, folder: Folder, now: Callable[[], float]) -> None:
        self._folder = folder
        self._now = now
        self._content = b""
        self._written_at = now()
        if folder.local_path is None:
            with suppress(StorageError, FileNotFoundError):
                self._content = folder.read(SEARCH_LOG)

    def add(self, text: str) -> None:
        if self._folder.local_path is None:
            self._content += text.encode(errors="backslashreplace")
            if self._now() - self._written_at >= _WRITE_SECONDS:
                self.write()
            return
        path = self._folder.local_path / SEARCH_LOG
        with suppress(OSError), path.open("a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(text)

    def write(self) -> None:
        """Writes to a storage that cannot append."""
        if self._folder.local_path is None:
            self._written_at, self._content = self._now(), self._content[-_MOST_BYTES:]
            with suppress(StorageError):
                self._folder.write(SEARCH_LOG, self._content)


class _Tee:
    """A stream that also adds what is written to the log."""

    def __init__(self, stream: TextIO, log: _Log) -> None:
        self._stream = stream
        self._log = log

    def write(self, text: str) -> int:
        self._log.add(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def keep_log(folder: Folder, *, now: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """In the block, what Python prints to `sys.stdout` also goes to the end of `search.log` in the folder.

    Args:
        folder: The study's folder; locked by this process.
        now: A clock, in seconds.
    """
    log = _Log(folder, now)
    tee: Any = _Tee(sys.stdout, log)
    try:
        with redirect_stdout(tee):
            yield
    finally:
        log.write()
