"""The lock of a folder on an object store: a lease that changes hands by compare-and-swap.

The lease is one small object. It names its owner, its time of expiry and a token, an integer that is one higher for
every owner. It is written in three ways only, and the server decides each in one step:

- taken, by creating the object, or by replacing exactly the version that was read and was released or expired. If two
  processes read the same version and both write, one is refused;
- renewed by its owner, by replacing the version that the owner wrote last. If that is refused, the lease is lost, and
  the process stops writing;
- released by its owner in the same way. The object stays, so that tokens keep rising.

A process may not know yet that it has lost the lease, and one of its requests may be delayed for minutes. So the files
are protected too, and such a process cannot damage the work of the next owner:

- a record of the journal is an object of its own that is created and never replaced (see `journal.py`);
- every other file has the token of its writer. A write replaces only the version that the writer saw, and only if that
  has no higher token (`Folder.write`);
- checkpoints are in folders named by token, and files are deleted only after the storage has confirmed the lease. A
  delete that is delayed after that can remove a checkpoint of the next owner: that trial trains again, and no record is
  lost.

Clocks of two machines may differ. So a lease that has expired by this machine's clock is first watched for longer than
its owner takes to renew it: if it changes in that time, the owner is alive. A slow clock only makes the next owner
wait. No record is lost, whatever the clocks say.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from paretoseg.search.store.files import Version
from paretoseg.search.store.folder import Folder, StorageError, TakenOverError

NAME = "writer.lock"
RENEW_SECONDS = 10.0
EXPIRE_SECONDS = 60.0
WATCH_SECONDS = 15.0
"""How long an expired lease is watched before it is taken."""

SETTLE_SECONDS = 0.5
"""Without conditional writes: how long after its write a process checks that no other one has taken the lock too."""


@dataclass(frozen=True)
class Holder:
    """The process that holds or held a lock, as read from its file."""

    host: str = "?"
    pid: int = 0
    owner: str = ""
    """Unique for every time that the lock was taken."""

    token: int = 0
    expires_at: float = 0.0
    """In seconds since the epoch; 0 for a lock that was released."""

    @classmethod
    def parse(cls, content: bytes) -> Holder:
        """The holder in a lock's file; files of versions without tokens have token 0 and expire after 60 seconds."""
        try:
            values = json.loads(content)
            token = values.get("token", 0)
            return cls(
                host=str(values.get("host", "?")),
                pid=int(values.get("pid", 0)),
                owner=str(values.get("owner", "")),
                token=token if isinstance(token, int) else 0,
                expires_at=float(values.get("expires_at", float(values.get("renewed_at", 0)) + EXPIRE_SECONDS)),
            )
        except (ValueError, TypeError, AttributeError):
            return cls()

    def is_alive(self, now: float) -> bool:
        """True if the lock is neither released nor expired, and its process is not known to be dead."""
        return now <= self.expires_at and not self.is_known_dead()

    def is_known_dead(self) -> bool:
        """True if the lock was released, or its process was on this machine and has ended."""
        return not self.expires_at or (self.host == socket.gethostname() and not _is_running(self.pid))

    def describe(self) -> str:
        """The process in words."""
        return f"process {self.pid or '?'} on {self.host}"


class Lease:
    """The lock of a folder while this process holds it; the fence of that folder.

    Args:
        folder: What is locked.
        holder: This process, with its token.
        version: Of the lease's object as this process wrote it.
        now: The clock, in seconds since the epoch.
    """

    def __init__(self, folder: Folder, holder: Holder, version: Version, now: Callable[[], float]) -> None:
        self._folder = folder
        self._holder = holder
        self._version = version
        self._now = now
        self._num_renewals = 0
        self._is_lost = False
        self._lock = threading.Lock()

    @property
    def token(self) -> int:
        """Higher than that of every process that held the lock before."""
        return self._holder.token

    def check(self) -> None:
        """Returns if the lease is not known to be lost.

        Raises:
            TakenOverError: if it is.
        """
        if self._is_lost:
            raise TakenOverError(f"{(find_holder(self._folder) or Holder()).describe()} holds the lock")

    def confirm(self) -> None:
        """Returns if the storage says that the lease is ours.

        Raises:
            TakenOverError: if it is lost.
        """
        self._is_lost = self._is_lost or self._find_own() is None
        self.check()

    def outrank(self, token: int) -> None:
        """Raises the token above one that was found in the folder, as after the lease was deleted by hand."""
        if token >= self.token:
            self._holder = replace(self._holder, token=token + 1)
            self.renew()

    def renew(self) -> None:
        """Extends the lease, or finds that it is lost."""
        self._replace(self._now())

    def release(self) -> None:
        """Releases the lease; if that cannot be written, the lease expires by itself."""
        with suppress(StorageError):
            self._replace(None)

    def keep(self, is_over: threading.Event) -> None:
        """Renews the lease until it is lost or the event is set."""
        while not self._is_lost and not is_over.wait(RENEW_SECONDS):
            # The journal gets the same error and stops the search; a missed renewal alone does no harm.
            with suppress(StorageError):
                self.renew()

    def _replace(self, now: float | None) -> None:
        with self._lock:
            if self._is_lost:
                return
            self._num_renewals += 1
            content = write_holder(self._holder, now, self._num_renewals)
            version = self._folder.swap(NAME, content, self._version, token=self.token)
            if version is None and (latest := self._find_own()):
                version = self._folder.swap(NAME, content, latest, token=self.token) or self._find_own()
            if version is None:
                self._is_lost = True
            else:
                self._version = version

    def _find_own(self) -> Version | None:
        """The version of the lease if it is ours, as after a renewal that arrived late or whose answer was lost."""
        found = _read(self._folder)
        return found[1] if found and Holder.parse(found[0]).owner == self._holder.owner else None


