"""Journals as a disk, a hand or a newer version leaves them: a line has a valid checksum unless it is meant not to."""

from __future__ import annotations

import json
import shutil
import zlib
from pathlib import Path
from typing import Any

EARLIER = Path(__file__).parents[1] / "earlier" / "study"
STUDY = Path("studies") / "earlier"
JOURNAL = STUDY / "journal"
FIRST, SECOND = "00000000.jsonl", "00000025.jsonl"


def copy_study() -> None:
    """The study of an earlier version, in the working directory."""
    shutil.copytree(EARLIER, STUDY)


def read_records() -> list[dict[str, Any]]:
    """The 28 records of its journal, without their checksums."""
    lines = [line for name in (FIRST, SECOND) for line in (EARLIER / "journal" / name).read_text().splitlines()]
    records: list[dict[str, Any]] = [json.loads(line) for line in lines]
    for record in records:
        del record["checksum"]
    return records


def to_line(record: object) -> bytes:
    """A record with the checksum that makes it whole."""
    if not isinstance(record, dict):
        return json.dumps(record).encode() + b"\n"
    checksum = f"{zlib.crc32(json.dumps(record, sort_keys=True).encode()):08x}"
    return json.dumps(record | {"checksum": checksum}).encode() + b"\n"


def write_records(records: list[dict[str, Any]], *, is_numbered: bool = True) -> None:
    """The records as the only segment of the journal, numbered in their order unless their own numbers are meant."""
    if is_numbered:
        records = [record | {"number": number} for number, record in enumerate(records)]
    write_bytes(b"".join(map(to_line, records)))


def write_bytes(content: bytes) -> None:
    """The content as the only segment of the journal."""
    shutil.rmtree(JOURNAL, ignore_errors=True)
    JOURNAL.mkdir(parents=True)
    (JOURNAL / FIRST).write_bytes(content)


def read_files() -> dict[str, bytes]:
    """All files below the working directory but the lock, which says who looked last."""
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file() and path.name != "writer.lock"}
