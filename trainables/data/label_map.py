"""Reads `data.label_map`, the classes of the values in label files. Free of torch."""

from __future__ import annotations

from collections.abc import Sequence

from paretoseg.spaces.suggestion import suggest
from paretoseg.trainables.data.findings import Finding
from paretoseg.trainables.data.ignored import IGNORE_NAME, IGNORED


def read_label_map(
    words: Sequence[str], class_names: Sequence[str]
) -> tuple[tuple[tuple[int, int], ...], list[Finding]]:
    """Pairs of value and class, and findings for entries that cannot be read.

    Args:
        words: Entries such as '255:1', '255:nucleus' or '255:ignore'.
        class_names: Names by class, the background first.
    """
    pairs: dict[int, int] = {}
    findings = []
    for word in words:
        value, _, name = (part.strip() for part in word.partition(":"))
        try:
            pairs[int(value)] = _find_class(name, class_names)
        except ValueError as error:
            cause = str(error) if "class" in str(error) else "an entry reads value:class, such as 255:1"
            findings.append(Finding("label maps", word, f"data.label_map: cannot take '{word}'; {cause}"))
    return tuple(sorted(pairs.items())), findings


def _find_class(name: str, class_names: Sequence[str]) -> int:
    known = ", ".join(f"{label} {known_name}" for label, known_name in enumerate(class_names))
    if name == IGNORE_NAME and name not in class_names:
        return IGNORED
    if name.isdigit() and int(name) < len(class_names):
        return int(name)
    if name in class_names:
        return list(class_names).index(name)
    raise ValueError(f"unknown class '{name}'; {suggest(name, class_names)}known: {known}")