@dataclass(frozen=True)
class WorkerFence:
    """The fence of a worker, which writes for the process that holds the lease, with the token of that process.

    Args:
        folder: What is locked.
        token: Of the process that gave the worker its job.
    """

    folder: Folder
    token: int

    def check(self) -> None:
        """Returns if the storage says that no later process has the lease.

        Raises:
            TakenOverError: if one has.
        """
        holder = find_holder(self.folder)
        if holder is not None and holder.token > self.token:
            raise TakenOverError(f"{holder.describe()} holds the lock")

    def confirm(self) -> None:
        """As `check`."""
        self.check()

    def outrank(self, token: int) -> None:
        """Not for workers, which do not write to the journal."""
        raise AssertionError("a worker writes no records")


def open_for_worker(location: str, token: int | None) -> Folder:
    """A folder that a worker writes to for the process that holds its lock; without a token, it has no fence.

    Raises:
        ValueError: if the location is a URI that `pyarrow.fs` does not support.
    """
    folder = Folder(location)
    if token is not None:
        folder.fence = WorkerFence(folder, token)
    return folder


def take_lease(
    folder: Folder, now: Callable[[], float] = time.time, pause: Callable[[float], None] = time.sleep
) -> Lease | Holder:
    """Takes the lease of a remote folder for this process; returns the holder instead if another process has it.

    Args:
        folder: What to lock.
        now: The clock, in seconds since the epoch.
        pause: Waits for a number of seconds.

    Raises:
        StorageError: if the folder cannot be written, or its server ignores conditions.
    """
    found = _read(folder)
    before, version = (Holder.parse(found[0]), found[1]) if found else (Holder(), None)
    if before.is_alive(now()):
        return before
    if not before.is_known_dead():
        pause(WATCH_SECONDS)  # if its owner renews it meanwhile, the swap below is refused
    token = (before.token or _find_highest_token(folder)) + 1
    holder = Holder(socket.gethostname(), os.getpid(), uuid.uuid4().hex, token)
    content = write_holder(holder, now(), 0)
    taken = folder.swap(NAME, content, version, token=token)
    if not folder.has_conditional_writes:
        pause(SETTLE_SECONDS)
    if taken is None or not folder.has_conditional_writes:
        latest = _read(folder)
        if latest is None or latest[0] != content:
            return Holder.parse(latest[0]) if latest else Holder()
        taken = latest[1]
    lease = Lease(folder, holder, taken, now)
    if folder.has_conditional_writes:
        _check_conditions(folder, lease, taken)
    return lease


def find_holder(folder: Folder) -> Holder | None:
    """The process that holds or held the lease of a remote folder, or None if it was never taken."""
    found = _read(folder)
    return Holder.parse(found[0]) if found else None


def write_holder(holder: Holder, now: float | None, num_renewals: int) -> bytes:
    """The content of a lease's object; `now` is None for one that is released.

    Versions without tokens read `renewed_at`. The count of renewals makes all contents of a lease differ, which matters
    where a version is a hash of the content.
    """
    values: dict[str, Any] = {"host": holder.host, "pid": holder.pid, "owner": holder.owner, "token": holder.token}
    values["renewed_at"] = now or 0.0
    values["expires_at"] = now + EXPIRE_SECONDS if now is not None else 0.0
    return json.dumps(values | {"renewals": num_renewals}).encode()


def _check_conditions(folder: Folder, lease: Lease, old: Version) -> None:
    """Refuses a server that ignores the conditions of a write: it could not keep two processes apart."""
    lease.renew()
    probe = write_holder(Holder(owner="probe"), None, 0)
    for expected in (old, None):
        if folder.swap(NAME, probe, expected) is not None:
            folder.delete(NAME)
            raise StorageError(
                f"the server of {folder.location} does not support conditional writes (If-None-Match, If-Match), so "
                "two searches could overwrite each other; use a server that does, or a disk that all machines share"
            )


def _find_highest_token(folder: Folder) -> int:
    """The highest token in a folder whose lease was deleted by hand, or written by a version without tokens."""
    return max((folder.read_token(name) for name in folder.list_files()), default=0)


def _read(folder: Folder) -> tuple[bytes, Version] | None:
    try:
        return folder.read_version(NAME)
    except FileNotFoundError:
        return None


def _is_running(pid: int) -> bool:
    """True if a process of this number runs on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
