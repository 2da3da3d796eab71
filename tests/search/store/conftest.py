"""Object stores whose requests are late or whose answers get lost."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from paretoseg.search.store.folder import Folder


class Line:
    """The line between one process and its object store, which a test disturbs.

    Args:
        store: The bucket.
    """

    def __init__(self, store):
        self._store = store
        self._before = []
        self._late = None
        self.has_lost_answers = False

    def __getattr__(self, name):
        return getattr(self._store, name)

    def before_next_put(self, act: Callable[[], object]) -> None:
        """Does something between what the process has read and what it writes next."""
        self._before.append(act)

    def delay_next_put(self) -> None:
        """The next write is on its way for long, and the process gives it up; `deliver` lets it arrive."""
        self._before.append(None)

    def deliver(self) -> object:
        """Lets the late write arrive."""
        assert self._late is not None, "nothing was written"
        return self._late()

    def put(self, *arguments, **options):
        from obstore.exceptions import GenericError

        if self._before:
            act = self._before.pop(0)
            if act is None:
                self._late = partial(self._store.put, *arguments, **options)
                raise GenericError("the request timed out")
            act()
        done = self._store.put(*arguments, **options)
        if self.has_lost_answers:
            return self._store.put(*arguments, **options)  # as a client does that got no answer
        return done


@pytest.fixture
def remote(s3_storage, tmp_path):
    """An empty folder on an object store."""
    return Folder(s3_storage).child(tmp_path.name)


@pytest.fixture
def plain(tmp_path):
    """An empty folder on a server without conditional writes, as HDFS; here a disk that does not say that it is one."""
    folder = Folder(str(tmp_path / "server"))
    folder._is_local = False
    return folder


@pytest.fixture
def disturb(monkeypatch):
    """Puts a line that can be disturbed between a folder, with all inside, and its store."""

    def disturb_folder(folder: Folder) -> Line:
        # The folder shares its files with the fixture's, and those inside share the folder's.
        files = type(folder._files)(folder._files._store)
        line = Line(files._store)
        files._store = line
        monkeypatch.setattr(folder, "_files", files)
        return line

    return disturb_folder
