"""The journal: an append-only log of everything that happens in a search.

The journal is a folder of numbered segments with one JSON record per line. On a local disk, a session appends to a
segment of its own and syncs every record. A record has its number in the study and a checksum, so that a record torn by
a power cut is recognised and left out.

On a disk that machines share, the server of the disk may give the lock away while its holder is cut off and does not
know. The next owner opens a segment of its own. The holder looks for one before every record and stops when it sees it:
soon afterwards, as NFS may show a new file some seconds late. What it wrote into its own segment in between has numbers
that the next owner's segment holds too: `read` leaves it out and names it.

An object store cannot append, so every record there is a segment, named by its number. It is created and never
replaced, so a record that was read once stays. If two processes write a record of the same number, the second is
refused. A process that is cut off may lose the lock (see `lease.py`) without knowing it, and a record that it sent may
arrive at any later time. Such a record cannot enter the history of the next owner:

- a process sends one record at a time, and only when all earlier ones are stored. So only the record right after the
  last one can still be on its way;
- the next owner reads the journal and then first writes a record of its own, which says that the study was opened. If
  the late record arrives before that, it has the number: the owner is refused, stops, and reads the record the next
  time. If it arrives after that, the number is taken, and the late record is refused.

Every record also has the fencing token of its writer's lock. Tokens never fall with rising record numbers. If one does,
as can happen on a storage without conditional writes, a process that had lost the lock wrote the record: `read` leaves
it out and names it. Older versions wrote records without a token; these count.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from paretoseg.search.store.folder import Folder, StorageError, TakenOverError, as_storage_error
from paretoseg.search.trials.events import Event, from_record, to_record
from paretoseg.spaces.atomic_file import sync_folder
from paretoseg.spaces.plugins import MissingPluginError
from paretoseg.spaces.records import shorten

_SUFFIX = ".jsonl"

RESTORE = "restore the journal from a backup or start a study under another name"
"""The way out of a journal that cannot be read."""

_SORTING = json.JSONEncoder(sort_keys=True)


class Journal:
    """The events of a study, in order.

    Args:
        folder: The folder of the segments.

    Raises:
        ValueError: from `read`, if a record is damaged that is not the last of its segment, is missing, or holds what
            this version cannot read; the message names its number.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._next_number: int | None = None
        self._descriptor: int | None = None
        self._segment = ""
        self._failure: StorageError | None = None
        self._decoded: dict[bytes, tuple[list[tuple[int | None, Event]], bool]] = {}
        """The events of segments by digest, so that a segment that has not changed is decoded only once."""

        self._highest_token = 0
        self._has_appended = False
        self.torn: list[str] = []
        self.overtaken: list[str] = []

    def read(self) -> Sequence[Event]:
        """All events so far.

        `torn` then names the segments whose last record was torn and left out. `overtaken` names those with a record
        that was left out because its writer had lost the study.
        """
        events: list[tuple[int, str, Event]] = []
        number = self._highest_token = 0
        self.torn, self.overtaken = [], []
        for name in self.list_segments():
            number = min(number, _first_number(name))
            while events and events[-1][0] >= number:
                self.overtaken.append(events.pop()[1])
            found, is_torn = self._decode(name, self._folder.read(name), number)
            if is_torn:
                self.torn.append(name)
            for token, event in found:
                if self._is_overtaken(token):
                    self.overtaken.append(name)
                else:
                    events.append((number, name, event))
                number += 1
        self._next_number = number
        return [event for _, _, event in events]

    def describe_left_out(self) -> list[str]:
        """The records that the last `read` left out and why, one phrase each."""
        torn = [f"the last record of {name} was torn and left out" for name in self.torn]
        late = (
            (f"a record in {name}", "was") if count == 1 else (f"{count} records in {name}", "were")
            for name, count in Counter(self.overtaken).items()
        )
        return [*torn, *(f"{what}, by a process that had lost the study, {were} left out" for what, were in late)]

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
        """The place of the segments, for messages."""
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

    def has_records(self) -> bool:
        """True if at least one record is whole; even the first one can be torn, and is then the only one."""
        names = self.list_segments()
        if len(names) != 1:
            return bool(names)
        content = self._folder.read(names[0])
        end = content.find(b"\n")
        is_whole = end >= 0 and _parse(content[:end]) is not None
        return is_whole or bool(_read_segment(content, f"{self.location}/{names[0]}", 0)[0])

    def append(self, event: Event) -> None:
        """Stores an event; when it returns, the event outlives a crash.

        Raises:
            StorageError: if it cannot be written, as on a full disk.
            TakenOverError: if another process has taken the study over.
                After a failed write, every later append of this journal is refused too: only `read` of a new journal
                can tell how much was written.
        """
        if self._failure:
            raise self._failure
        if self._next_number is None:
            self.read()
        self._decoded.clear()  # a process that writes does not read again
        number = self._next_number or 0
        if self._folder.local_path:
            self._append_locally(_to_line(event, number))
        else:
            self._append_remotely(event, number)
        self._next_number = number + 1

    def close(self) -> None:
        """Closes the open segment, if any."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _append_locally(self, line: bytes) -> None:
        assert self._folder.local_path is not None
        try:
            if self._descriptor is None:
                self._folder.local_path.mkdir(parents=True, exist_ok=True)
                self._segment = _segment_name(self._next_number or 0)
                path = self._folder.local_path / self._segment
                self._descriptor = self._open_segment(path)
                # The folders of the journal, of the study and of all studies may be as new as the segment.
                for folder in (path.parent, *path.parents[1:3]):
                    sync_folder(folder)
            self._check_latest()
            written = os.write(self._descriptor, line)
            while written < len(line):
                written += os.write(self._descriptor, line[written:])
            os.fsync(self._descriptor)
        except OSError as error:
            self._failure = as_storage_error(error, self._folder.location)
            raise self._failure from error

    def _open_segment(self, path: Path) -> int:
        """A new segment; one of this name can exist if its only record was torn, and is then replaced.

        It is another file then, so that its writer, if there is one that has lost the study, sees that.

        Raises:
            TakenOverError: if another process has written a record to it.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL
        try:
            return os.open(path, flags, 0o644)
        except FileExistsError:
            if _read_segment(path.read_bytes(), str(path), 0)[0]:
                self._failure = TakenOverError(f"{path} exists already")
                raise self._failure from None
            path.unlink(missing_ok=True)
            return os.open(path, flags, 0o644)

    def _check_latest(self) -> None:
        """Returns if no later owner of the lock has opened a segment, as after a server lost this process' lock.

        Raises:
            TakenOverError: if one has.
        """
        assert self._folder.local_path is not None
        assert self._descriptor is not None
        latest = max(self._folder.local_path.glob(f"*{_SUFFIX}"), key=lambda path: path.name)
        if latest.name > self._segment or not os.path.samestat(latest.stat(), os.fstat(self._descriptor)):
            self._failure = TakenOverError(f"{latest} exists already")
            raise self._failure

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
        """Handles a segment that exists already: ours if only the server's answer was lost; replaced if it is empty."""
        content, version = self._folder.read_version(name)
        is_empty = not _read_segment(content, name, 0)[0]
        if content == line or (is_empty and self._folder.swap(name, line, version, token=token)):
            return
        place = self._folder.child(name).location
        if self._has_appended:
            raise TakenOverError(f"{place} exists already")
        raise StorageError(f"another process has just written {place}; run the same command again to resume from there")

    def _is_overtaken(self, token: int | None) -> bool:
        """True if a record with a higher token comes before one with this token."""
        if token is None:
            return False
        self._highest_token = max(self._highest_token, token)
        return token < self._highest_token


