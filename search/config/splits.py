"""Which case is in which split: written when a study starts, and compared whenever it is opened again."""

from __future__ import annotations

from collections.abc import Sequence

from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.trainables.trainable import SplitRow, Task

_MAX_NAMED = 10


def check_splits(folder: StudyFolder, task: Task) -> None:
    """Compares the data with what it was when the study started; skipped if the study kept no splits.

    Raises:
        ValueError: if they differ; the message names the cases.
    """
    kept = folder.read_splits()
    if kept is None:
        return
    changes = find_changes(kept, task.split_rows())
    if changes:
        more = f"; and {len(changes) - _MAX_NAMED} more" if len(changes) > _MAX_NAMED else ""
        raise ValueError(
            f"the data has changed since the study started: {'; '.join(changes[:_MAX_NAMED])}{more}; bring back the "
            "data that it was started with, or start another study with study=<name>"
        )


def keep_splits(folder: StudyFolder, task: Task) -> None:
    """Writes the splits of a task that has cases, unless they are written already."""
    if folder.read_splits() is None and (rows := task.split_rows()):
        folder.write_splits(rows)


def find_changes(before: Sequence[SplitRow], now: Sequence[SplitRow]) -> list[str]:
    """The differences in words, one entry a case."""
    old, new = ({row.case: row for row in rows} for rows in (before, now))
    changes = [f"case '{name}' is gone" for name in old if name not in new]
    changes += [f"case '{name}' is new" for name in new if name not in old]
    for name, row in new.items():
        if name in old and (differences := _compare(old[name], row)):
            changes.append(f"case '{name}' has {' and '.join(differences)}")
    return changes


def _compare(old: SplitRow, new: SplitRow) -> list[str]:
    texts = {
        "image_sha256": "another image",
        "label_sha256": "another label",
        "split": f"split '{new.split}' instead of '{old.split}'",
        "subject": f"subject '{new.subject}' instead of '{old.subject}'",
        "shift": f"shift set '{new.shift}' instead of '{old.shift}'",
        "domain": f"domain '{new.domain}' instead of '{old.domain}'",
    }
    return [text for field, text in texts.items() if getattr(old, field) != getattr(new, field)]
