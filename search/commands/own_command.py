"""How the user started this program, so that the commands that it prints run as they are printed."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

NAME = "paretoseg"


def own_command(words: Sequence[str] | None = None) -> str:
    """The first words of a command line that starts this program again, quoted for a shell.

    `paretoseg` if that is what the shell finds, else the path that was typed, such as `.venv/bin/paretoseg`, or
    `python -m paretoseg` with this Python.

    Args:
        words: The command line; that of this process if left out.
    """
    started = Path((sys.argv if words is None else words)[0])
    if started.name == "__main__.py" and started.parent.name == NAME:
        return f"{shlex.quote(_shorten(sys.executable))} -m {NAME}"
    if started.name != NAME or not started.is_file():
        return NAME
    found = shutil.which(NAME)
    return NAME if found and started.samefile(found) else shlex.quote(_shorten(str(started)))


def _shorten(path: str) -> str:
    """The path from the working directory if it lies below it, else as it is."""
    here = os.path.relpath(path)
    return path if here.startswith(os.pardir) or not Path(path).is_absolute() else here
