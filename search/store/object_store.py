"""Files on an object store (S3, GCS, Azure), through obstore.

Every write is one request that the server carries out completely or not at all, and it can have a condition:
`If-None-Match` creates a file and never overwrites one, `If-Match` replaces one version and no other. The server checks
the condition when it carries the request out, so it also protects against a request that was delayed for minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from paretoseg.search.store.files import FileState, Kind, Version

if TYPE_CHECKING:
    from obstore import ObjectMeta, PutMode, PutResult
    from obstore.store import ObjectStore

_TOKEN = "token"
"""The key of the fencing token in an object's metadata."""


class ObjectFiles:
    """The objects of a bucket or container by their keys.

    Folders are the parts of keys before a '/'. The empty objects with a key that ends in '/', which other programs
    create as folders, are ignored.

    Args:
        store: The bucket or container.
    """

    has_conditional_writes = True

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def find(self, path: str) -> Kind:
        """What lies at a path."""
        if path and self.look_up(path):
            return Kind.FILE
        return Kind.FOLDER if next(self._list_below(path), None) else Kind.NOTHING

    def list_files(self, path: str) -> list[str]:
        """The names of the files in a folder."""
        with _translated():
            found = self._store.list_with_delimiter(path or None)["objects"]
        return [meta["path"].rpartition("/")[2] for meta in found if meta["path"] != path]

    def list_folders(self, path: str) -> list[str]:
        """The names of the folders in a folder."""
        start = len(path) + 1 if path else 0
        inside = (key[start:].partition("/") for key in self._list_below(path))
        return list(dict.fromkeys(name for name, slash, _ in inside if slash))

    def read(self, path: str) -> tuple[bytes, Version]:
        """The content of a file, and its version.

        Raises:
            FileNotFoundError: if it is not there.
        """
        with _translated():
            found = self._store.get(path)
            return bytes(found.bytes()), _to_version(found.meta)

    def look_up(self, path: str) -> FileState | None:
        """The version of a file and the token that it was written with, or None if it is not there."""
        try:
            with _translated():
                found = self._store.get(path, options={"head": True})
                return FileState(_to_version(found.meta), int(found.attributes.get(_TOKEN, "0")))
        except FileNotFoundError:
            return None

    def write(self, path: str, content: bytes) -> None:
        """Writes a file, a large one in parts; it appears when the last part is stored."""
        with _translated():
            self._store.put(path, content)

    def swap(self, path: str, content: bytes, expected: Version | None, token: int) -> Version | None:
        """Writes a file if it has the expected version when the server carries the request out."""
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        mode = cast("PutMode", "create" if expected is None else {**expected})
        try:
            with _translated():
                done = self._store.put(path, content, mode=mode, attributes={_TOKEN: str(token)})
        except (AlreadyExistsError, PreconditionError):
            return None
        return _to_version(done)

    def delete(self, path: str) -> None:
        """Removes a file, or a folder with everything in it."""
        for key in (*self._list_below(path), path):
            try:
                with _translated():
                    self._store.delete(key)
            except FileNotFoundError:
                continue

    def _list_below(self, path: str) -> Iterator[str]:
        with _translated():
            for metas in self._store.list(path or None):
                yield from (meta["path"] for meta in metas if meta["path"] != path)


def _to_version(meta: ObjectMeta | PutResult) -> Version:
    """The version by which the server identifies the state: an e_tag, on GCS a generation."""
    return {name: value for name in ("e_tag", "version") if (value := meta.get(name))}  # type: ignore[misc]


@contextmanager
def _translated() -> Iterator[None]:
    """Turns every error of the server or the connection into an `OSError`, except for a condition that is not met."""
    from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

    try:
        yield
    except (AlreadyExistsError, PreconditionError):
        raise
    except BaseError as error:
        raise OSError(str(error).splitlines()[0]) from error
