"""The file `certainty.json`: how sure the front is, as the search found at its end, so that it can be shown at once.

It belongs to one state of the journal. Once the journal has grown, it is passed over, and all is computed from the rows
again. So is a file that is damaged, or that another version wrote.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from paretoseg.search.store.folder import Folder
from paretoseg.search.store.study_folder import CERTAINTY_FILE
from paretoseg.search.study.record import StudyRecord
from paretoseg.spaces.records import decode, encode, parse_json

if TYPE_CHECKING:
    from paretoseg.search.certainty.certainty import Certainty
    from paretoseg.search.certainty.reality import Reality

_T = TypeVar("_T")

_SCHEMA = 1
"""Raise it when anything here is computed in another way, so that files of earlier versions are passed over."""


def write_certainty(folder: Folder, record: StudyRecord, certainty: Certainty | None, reality: Reality | None) -> None:
    """Writes what was found about the front of a study in this state.

    Args:
        folder: Of the study.
        record: Its state.
        certainty: How sure its front is; None if that is not known.
        reality: What predicts the scores on shift sets; None if there are none, or nothing is known.
    """
    content = _describe_state(record) | {"certainty": encode(certainty), "reality": encode(reality)}
    folder.write(CERTAINTY_FILE, json.dumps(content, indent=1).encode())


def read_certainty(folder: Folder, record: StudyRecord) -> Certainty | None:
    """How sure the front of a study is in this state; None if that is not stored, or cannot be read."""
    from paretoseg.search.certainty.certainty import Certainty  # late: `paretoseg status` needs reality alone

    return _read(folder, record, "certainty", Certainty)


def read_reality(folder: Folder, record: StudyRecord) -> Reality | None:
    """What predicts the scores on the shift sets of a study; None if that is not stored, or cannot be read."""
    from paretoseg.search.certainty.reality import Reality

    return _read(folder, record, "reality", Reality)


def _read(folder: Folder, record: StudyRecord, name: str, kind: type[_T]) -> _T | None:
    try:
        content = parse_json(folder.read(CERTAINTY_FILE))
        is_current = isinstance(content, dict) and all(
            content.get(key) == value for key, value in _describe_state(record).items()
        )
        return decode(kind, content[name]) if is_current and content.get(name) is not None else None
    except (FileNotFoundError, ValueError):
        return None


def _describe_state(record: StudyRecord) -> dict[str, Any]:
    return {
        "schema": _SCHEMA,
        "created": record.created.time,
        "num_events": record.num_events,
        "last_time": record.last_time,
    }
