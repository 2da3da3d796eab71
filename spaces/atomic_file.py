"""Writes files on a local disk atomically: a reader sees the whole file or none."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})
"""Error numbers of a write that failed because of the disk."""

UNFINISHED = ".tmp"
"""Suffix of a file that is still being written; its name also starts with a dot."""


@contextmanager
def open_atomically(path: Path, permissions: int = 0o666) -> Iterator[BinaryIO]:
    """Yields a binary file; when the block ends without an error, the file is moved to `path` in one step.

    Until then it has a temporary name. It is synced to disk before it is moved, so a crash leaves the old file or the
    new one.

    Args:
        path: Where the file will be; its folder must exist.
        permissions: Of the file; the process's umask applies.

    Raises:
        OSError: if it cannot be written; an earlier file at `path` stays, and no temporary file is left.
    """
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}{UNFINISHED}")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, permissions)
        with open(descriptor, "wb") as stream:  # noqa: PTH123 - Path.open takes no permissions
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(path)
        sync_folder(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes, permissions: int = 0o666) -> None:
    """Writes `content` to `path` as `open_atomically` does. Raises OSError if it cannot be written."""
    with open_atomically(path, permissions) as stream:
        stream.write(content)


def sync_folder(folder: Path) -> None:
    """Waits until a folder's list of names is on disk: a power cut could otherwise lose a file that was itself synced.

    Raises:
        OSError: if the disk fails. File systems that cannot sync folders are ignored.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno in DISK_ERRORS:
            raise
