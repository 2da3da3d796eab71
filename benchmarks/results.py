"""Where the last measurements stand: a section a benchmark in RESULTS.md, with machine, date and commit."""

from __future__ import annotations

import datetime
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

_RESULTS = Path(__file__).parent / "RESULTS.md"


def record(title: str, text: str, rows: Sequence[Sequence[str]]) -> str:
    """Replaces the section of this title in RESULTS.md; returns the section.

    Args:
        title: Heading of the section.
        text: What was measured and how.
        rows: A table, its head first.
    """
    head, *body = (" | ".join(row) for row in rows)
    table = "\n".join(f"| {row} |" for row in (head, " | ".join("---" for _ in rows[0]), *body))
    section = f"## {title}\n\n{_describe_run()}\n\n{text}\n\n{table}\n"
    known = _RESULTS.read_text() if _RESULTS.exists() else "# Results\n\nThe last measurements, a section each.\n"
    pattern = re.compile(rf"## {re.escape(title)}\n.*?(?=\n## |\Z)", re.DOTALL)
    known = pattern.sub(lambda _: section, known) if pattern.search(known) else f"{known.rstrip()}\n\n{section}"
    _RESULTS.write_text(known.rstrip() + "\n")
    return section


def _describe_run() -> str:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=_RESULTS.parent, capture_output=True, text=True, check=False
    ).stdout.strip()
    return (
        f"{datetime.date.today().isoformat()}, commit {commit or 'unknown'}, {os.cpu_count()} x {_cpu_name()}, "
        f"Python {platform.python_version()}"
    )


def _cpu_name() -> str:
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found.group(1) if found else platform.machine()
