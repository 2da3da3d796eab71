"""A folder on a local disk or at any `pyarrow.fs` URI, such as `s3://bucket/studies`.

Only whole files are written, and each is moved into place when it is complete, so a reader never sees half a file. On
an object store, a locked folder has a fence: its files carry the token of their writer, and a writer never replaces a
file of a later writer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

from pyarrow import ArrowException
from pyarrow.fs import FileSystem, LocalFileSystem, S3FileSystem

from paretoseg.cluster.uri_keys import is_secret
from paretoseg.search.store.file_system import FileSystemFiles
from paretoseg.search.store.files import Files, Kind, Version
from paretoseg.search.store.object_store import ObjectFiles
from paretoseg.search.store.object_uris import OBJECT_SCHEMES, open_store, spell_for_pyarrow
from paretoseg.spaces.atomic_file import DISK_ERRORS, write_atomically

_KNOWN = "s3://, gs://, az://, abfs://, hdfs:// or file://"

_NUM_TRIES = 5
"""How often a write is tried when other processes write the same file at the same moment."""


class StorageError(Exception):
    """The study's storage cannot be written or reached: no space, no permission, no connection."""


class TakenOverError(StorageError):
    """Another process writes to the study now; this one no longer may."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"another process has taken the study over, because this one was cut off for too long: {what}; "
            "`paretoseg status` shows who writes to it"
        )


class Fence(Protocol):
    """Keeps a process that has lost the lock of a folder from writing to it."""

    @property
    def token(self) -> int:
        """Higher for every later process that takes the lock."""
        ...

    def check(self) -> None:
        """Returns if the lock is not known to be lost.

        Raises:
            TakenOverError: if it is.
        """
        ...

    def confirm(self) -> None:
        """Returns if the storage says that the lock is held.

        Raises:
            TakenOverError: if it is lost.
        """
        ...

    def outrank(self, token: int) -> None:
        """Raises the token above `token`, which was found in the folder."""
        ...


class Folder:
    """A folder by its location, a local path or a URI. It need not exist yet.

    Raises:
        ValueError: if the location is a URI that `pyarrow.fs` does not support.
    """

    def __init__(self, location: str) -> None:
        self._location = location
        self._parent: Folder | None = None
        self._own_fence: Fence | None = None
        self._files: Files
        if "://" in location:
            try:
                self._files, self._path, self._is_local = _open(location)
            except (ArrowException, OSError, ValueError) as error:
                cause = _first_line(error).replace(location, hide_secrets(location))
                known = f"; use a path, or a URI with {_KNOWN}" if "Unrecognized filesystem" in cause else ""
                raise ValueError(f"storage '{hide_secrets(location)}' cannot be opened: {cause}{known}") from None
        else:
            self._files, self._is_local = FileSystemFiles(LocalFileSystem()), True
            self._path = PurePosixPath(os.path.abspath(location))

    @property
    def location(self) -> str:
        """The path or URI for messages: as it was given, without the keys in a URI."""
        return hide_secrets(self._location)

    @property
    def address(self) -> str:
        """The absolute path or URI, which means the same in every process, whatever its working directory."""
        return str(self.local_path) if self.local_path else self._location

    @property
    def local_path(self) -> Path | None:
        """The path on this machine's disk, or None for a remote folder."""
        return Path(self._path) if self._is_local else None

    @property
    def has_conditional_writes(self) -> bool:
        """True if `swap` is one step on the server."""
        return self._files.has_conditional_writes

    @property
    def fence(self) -> Fence | None:
        """The fence of this folder or of a parent; None if this process holds no lock of them, or on a local disk."""
        return self._own_fence or (self._parent.fence if self._parent else None)

    @fence.setter
    def fence(self, fence: Fence | None) -> None:
        self._own_fence = fence

    @property
    def token(self) -> int | None:
        """The token with which files are written; None without a fence."""
        return self.fence.token if self.fence else None

    def child(self, name: str) -> Folder:
        """The subfolder of this name."""
        child = object.__new__(Folder)
        child._location, child._parent, child._own_fence = self._locate(name), self, None
        child._files, child._path, child._is_local = self._files, self._path / name, self._is_local
        return child

    def exists(self, name: str = "") -> bool:
        """True if the folder, or the file or subfolder of this name, exists."""
        with self._reported(name):
            return self._files.find(self._join(name)) is not Kind.NOTHING

    def list_files(self) -> list[str]:
        """The names of the files inside, sorted; none if the folder does not exist."""
        with self._reported():
            return sorted(self._files.list_files(self._join()))

    def list_folders(self) -> list[str]:
        """The names of the folders inside, sorted; none if the folder does not exist."""
        with self._reported():
            return sorted(self._files.list_folders(self._join()))

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            FileNotFoundError: if it is not there.
            StorageError: if it cannot be read.
        """
        return self.read_version(name)[0]

    def read_version(self, name: str) -> tuple[bytes, Version]:
        """The content of a file, and its version, for `swap`.

        Raises:
            FileNotFoundError: if it is not there.
            StorageError: if it cannot be read.
        """
        try:
            return self._files.read(self._join(name))
        except FileNotFoundError:
            raise
        except OSError as error:
            raise as_storage_error(error, self._locate(name)) from error

    def read_token(self, name: str) -> int:
        """The token of the process that wrote a file; 0 if it had none, or there is no file."""
        with self._reported(name):
            found = self._files.look_up(self._join(name))
        return found.token if found else 0

    def write(self, name: str, content: bytes) -> None:
        """Writes a file, complete or not at all.

        Raises:
            StorageError: if it cannot be written, or a later writer of a locked folder has written it; the file then
                stays as it was.
        """
        with self._reported(name):
            if self.local_path:
                self.local_path.mkdir(parents=True, exist_ok=True)
                write_atomically(self.local_path / name, content)
            elif self.fence is None:
                self._files.write(self._join(name), content)
            else:
                self._write_fenced(name, content, self.fence)

    def swap(self, name: str, content: bytes, expected: Version | None, *, token: int = 0) -> Version | None:
        """Writes a file of a remote folder if it still has the expected version (None: if it is not there yet).

        Returns:
            Its new version, or None if it was not written.

        Raises:
            StorageError: if it cannot be written.
        """
        with self._reported(name):
            return self._files.swap(self._join(name), content, expected, token)

    def delete(self, name: str) -> None:
        """Removes a file or folder of this name, if it is there."""
        if self.fence:
            self.fence.confirm()
        with self._reported(name):
            self._files.delete(self._join(name))

    def upload(self, source: Path) -> None:
        """Copies every file of a local folder into this one, to which no other process may write."""
        if self.fence:
            self.fence.confirm()
        for path in sorted(source.iterdir()):
            if self.local_path:
                self.write(path.name, path.read_bytes())
                continue
            with self._reported(path.name):
                self._files.write(self._join(path.name), path.read_bytes())

    def download(self, target: Path) -> None:
        """Copies every file into an existing local folder."""
        for name in self.list_files():
            (target / name).write_bytes(self.read(name))

    def _write_fenced(self, name: str, content: bytes, fence: Fence) -> None:
        """Writes a file with the fence's token, unless a later writer has written it."""
        fence.check()
        if not self._files.has_conditional_writes:
            self._files.write(self._join(name), content)
            return
        for _ in range(_NUM_TRIES):
            found = self._files.look_up(self._join(name))
            if found and found.token > fence.token:
                raise TakenOverError(f"a later process has written {self.child(name).location}")
            if self._files.swap(self._join(name), content, found.version if found else None, fence.token):
                return
        place = self.child(name).location
        raise StorageError(f"several processes write {place} at once; run the same command again")

    @contextmanager
    def _reported(self, name: str = "") -> Iterator[None]:
        """Turns an `OSError` of the storage into a `StorageError` that names the file."""
        try:
            yield
        except OSError as error:
            raise as_storage_error(error, self._locate(name)) from error

    def _join(self, name: str = "") -> str:
        path = str(self._path / name)
        return "" if path == "." else path

    def _locate(self, name: str) -> str:
        if not name:
            return self._location
        if "://" not in self._location:
            return os.path.join(self._location, name)
        parts = urlsplit(self._location)
        return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{name}"))


def _open(location: str) -> tuple[Files, PurePosixPath, bool]:
    """The files of a URI's storage, the path in it, and whether it is on a disk of this machine."""
    spelled = spell_for_pyarrow(location)
    filesystem, path = FileSystem.from_uri(spelled)
    if urlsplit(spelled).scheme not in OBJECT_SCHEMES:
        return FileSystemFiles(filesystem), PurePosixPath(path), isinstance(filesystem, LocalFileSystem)
    bucket, _, key = path.partition("/")
    region = str(filesystem.region) if isinstance(filesystem, S3FileSystem) else ""
    return ObjectFiles(open_store(spelled, bucket, region)), PurePosixPath(key), False


def hide_secrets(location: str) -> str:
    """A path or URI without the keys before its host or in its query."""
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
    """The error with its place and way out, without the keys of a URI."""
    cause = _first_line(error).replace(place, hide_secrets(place))
    place = hide_secrets(place)
    way_out = "free some space" if error.errno in DISK_ERRORS else "fix the storage"
    return StorageError(f"cannot use {place}: {cause}; {way_out} and run the same command again")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
