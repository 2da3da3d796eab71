"""Files reached through `pyarrow.fs`, as on HDFS. These file systems have no conditional writes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from pyarrow.fs import FileInfo, FileSelector, FileSystem, FileType

from paretoseg.search.store.files import FileState, Kind, Version

_KINDS = {FileType.File: Kind.FILE, FileType.Directory: Kind.FOLDER}


class FileSystemFiles:
    """Files by their paths in a file system; no tokens are stored with them.

    Args:
        filesystem: Of `pyarrow.fs`.
    """

    has_conditional_writes = False

    def __init__(self, filesystem: FileSystem) -> None:
        self._filesystem = filesystem

    def find(self, path: str) -> Kind:
        """What lies at a path."""
        return _KINDS.get(self._filesystem.get_file_info(path).type, Kind.NOTHING)

    def list_files(self, path: str) -> list[str]:
        """The names of the files in a folder."""
        return self._list(path, lambda info: bool(info.type == FileType.File))

    def list_folders(self, path: str) -> list[str]:
        """The names of the folders in a folder."""
        return self._list(path, lambda info: bool(info.type == FileType.Directory))

    def read(self, path: str) -> tuple[bytes, Version]:
        """The content of a file, and its version.

        Raises:
            FileNotFoundError: if it is not there.
        """
        with self._filesystem.open_input_stream(path) as stream:
            content = bytes(stream.read())
        return content, _version(content)

    def look_up(self, path: str) -> FileState | None:
        """The version of a file, or None if it is not there."""
        try:
            return FileState(self.read(path)[1], token=0)
        except FileNotFoundError:
            return None

    def write(self, path: str, content: bytes) -> None:
        """Writes a file; it is there when the stream is closed."""
        self._filesystem.create_dir(path.rpartition("/")[0], recursive=True)
        with self._filesystem.open_output_stream(path) as stream:
            stream.write(content)

    def swap(self, path: str, content: bytes, expected: Version | None, token: int) -> Version | None:
        """Writes a file if it had the expected version just before."""
        found = self.look_up(path)
        if (found.version if found else None) != expected:
            return None
        self.write(path, content)
        return _version(content)

    def delete(self, path: str) -> None:
        """Removes a file, or a folder with all that is in it."""
        match self.find(path):
            case Kind.FILE:
                self._filesystem.delete_file(path)
            case Kind.FOLDER:
                self._filesystem.delete_dir(path)

    def _list(self, path: str, is_wanted: Callable[[FileInfo], bool]) -> list[str]:
        found = self._filesystem.get_file_info(FileSelector(path, allow_not_found=True))
        return [str(info.base_name) for info in found if is_wanted(info)]


def _version(content: bytes) -> Version:
    return {"sha256": hashlib.sha256(content).hexdigest()}
