"""Checks the folder or file that a command is to write to, before it starts to work."""

from __future__ import annotations

import os
from pathlib import Path

from paretoseg.search.store.folder import Folder


def check_output(output: str, default: str) -> None:
    """Refuses an output that cannot become a folder; a URI only has to open.

    Args:
        output: What the user asks for.
        default: What is written to if the option is left out, for the message.

    Raises:
        ValueError: that names --output and says what to do.
    """
    if not output:
        raise ValueError(f"--output must name a folder, got ''; leave it out for {default} here")
    path = Folder(output).local_path
    if path is None:
        return
    there = _find_existing(path)
    if not there.is_dir():
        raise ValueError(f"--output must be a folder, but '{there}' is a file; name another one")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ValueError(f"--output '{output}' cannot be written: no permission in '{there}'; name another folder")


def locate_file(output: str, default_name: str) -> tuple[Folder, str]:
    """The folder and the name of a file on this machine that is to be written.

    Args:
        output: What the user asks for.
        default_name: The name that the message proposes for a folder.

    Raises:
        ValueError: if it cannot become a file.
    """
    path = Path(output)
    if "://" in output:
        raise ValueError(f"output must be a file on this machine, got '{output}'; write it here, then copy it")
    if path.is_dir() or output.endswith("/"):
        example = path / default_name
        raise ValueError(f"output must be a file, but '{output}' is a folder; add a name, such as {example}")
    if not path.parent.is_dir():
        raise ValueError(f"output must lie in an existing folder, but '{path.parent}' is none; create it first")
    return Folder(str(path.parent)), path.name


def _find_existing(path: Path) -> Path:
    """The path, or the nearest one above it that exists."""
    return next(place for place in (path, *path.parents) if place.exists() or place.is_symlink())
