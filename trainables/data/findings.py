"""What is wrong with data, in words: one line a file, gathered so that everything is said at once. Free of torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MAX_SHOWN = 10
"""Findings of one kind that get a line each; of the others only the names follow, all in one line."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    kind: str
    """What is wrong in general, as 'files missing': findings of a kind are told together."""

    place: str
    """The file, case or key."""

    text: str
    """The whole line: what is wrong where, and the way out."""


def to_lines(findings: Iterable[Finding]) -> list[str]:
    """The findings in words, kinds in the order in which they first came up; nothing is said twice."""
    groups: dict[str, list[Finding]] = {}
    for finding in dict.fromkeys(findings):
        groups.setdefault(finding.kind, []).append(finding)
    lines = []
    for kind, group in groups.items():
        lines += [finding.text for finding in group[:MAX_SHOWN]]
        if rest := [finding.place for finding in group[MAX_SHOWN:]]:
            lines.append(f"{len(rest)} more {kind}: {', '.join(rest)}")
    return lines
