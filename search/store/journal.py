"""The append-only memory of a search.

The journal is a folder of numbered segments, one JSON record a line. On a local disk a session appends to a segment of
its own and syncs every record. A record carries its number in the study and a checksum, so that one torn by a power cut
is recognised and left out.

An object store cannot append: there every record is a segment, named by its number. It is created and never replaced,
so what was read once stays, and of two processes that write a record of one number the second is refused. A process may
be cut off and lose the lock (see `lease.py`) unawares; a record that it sent may arrive at any time after. It cannot
enter the history of the next owner:

- a process sends a record only when all before it are there, and one at a time. So only the one number behind the last
  record can be on its way;
- the next owner reads the journal and, before it does anything else, writes a record of its own, which says that the
  study was opened. If the late record arrived before that record was created, it has the number: the owner is refused,
  stops, and reads it the next time. If not, the number is taken, and the late record is refused whenever it arrives.

Every record also carries the fencing token of its writer's lock. Tokens never fall along the numbers. If one does, as
may happen on a storage without conditional writes, the record is by a process that had lost the lock: `read` leaves it
out and names it. Records without a token are those of versions that knew none, and count.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Sequence
from typing import Any

from paretoseg.search.store.folder import Folder, StorageError, TakenOverError, as_storage_error
from paretoseg.search.trials.events import Event, from_record, to_record
from paretoseg.spaces.atomic_file import sync_names
from paretoseg.spaces.records import shorten

_SUFFIX = ".jsonl"

RESTORE = "restore the journal from a backup or start a study under another name"
"""The way out of a journal that cannot be read."""

_SORTING = json.JSONEncoder(sort_keys=True)


class Journal:
    """The events of a study, in order.

    Args:
        folder: Where the segments lie.

    Raises:
        ValueError: from `read`, if a record is damaged that is not the last of its segment, is missing, or holds what
            this version cannot read; the message names its number.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._next_number: int | None = None
        self._descriptor: int | None = None
        self._failure: StorageError | None = None
        self._decoded: dict[bytes, tuple[list[tuple[int | None, Event]], bool]] = {}
        """What segments hold, by their digest, so that one that has not changed is decoded once."""

        self._highest_token = 0
        self._has_appended = False
        self.torn: list[str] = []
        self.overtaken: list[str] = []

    def read(self) -> Sequence[Event]:
        """All events so far.

        `torn` then names the segments whose last record was left out, `overtaken` those with a record by a process that
        had lost the study, which were left out too.
        """
        events: list[Event] = []
        number = self._highest_token = 0
        self.torn, self.overtaken = [], []
        for name in self.list_segments():
            found, is_torn = self._decode(name, self._folder.read(name), number)
            if is_torn:
                self.torn.append(name)
            for token, event in found:
                if self._is_overtaken(token):
                    self.overtaken.append(name)
                else:
                    events.append(event)
            number += len(found)
        self._next_number = number
        return events

    def describe_left_out(self) -> list[str]:
        """What a reader should know of the records that the last `read` left out, a phrase each."""
        torn = [f"the last record of {name} was torn and left out" for name in self.torn]
        late = [f"a record in {name}, by a process that had lost the study, was left out" for name in self.overtaken]
        return [*torn, *late]

    def _decode(self, name: str, content: bytes, first: int) -> tuple[list[tuple[int | None, Event]], bool]:
        """The events of a segment, each with its writer's token, and whether the last record is torn."""
        digest = hashlib.sha256(f"{first} {name} ".encode() + content).digest()
        if digest not in self._decoded:
            place = f"{self.location}/{name}"
            records, is_torn = _read_segment(content, place, first)
            events = [
                _to_event(record, first + line, f"{place}, line {line + 1}") for line, record in enumerate(records)
            ]
            self._decoded[digest] = events, is_torn
        return self._decoded[digest]

    @property
    def location(self) -> str:
        """Where the segments lie, for people."""
        return self._folder.location

    def list_segments(self) -> tuple[str, ...]:
        """The names of the segments, first to last; every session adds at least one.

        Raises:
            ValueError: if a folder has the name of a segment.
        """
        folders = self._folder.list_folders() if self._folder.local_path else []
        if folders := [name for name in folders if name.endswith(_SUFFIX)]:
            raise ValueError(f"{self.location}/{folders[0]} must be a file of records, but is a folder; {RESTORE}")
        return tuple(name for name in self._folder.list_files() if name.endswith(_SUFFIX))

    def is_begun(self) -> bool:
        """True if at least one record is whole; the very first one can be torn too, and then is the only one."""
        names = self.list_segments()
        if len(names) != 1:
            return bool(names)
        content = self._folder.read(names[0])
        end = content.find(b"\n")
        is_whole = end >= 0 and _parse(content[:end]) is not None
        return is_whole or bool(_read_segment(content, f"{self.location}/{names[0]}", 0)[0])

    def append(self, event: Event) -> None:
        """Keeps an event; when this returns, it outlives a crash.

        Raises:
            StorageError: if it cannot be written, as on a full disk.
            TakenOverError: if another process has taken the study over.
                What the failed write left behind is for `read` of a new journal to judge, so every later append of this
                one is refused as well.
        """
        if self._failure:
            raise self._failure
        if self._next_number is None:
            self.read()
        self._decoded.clear()  # who writes does not read again
        number = self._next_number or 0
        if self._folder.local_path:
            self._append_locally(_to_line(event, number))
        else:
            self._append_remotely(event, number)
        self._next_number = number + 1

    def close(self) -> None:
        """Lets go of the open segment, if any."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _append_locally(self, line: bytes) -> None:
        assert self._folder.local_path is not None
        try:
            if self._descriptor is None:
                self._folder.local_path.mkdir(parents=True, exist_ok=True)
                path = self._folder.local_path / _segment_name(self._next_number or 0)
                # A segment of this name can exist if its only record was torn; it holds nothing, so it goes.
                self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
                # The folders above may be as new as the segment: the journal's, the study's, and that of all studies.
                for folder in (path.parent, *path.parents[1:3]):
                    sync_names(folder)
            written = os.write(self._descriptor, line)
            while written < len(line):
                written += os.write(self._descriptor, line[written:])
            os.fsync(self._descriptor)
        except OSError as error:
            self._failure = as_storage_error(error, self._folder.location)
            raise self._failure from error

    def _append_remotely(self, event: Event, number: int) -> None:
        try:
            token = self._claim_token()
            name, line = _segment_name(number), _to_line(event, number, token)
            if self._folder.swap(name, line, None, token=token or 0) is None:
                self._settle(name, line, token or 0)
            self._has_appended = True
        except StorageError as error:
            self._failure = error
            raise

    def _claim_token(self) -> int | None:
        """The token of this process' records, above those in the journal; None if it holds no lock."""
        fence = self._folder.fence
        if fence is None:
            return None
        fence.check()
        if not self._has_appended:
            fence.outrank(self._highest_token)
        return fence.token

    def _settle(self, name: str, line: bytes, token: int) -> None:
        """A segment of this name is there. It is ours if only the answer was lost; one without a record is replaced."""
        content, version = self._folder.read_version(name)
        is_empty = not _read_segment(content, name, 0)[0]
        if content == line or (is_empty and self._folder.swap(name, line, version, token=token)):
            return
        place = self._folder.child(name).location
        if self._has_appended:
            raise TakenOverError(f"{place} is there already")
        raise StorageError(f"another process has just written {place}; run the same command again to go on from there")

    def _is_overtaken(self, token: int | None) -> bool:
        """True if a record with a higher token stands before one with this token."""
        if token is None:
            return False
        self._highest_token = max(self._highest_token, token)
        return token < self._highest_token


