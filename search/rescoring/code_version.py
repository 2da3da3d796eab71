"""Which version of the code is running, for records that outlive it."""

from __future__ import annotations

import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_REPOSITORY = Path(__file__).parents[2]
"""The folder above `search/`: a repository, or where paretoseg is installed."""


def name_version() -> str:
    """The version of paretoseg, and behind a '+' the commit if it runs from a repository, marked if it was changed."""
    try:
        name = version("paretoseg")
    except PackageNotFoundError:
        name = "unknown"
    commit = _find_commit()
    return f"{name}+{commit}" if commit else name


def _find_commit() -> str:
    """The commit of the repository that this file lies in, or ''; never that of another one around it."""
    if not (_REPOSITORY / ".git").exists():
        return ""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        found = subprocess.run(command, cwd=_REPOSITORY, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""
