"""Writing a file so that it is there as a whole or not at all, on a local disk."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})
"""What a write fails with when the disk, and not the writer, is to blame."""

UNFINISHED = ".tmp"
"""How the name of a file ends that is still being written; it starts with a dot."""


@contextmanager
def open_atomically(path: Path, permissions: int = 0o666) -> Iterator[BinaryIO]:
    """A file to write bytes into; when the block ends well it is at `path`, and any reader there meets all of it.

    It has a temporary name first and is on disk before it is moved: a crash leaves the old file or the new one.

    Args:
        path: Where the file will be, in a folder that is there.
        permissions: Of the file, less what the process's umask takes away.

    Raises:
        OSError: if it cannot be written; what was there before stays, and nothing is left beside it.
    """
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}{UNFINISHED}")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, permissions)
        with open(descriptor, "wb") as stream:  # noqa: PTH123 - Path.open takes no permissions
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(path)
        sync_names(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes, permissions: int = 0o666) -> None:
    """Writes a file as `open_atomically` does."""
    with open_atomically(path, permissions) as stream:
        stream.write(content)


def sync_names(folder: Path) -> None:
    """Waits until the names in a folder are on disk: without, a power cut can take a file away that was synced itself.

    Raises:
        OSError: if the disk fails. File systems that cannot do it for folders are left to their own ways.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno in NO_SPACE:
            raise
