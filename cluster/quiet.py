"""Keeps what Ray prints out of the user's log: it goes into a file of its own.

Ray shows the messages of its nodes in the process of a search, with dozens of lines of a raylet's log when one dies.
Its C++ code also writes there, past Python, and dumps its stack when it ends the process.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from ray._private import worker

_STDERR = 2


@contextmanager
def keep_apart(folder: Path | None) -> Iterator[Path]:
    """In the block, what Ray prints goes into a file; `sys.stderr` stays what it was.

    Args:
        folder: Where the file is, as `ray.log`; None for a new file in the folder for temporary files, which only this
            user can read.

    Returns:
        The file; it is deleted at the end if it is empty.
    """
    path = folder / "ray.log" if folder else _make_temporary()
    try:
        with path.open("a", encoding="utf-8", buffering=1) as log, _print_to(_to_lines(log)), _redirect(log):
            yield path
    finally:
        with suppress(OSError):
            if not path.stat().st_size:
                path.unlink()


def _make_temporary() -> Path:
    """A new file: in a folder of all users, one whose name can be guessed may be somebody else's link."""
    descriptor, name = tempfile.mkstemp(prefix="paretoseg-ray-", suffix=".log")
    os.close(descriptor)
    return Path(name)


def name_log(loss: str, log: Path) -> str:
    """Why a Ray was lost, with the file that holds what Ray printed, if it printed anything."""
    try:
        return f"{loss}; {log} holds what Ray printed" if log.stat().st_size else loss
    except OSError:
        return loss


def _to_lines(log: TextIO) -> Callable[..., None]:
    """What Ray calls with the messages of a node; no public setting sends them elsewhere."""

    def write(data: dict[str, Any], ignore_prefix: bool = False) -> None:
        with suppress(ValueError):  # a late message, when the file is closed
            for line in data["lines"]:
                log.write(f"{time.strftime('%F %T')} ({data.get('pid')}) {line}\n")

    return write


@contextmanager
def _print_to(write: Callable[..., None]) -> Iterator[None]:
    before = worker.print_to_stdstream
    worker.print_to_stdstream = write
    try:
        yield
    finally:
        worker.print_to_stdstream = before


@contextmanager
def _redirect(log: TextIO) -> Iterator[None]:
    """Sends what is written to the descriptor of stderr into the file; Python's own stderr keeps its place."""
    before = sys.stderr
    raw = io.FileIO(os.dup(_STDERR), "w")
    # What keeps this object longer than the block cannot write into a file that gets the same descriptor later.
    encoding = getattr(before, "encoding", None) or "utf-8"
    with io.TextIOWrapper(raw, encoding, errors="backslashreplace", write_through=True) as kept:
        try:
            if _find_descriptor(before) == _STDERR:
                before.flush()
                sys.stderr = kept
            os.dup2(log.fileno(), _STDERR)
            yield
        finally:
            os.dup2(raw.fileno(), _STDERR)
            if sys.stderr is kept:
                sys.stderr = before


def _find_descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (AttributeError, OSError, ValueError):
        return None