def _segment_name(first_number: int) -> str:
    return f"{first_number:08d}{_SUFFIX}"


def _first_number(name: str) -> int:
    """The number of a segment's first record, by its name."""
    number = name.removesuffix(_SUFFIX)
    if not number.isdecimal():
        raise ValueError(f"the journal holds {name}, which is no segment of numbered records; {RESTORE}")
    return int(number)


def _to_line(event: Event, number: int, token: int | None = None) -> bytes:
    record = {"number": number} | ({} if token is None else {"token": token}) | to_record(event)
    return json.dumps(record | {"checksum": _checksum(record)}).encode() + b"\n"


def _checksum(record: dict[str, Any]) -> str:
    return f"{zlib.crc32(_SORTING.encode(record).encode()):08x}"


def _read_segment(content: bytes, place: str, first: int) -> tuple[list[dict[str, Any]], bool]:
    """The records of a segment that should start with number `first`, and whether its last record is torn."""
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
    """The record of a line, or None if the line is damaged."""
    try:
        record = json.loads(line.decode())
        is_whole = isinstance(record, dict) and record.pop("checksum", None) == _checksum(record)
    except (ValueError, RecursionError):
        return None
    return record if is_whole else None


def _to_event(record: dict[str, Any], number: int, place: str) -> tuple[int | None, Event]:
    """The token of a record's writer, None if it has none, and the event of a record that should have this number."""
    found = record.get("number")
    if type(found) is not int or found != number:
        raise ValueError(f"{place}: record {number} is missing (found {shorten(found)}); {RESTORE}")
    token = record.pop("token", None)
    try:
        if token is not None and type(token) is not int:
            raise ValueError(f"token must be a whole number, got {shorten(token)}")
        return token, from_record(record)
    except MissingPluginError:
        raise
    except ValueError as error:
        raise ValueError(
            f"{place}: record {number} cannot be read: {error}; use the paretoseg that wrote it if that is newer, or "
            f"{RESTORE}"
        ) from None
