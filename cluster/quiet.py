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
        folder: Where the file is, as `ray.log`; None for a file in the folder for temporary files.

    Returns:
        The file; it is deleted at the end if it is empty.
    """
    path = folder / "ray.log" if folder else Path(tempfile.gettempdir()) / f"paretoseg-ray-{os.getpid()}.log"
    try:
        with path.open("a", encoding="utf-8", buffering=1) as log, _print_to(_to_lines(log)), _redirect(log):
            yield path
    finally:
        with suppress(OSError):
            if not path.stat().st_size:
                path.unlink()


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
    kept = os.dup(_STDERR)
    is_ours = _find_descriptor(before) == _STDERR
    try:
        if is_ours:
            before.flush()
            raw = io.FileIO(kept, "w", closefd=False)
            sys.stderr = io.TextIOWrapper(raw, before.encoding, errors="backslashreplace", write_through=True)
        os.dup2(log.fileno(), _STDERR)
        yield
    finally:
        os.dup2(kept, _STDERR)
        if is_ours:
            sys.stderr.flush()
            sys.stderr = before
        os.close(kept)


def _find_descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (AttributeError, OSError, ValueError):
        return None
