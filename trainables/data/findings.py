"""Faults of data, in words: one line for all files with the same fault, so that all faults are reported at once.

Free of torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MAX_SHOWN = 10
"""Number of findings of one kind that get a line each; the others are counted in one line."""

MAX_NAMED = 5
"""Number of files that a line names beside the first one."""


@dataclass(frozen=True)
class Finding:
    """One fault."""

    kind: str
    """The kind of fault, such as 'files missing'; findings of a kind are reported together."""

    place: str
    """The file, case or key."""

    text: str
    """The whole line: what is wrong, where, and the way out."""

    @property
    def fault(self) -> str:
        """The text without the place: equal for all files with the same fault."""
        return self.text.replace(self.place, "")


def to_lines(findings: Iterable[Finding]) -> list[str]:
    """The findings as lines, by kind in the order of first occurrence; one line for all with the same fault."""
    kinds: dict[str, dict[str, list[Finding]]] = {}
    for finding in dict.fromkeys(findings):
        kinds.setdefault(finding.kind, {}).setdefault(finding.fault, []).append(finding)
    lines = []
    for kind, faults in kinds.items():
        groups = list(faults.values())
        lines += [_describe(group) for group in groups[:MAX_SHOWN]]
        if rest := [finding.place for group in groups[MAX_SHOWN:] for finding in group]:
            lines.append(f"{len(rest)} more {kind}: {shorten_list(rest)}")
    return lines


def shorten_list(places: Sequence[str]) -> str:
    """The first few of some places, by the last part of their paths, and how many more there are."""
    names = ", ".join(place.rpartition("/")[2] or place for place in places[:MAX_NAMED])
    return f"{names} and {len(places) - MAX_NAMED} more" if len(places) > MAX_NAMED else names


def _describe(group: Sequence[Finding]) -> str:
    first, *others = group
    if not others:
        return first.text
    return f"{first.text} (the same for {len(others)} more: {shorten_list([other.place for other in others])})"
