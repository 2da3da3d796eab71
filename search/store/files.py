"""The interface to the files of a storage, for object stores and for the file systems of pyarrow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

Version: TypeAlias = Mapping[str, str]
"""Identifies one state of a file: it changes with every write."""


class Kind(StrEnum):
    """What lies at a path."""

    NOTHING = "nothing"
    FILE = "file"
    FOLDER = "folder"


@dataclass(frozen=True)
class FileState:
    """A file as it was found."""

    version: Version
    token: int
    """The fencing token of the process that wrote it; 0 if it had none."""


class Files(Protocol):
    """The files of a storage by their paths. Every failure is an `OSError`."""

    has_conditional_writes: bool
    """True if `swap` is one step on the server; else it reads and then writes, and two processes may both succeed."""

    def find(self, path: str) -> Kind:
        """What lies at a path; '' is the storage itself."""
        ...

    def list_files(self, path: str) -> list[str]:
        """The names of the files in a folder, in any order; none if there is no folder."""
        ...

    def list_folders(self, path: str) -> list[str]:
        """The names of the folders in a folder, in any order; none if there is no folder."""
        ...

    def read(self, path: str) -> tuple[bytes, Version]:
        """The content of a file, and its version.

        Raises:
            FileNotFoundError: if it is not there.
        """
        ...

    def look_up(self, path: str) -> FileState | None:
        """The version of a file and the token that it was written with, or None if it is not there."""
        ...

    def write(self, path: str, content: bytes) -> None:
        """Writes a file, complete or not at all, whatever was there before."""
        ...

    def swap(self, path: str, content: bytes, expected: Version | None, token: int) -> Version | None:
        """Writes a file if it still has the expected version (None: if it is not there yet).

        Returns:
            Its new version, or None if it was not written.
        """
        ...

    def delete(self, path: str) -> None:
        """Removes a file, or a folder with everything in it; does nothing if there is neither."""
        ...
