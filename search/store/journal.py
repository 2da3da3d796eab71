"""The append-only memory of a search.

The journal is a folder of numbered segments, one JSON record a line. On a local disk a session appends to a segment of
its own and syncs every record; on an object store, which cannot append, every record is a segment. A record carries its
number in the study and a checksum, so that one torn by a power cut is recognised and left out.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Sequence
from typing import Any

from paretoseg.search.store.folder import Folder, StorageError, as_storage_error
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
        self._decoded: dict[bytes, tuple[list[Event], bool]] = {}
        """What segments hold, by their digest, so that one that has not changed is decoded once."""

        self.torn: list[str] = []

    def read(self) -> Sequence[Event]:
        """All events so far; `torn` then names the segments whose last record was left out."""
        events: list[Event] = []
        self.torn = []
        for name in self.list_segments():
            found, is_torn = self._decode(name, self._folder.read(name), len(events))
            events += found
            if is_torn:
                self.torn.append(name)
        self._next_number = len(events)
        return events

    def _decode(self, name: str, content: bytes, first: int) -> tuple[list[Event], bool]:
        """The events of a segment, and whether its last record is torn."""
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
            StorageError: if it cannot be written, as on a full disk, or if another process has taken the study over.
                What the failed write left behind is for `read` of a new journal to judge, so every later append of this
                one is refused as well.
        """
        if self._failure:
            raise self._failure
        if self._next_number is None:
            self.read()
        self._decoded.clear()  # who writes does not read again
        line = _to_line(event, self._next_number or 0)
        if self._folder.local_path:
            self._append_locally(line)
        else:
            self._append_remotely(_segment_name(self._next_number or 0), line)
        self._next_number = (self._next_number or 0) + 1

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

    def _append_remotely(self, name: str, line: bytes) -> None:
        try:
            if name not in self.torn and self._folder.exists(name) and self._folder.read(name):
                raise StorageError(
                    f"another process has taken the study over, as this one was cut off for too long: {name} of the "
                    "journal is there already; see who writes to it with `paretoseg status`"
                )
            self._folder.write(name, line)
        except StorageError as error:
            self._failure = error
            raise


def _segment_name(first_number: int) -> str:
    return f"{first_number:08d}{_SUFFIX}"


def _to_line(event: Event, number: int) -> bytes:
    record = {"number": number} | to_record(event)
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


def _to_event(record: dict[str, Any], number: int, place: str) -> Event:
    """The event of a record that should have this number."""
    found = record.get("number")
    if type(found) is not int or found != number:
        raise ValueError(f"{place}: record {number} is missing (found {shorten(found)}); {RESTORE}")
    try:
        return from_record(record)
    except ValueError as error:
        raise ValueError(
            f"{place}: record {number} cannot be read: {error}; use the paretoseg that wrote it if that is newer, or "
            f"{RESTORE}"
        ) from None
