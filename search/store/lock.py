"""One writer at a time.

On a local disk the kernel keeps the lock and drops it with the process, however it dies. An object store has no locks:
there a small file names the writer and is renewed while it lives.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from paretoseg.search.store.folder import Folder, StorageError, as_storage_error

_NAME = "writer.lock"
_RENEW_SECONDS = 10.0
_EXPIRE_SECONDS = 60.0
_SETTLE_SECONDS = 0.5
_NUM_TRIES, _TRY_SECONDS = 10, 0.02


class LockedError(Exception):
    """Another live process is writing to the study."""


_OTHER_NAME = {"study": "study=<name>", "rescoring": "--name NAME"}
"""How another folder of a kind is asked for."""


@contextmanager
def hold_lock(folder: Folder, *, kind: str = "study") -> Iterator[None]:
    """Keeps other processes from writing to the folder while it is held.

    Args:
        folder: What to lock; created if it is not there.
        kind: What lies in it, for the refusal: 'study' or 'rescoring'.

    Raises:
        LockedError: if a live process holds it; the message names the process.
        StorageError: if the folder cannot be written.
    """
    holder = _hold_locally(folder, kind) if folder.local_path else _hold_remotely(folder, kind)
    with holder:
        yield


def find_writer(folder: Folder) -> str | None:
    """The live process that writes to the folder, in words, or None.

    Raises:
        StorageError: if that cannot be known, as on a file system without locks.
    """
    if folder.local_path is None:
        lease = _read_lease(folder)
        return _describe(lease) if lease and _is_alive(lease) else None
    path = folder.local_path / _NAME
    if not path.exists():
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise as_storage_error(error, str(path)) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _describe(_parse(path.read_bytes()))
    except OSError as error:
        raise _without_locks(error, path) from error
    finally:
        os.close(descriptor)
    return None


@contextmanager
def _hold_locally(folder: Folder, kind: str) -> Iterator[None]:
    assert folder.local_path is not None
    path = folder.local_path / _NAME
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise as_storage_error(error, str(path)) from error
    try:
        if not _take(descriptor, path):
            raise LockedError(_refusal(folder, _parse(path.read_bytes()), kind))
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, _lease(""), 0)
        except OSError as error:
            raise as_storage_error(error, str(path)) from error
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path) -> bool:
    """True if the lock is ours. Asked a few times: who only looks for the writer holds it for a moment too."""
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
        f"cannot lock {path}: {error.strerror}; its file system must know flock, as Lustre does when it is mounted "
        "with -o flock; mount it so, or keep studies elsewhere with storage=<path>"
    )


@contextmanager
def _hold_remotely(folder: Folder, kind: str) -> Iterator[None]:
    lease = _read_lease(folder)
    if lease and _is_alive(lease):
        raise LockedError(_refusal(folder, lease, kind))
    token = uuid.uuid4().hex
    folder.write(_NAME, _lease(token))
    # Whoever else found the place free has written by then; the last to do so has it.
    time.sleep(_SETTLE_SECONDS)
    if not _is_ours(folder, token):
        raise LockedError(_refusal(folder, _read_lease(folder), kind))
    is_over = threading.Event()
    renewer = threading.Thread(target=_renew, args=(folder, token, is_over), daemon=True)
    renewer.start()
    try:
        yield
    finally:
        is_over.set()
        renewer.join()
        # What cannot be deleted now expires by itself, and is no reason to call a search that ended well a failed one.
        with suppress(StorageError):
            if _is_ours(folder, token):
                folder.delete(_NAME)


def _is_ours(folder: Folder, token: str) -> bool:
    lease = _read_lease(folder)
    return lease is not None and lease.get("token") == token


def _renew(folder: Folder, token: str, is_over: threading.Event) -> None:
    while not is_over.wait(_RENEW_SECONDS):
        try:
            lease = _read_lease(folder)
            if lease and lease.get("token", token) != token:
                return  # it had expired, as when this machine slept; the journal refuses what would be written over
            folder.write(_NAME, _lease(token))
        except StorageError:
            # The journal meets the same trouble and stops the search; a missed renewal alone does no harm.
            continue


def _lease(token: str) -> bytes:
    holder = {"host": socket.gethostname(), "pid": os.getpid(), "token": token, "renewed_at": time.time()}
    return json.dumps(holder).encode()


def _read_lease(folder: Folder) -> dict[str, Any] | None:
    try:
        return _parse(folder.read(_NAME))
    except FileNotFoundError:
        return None


def _parse(content: bytes) -> dict[str, Any]:
    try:
        lease = json.loads(content)
    except ValueError:
        return {}
    return lease if isinstance(lease, dict) else {}


def _is_alive(lease: dict[str, Any]) -> bool:
    if time.time() - float(lease.get("renewed_at", 0)) > _EXPIRE_SECONDS:
        return False
    return lease.get("host") != socket.gethostname() or _is_running(int(lease.get("pid", 0)))


def _is_running(pid: int) -> bool:
    """True if a process of this number lives on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _describe(lease: dict[str, Any]) -> str:
    return f"process {lease.get('pid', '?')} on {lease.get('host', '?')}"


def _refusal(folder: Folder, lease: dict[str, Any] | None, kind: str) -> str:
    return (
        f"{kind} '{folder.location}' is being written by {_describe(lease or {})}; "
        f"wait for it, stop it, or choose another name with {_OTHER_NAME[kind]}"
    )
