"""A folder that may lie on a local disk or at any `pyarrow.fs` URI, such as `s3://bucket/studies`.

Writing is whole files only, each moved into place when it is complete, so that a reader never sees half of one.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit, urlunsplit

from pyarrow import ArrowException
from pyarrow.fs import FileInfo, FileSelector, FileSystem, FileType, LocalFileSystem

from paretoseg.cluster.uri_keys import is_secret
from paretoseg.spaces.atomic_file import DISK_ERRORS, write_atomically


class StorageError(Exception):
    """The study's storage cannot be written or reached: no space, no permission, no connection."""


class Folder:
    """A folder by its location, a local path or a URI. Need not exist yet.

    Raises:
        ValueError: if the location is a URI that `pyarrow.fs` does not know.
    """

    def __init__(self, location: str) -> None:
        self._location = location
        if "://" in location:
            try:
                self._filesystem, path = FileSystem.from_uri(location)
            except (ArrowException, OSError, ValueError) as error:
                cause = _first_line(error).replace(location, hide_secrets(location))
                raise ValueError(f"storage '{hide_secrets(location)}' cannot be opened: {cause}") from None
            self._path = PurePosixPath(path)
        else:
            self._filesystem, self._path = LocalFileSystem(), PurePosixPath(os.path.abspath(location))

    @property
    def location(self) -> str:
        """The path or URI for people: as it was given, but for keys in a URI."""
        return hide_secrets(self._location)

    @property
    def address(self) -> str:
        """The absolute path or URI, which means the same in every process, whatever its working directory."""
        return str(self.local_path) if self.local_path else self._location

    @property
    def local_path(self) -> Path | None:
        """The path on this machine's disk, or None for a remote folder."""
        return Path(self._path) if isinstance(self._filesystem, LocalFileSystem) else None

    def child(self, name: str) -> Folder:
        """The folder of this name inside."""
        if "://" not in self._location:
            return Folder(os.path.join(self._location, name))
        parts = urlsplit(self._location)
        return Folder(urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{name}")))

    def exists(self, name: str = "") -> bool:
        """True if the folder, or the file or folder of this name inside, is there."""
        return bool(self._info(name).type != FileType.NotFound)

    def list_files(self) -> list[str]:
        """The names of the files inside, sorted; none if the folder does not exist."""
        return sorted(info.base_name for info in self._list() if info.type == FileType.File)

    def list_folders(self) -> list[str]:
        """The names of the folders inside, sorted; none if the folder does not exist."""
        return sorted(info.base_name for info in self._list() if info.type == FileType.Directory)

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            FileNotFoundError: if it is not there.
            StorageError: if it cannot be read.
        """
        try:
            with self._filesystem.open_input_stream(str(self._path / name)) as stream:
                return bytes(stream.read())
        except FileNotFoundError:
            raise
        except OSError as error:
            raise as_storage_error(error, f"{self._location}/{name}") from error

    def write(self, name: str, content: bytes) -> None:
        """Writes a file, complete or not at all.

        Raises:
            StorageError: if it cannot be written; what was there before stays.
        """
        try:
            if self.local_path:
                self.local_path.mkdir(parents=True, exist_ok=True)
                write_atomically(self.local_path / name, content)
            else:
                with self._filesystem.open_output_stream(str(self._path / name)) as stream:
                    stream.write(content)
        except OSError as error:
            raise as_storage_error(error, f"{self._location}/{name}") from error

    def delete(self, name: str) -> None:
        """Removes a file or folder of this name, if it is there."""
        try:
            match self._info(name).type:
                case FileType.File:
                    self._filesystem.delete_file(str(self._path / name))
                case FileType.Directory:
                    self._filesystem.delete_dir(str(self._path / name))
        except OSError as error:
            raise as_storage_error(error, f"{self._location}/{name}") from error

    def upload(self, source: Path) -> None:
        """Writes every file of a local folder into this one."""
        for path in sorted(source.iterdir()):
            self.write(path.name, path.read_bytes())

    def download(self, target: Path) -> None:
        """Copies every file into an existing local folder."""
        for name in self.list_files():
            (target / name).write_bytes(self.read(name))

    def _info(self, name: str) -> FileInfo:
        try:
            return self._filesystem.get_file_info(str(self._path / name))
        except OSError as error:
            raise as_storage_error(error, self._location) from error

    def _list(self) -> list[FileInfo]:
        try:
            return list(self._filesystem.get_file_info(FileSelector(str(self._path), allow_not_found=True)))
        except OSError as error:
            raise as_storage_error(error, self._location) from error


def hide_secrets(location: str) -> str:
    """A path or URI without the keys that may stand before its host or in its query."""
    scheme, colon, rest = location.partition("://")
    if not colon:
        return location
    place, _, query = rest.partition("?")
    # A key that is not escaped may hold a '/'; a path without a key may hold an '@'.
    host, at, behind = place.partition("/")
    place = place.rpartition("@")[2] if ":" in host else host.rpartition("@")[2] + at + behind
    kept = "&".join(part for part in query.split("&") if part and not is_secret(part.partition("=")[0]))
    return f"{scheme}://{place}?{kept}" if kept else f"{scheme}://{place}"


def as_storage_error(error: OSError, place: str) -> StorageError:
    """The error in words that say what to do; keys in a URI are left out."""
    cause = _first_line(error).replace(place, hide_secrets(place))
    place = hide_secrets(place)
    way_out = "free some space" if error.errno in DISK_ERRORS else "mend the storage"
    return StorageError(f"cannot use {place}: {cause}; {way_out} and run the same command again")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
