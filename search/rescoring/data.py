"""Which cases a rescoring may measure: the study's as they were, and shift sets that no network was trained on."""

from __future__ import annotations

from collections.abc import Sequence

from paretoseg.search.config.splits import find_changes
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.trainables.trainable import Split, SplitRow, Task

_MAX_NAMED = 10


def check_cases(folder: StudyFolder, task: Task) -> list[str]:
    """Compares the cases to measure with those that the study was started with, if it kept them.

    Returns:
        Notes for the user that are no reason to refuse, a sentence each.

    Raises:
        ValueError: if a case was in training, is another than it was, or is missing; the message names the cases.
    """
    kept = folder.read_splits()
    if kept is None:
        return ["the study kept no splits.json, so it is not known whether a case was in training"]
    rows = task.split_rows()
    troubles = [*find_trained(kept, rows), *find_missing(kept, rows), *find_altered(kept, rows)]
    if troubles:
        more = f"; and {len(troubles) - _MAX_NAMED} more" if len(troubles) > _MAX_NAMED else ""
        raise ValueError(
            f"these data cannot be measured: {'; '.join(troubles[:_MAX_NAMED])}{more}; a rescoring needs the cases "
            "that the study was started with, and shift sets that its networks were not trained on"
        )
    moved = [row.case for row, old in _pair(kept, rows) if row.shift and not old.shift]
    if not moved:
        return []
    return [
        f"{len(moved)} cases that counted in accuracy are in a shift set now, so accuracy is that of the others: "
        f"{', '.join(moved[:3])}{' ...' if len(moved) > 3 else ''}"
    ]


def find_trained(kept: Sequence[SplitRow], rows: Sequence[SplitRow]) -> list[str]:
    """The cases that would be measured and that networks have seen, by name, picture or subject, in words."""
    seen = [row for row in kept if row.split not in list(Split)]
    names, images, subjects = ({getattr(row, key) for row in seen} for key in ("case", "image_sha256", "subject"))
    found = []
    for row in rows:
        if row.split not in list(Split):
            continue
        if row.case in names:
            found.append(f"case '{row.case}' was in training")
        elif row.image_sha256 in images:
            found.append(f"the image of case '{row.case}' was in training under another name")
        elif row.subject in subjects:
            found.append(f"subject '{row.subject}' of case '{row.case}' was in training")
    return found


def find_missing(kept: Sequence[SplitRow], rows: Sequence[SplitRow]) -> list[str]:
    """The cases that the study measures and that are gone, in words; other shift sets may be asked for."""
    there = {row.case for row in rows}
    measured = [row for row in kept if row.split in list(Split) and not row.shift]
    return [f"case '{row.case}' is gone" for row in measured if row.case not in there]


def find_altered(kept: Sequence[SplitRow], rows: Sequence[SplitRow]) -> list[str]:
    """The cases that are not as they were, and new ones outside of shift sets, in words."""
    names = {row.case for row in kept}
    trained = {row.case for row in kept if row.split not in list(Split)}
    pairs = _pair(kept, [row for row in rows if row.case not in trained or row.split not in list(Split)])
    # A rescoring may change the shift set of a case.
    changes = find_changes([_settle(old) for _, old in pairs], [_settle(row) for row, _ in pairs])
    return changes + [f"case '{row.case}' is new" for row in rows if row.case not in names and not row.shift]


def _pair(kept: Sequence[SplitRow], rows: Sequence[SplitRow]) -> list[tuple[SplitRow, SplitRow]]:
    """The cases that are there and were there, as they are and as they were."""
    before = {row.case: row for row in kept}
    return [(row, before[row.case]) for row in rows if row.case in before]


def _settle(row: SplitRow) -> SplitRow:
    return SplitRow(**{**vars(row), "shift": ""})
