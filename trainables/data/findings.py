"""Faults of data, in words: one line per file, collected so that all are reported at once. Free of torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MAX_SHOWN = 10
"""Number of findings of one kind that get a line each; the others are listed by name in one line."""


@dataclass(frozen=True)
class Finding:
    """One fault."""

    kind: str
    """The kind of fault, such as 'files missing'; findings of a kind are reported together."""

    place: str
    """The file, case or key."""

    text: str
    """The whole line: what is wrong, where, and the way out."""


def to_lines(findings: Iterable[Finding]) -> list[str]:
    """The findings as lines, by kind in the order of first occurrence, without repetitions."""
    groups: dict[str, list[Finding]] = {}
    for finding in dict.fromkeys(findings):
        groups.setdefault(finding.kind, []).append(finding)
    lines = []
    for kind, group in groups.items():
        lines += [finding.text for finding in group[:MAX_SHOWN]]
        if rest := [finding.place for finding in group[MAX_SHOWN:]]:
            lines.append(f"{len(rest)} more {kind}: {', '.join(rest)}")
    return lines