def _segment_name(first_number: int) -> str:
    return f"{first_number:08d}{_SUFFIX}"


def _to_line(event: Event, number: int, token: int | None = None) -> bytes:
    record = {"number": number} | ({} if token is None else {"token": token}) | to_record(event)
    return json.dumps(record | {"checksum": _checksum(record)}).encode() + b"\n"


def _checksum(record: dict[str, Any]) -> str:
    return f"{zlib.crc32(_SORTING.encode(record).encode()):08x}"


def _read_segment(content: bytes, place: str, first: int) -> tuple[list[dict[str, Any]], bool]:
    """The records of a segment, the first of which should have this number, and whether its last one is torn."""
    lines = content.split(b"\n")
    is_torn = lines.pop() != b""
    records: list[dict[str, Any]] = []
    for index, line in enumerate(lines):
        record = _parse(line)
        if record is not None:
            records.append(record)
        elif index == len(lines) - 1 and not is_torn:
            is_torn = True
        else:
            raise ValueError(f"{place}, line {index + 1}: record {first + index} is damaged; {RESTORE}")
    return records, is_torn


def _parse(line: bytes) -> dict[str, Any] | None:
    """The record of a line, or None if it is not what was written."""
    try:
        record = json.loads(line.decode())
        is_whole = isinstance(record, dict) and record.pop("checksum", None) == _checksum(record)
    except (ValueError, RecursionError):
        return None
    return record if is_whole else None


def _to_event(record: dict[str, Any], number: int, place: str) -> tuple[int | None, Event]:
    """The event of a record that should have this number, after the token of its writer, if it has one."""
    found = record.get("number")
    if type(found) is not int or found != number:
        raise ValueError(f"{place}: record {number} is missing (found {shorten(found)}); {RESTORE}")
    token = record.pop("token", None)
    try:
        if token is not None and type(token) is not int:
            raise ValueError(f"token must be a whole number, got {shorten(token)}")
        return token, from_record(record)
    except ValueError as error:
        raise ValueError(
            f"{place}: record {number} cannot be read: {error}; use the paretoseg that wrote it if that is newer, or "
            f"{RESTORE}"
        ) from None
