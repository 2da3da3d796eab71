"""One writer at a time.

On a local disk, the kernel holds the lock and releases it when the process ends in any way. Other storages have no
locks: there the writer holds a lease, see `lease.py`.
"""

from __future__ import annotations

import fcntl
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from paretoseg.search.store.folder import Folder, StorageError, as_storage_error
from paretoseg.search.store.lease import NAME, Holder, find_holder, take_lease, write_holder

_NUM_TRIES, _TRY_SECONDS = 10, 0.02


class LockedError(Exception):
    """Another live process is writing to the study."""


_WAYS_OUT = {
    "study": "choose another name with study=<name>",
    "rescoring": "choose another name with --name NAME",
    "ablation": "take another candidate",
}
"""What else than waiting can be done, by kind."""


@contextmanager
def hold_lock(
    folder: Folder,
    *,
    kind: str = "study",
    now: Callable[[], float] = time.time,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Keeps other processes from writing to the folder while it is held.

    Args:
        folder: What to lock; created if it does not exist.
        kind: What it contains, for the message: 'study', 'rescoring' or 'ablation'.
        now: The clock, in seconds since the epoch.
        pause: Waits for a number of seconds, as while an expired lease is watched.

    Raises:
        LockedError: if a live process holds it; the message names the process.
        StorageError: if the folder cannot be written.
    """
    holder = _hold_locally(folder, kind) if folder.local_path else _hold_remotely(folder, kind, now, pause)
    with holder:
        yield


def find_writer(folder: Folder) -> str | None:
    """The live process that writes to the folder, in words, or None.

    Raises:
        StorageError: if that cannot be found out, as on a file system without locks.
    """
    if folder.local_path is None:
        holder = find_holder(folder)
        return holder.describe() if holder and holder.is_alive(time.time()) else None
    path = folder.local_path / NAME
    if not path.exists():
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise as_storage_error(error, str(path)) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return Holder.parse(path.read_bytes()).describe()
    except OSError as error:
        raise _without_locks(error, path) from error
    finally:
        os.close(descriptor)
    return None


@contextmanager
def _hold_locally(folder: Folder, kind: str) -> Iterator[None]:
    assert folder.local_path is not None
    path = folder.local_path / NAME
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise as_storage_error(error, str(path)) from error
    try:
        if not _take(descriptor, path):
            raise LockedError(_refusal(folder, Holder.parse(path.read_bytes()), kind))
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, write_holder(Holder(socket.gethostname(), os.getpid()), time.time(), 0), 0)
        except OSError as error:
            raise as_storage_error(error, str(path)) from error
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path) -> bool:
    """True if the lock is ours. Tries a few times: a process that only looks for the writer also holds it briefly."""
    for _ in range(_NUM_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_TRY_SECONDS)
        except OSError as error:
            raise _without_locks(error, path) from error
        else:
            return True
    return False


def _without_locks(error: OSError, path: Path) -> StorageError:
    return StorageError(
        f"cannot lock {path}: {error.strerror}; its file system must support flock, as Lustre does when it is mounted "
        "with -o flock; mount it like that, or keep studies elsewhere with storage=<path>"
    )


@contextmanager
def _hold_remotely(
    folder: Folder, kind: str, now: Callable[[], float], pause: Callable[[float], None]
) -> Iterator[None]:
    lease = take_lease(folder, now, pause)
    if isinstance(lease, Holder):
        raise LockedError(_refusal(folder, lease, kind))
    is_over = threading.Event()
    renewer = threading.Thread(target=lease.keep, args=(is_over,), daemon=True)
    renewer.start()
    folder.fence = lease
    try:
        yield
    finally:
        is_over.set()
        renewer.join()
        folder.fence = None
        lease.release()


def _refusal(folder: Folder, holder: Holder, kind: str) -> str:
    return (
        f"{kind} '{folder.location}' is being written by {holder.describe()}; "
        f"wait for it, stop it, or {_WAYS_OUT[kind]}"
    )
