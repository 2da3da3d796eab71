"""What a search prints is kept with its study, on a disk and on a storage that cannot append."""

from __future__ import annotations

from pathlib import Path

import pytest

from paretoseg.search.store.folder import Folder, StorageError
from paretoseg.search.store.search_log import SEARCH_LOG, keep_log


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """A folder that takes whole files only."""
    folder = Folder(str(tmp_path))
    monkeypatch.setattr(Folder, "local_path", None)
    return folder


def test_on_a_disk_every_line_is_there_at_once_and_later_attempts_follow(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with keep_log(Folder(str(tmp_path))):
        print("one")
        assert (tmp_path / SEARCH_LOG).read_text() == "one\n"
    print("not kept")
    with keep_log(Folder(str(tmp_path))):
        print("tw\u00f6")
    assert (tmp_path / SEARCH_LOG).read_text() == "one\ntw\u00f6\n"
    assert capsys.readouterr().out == "one\nnot kept\ntw\u00f6\n"


def test_elsewhere_it_is_written_from_time_to_time_and_at_the_end(remote: Folder, tmp_path: Path) -> None:
    seconds = 0.0
    with keep_log(remote, now=lambda: seconds):
        print("one")
        assert not remote.exists(SEARCH_LOG)
        seconds = 30.0
        print("two", end="")
        assert remote.read(SEARCH_LOG) == b"one\ntwo"
        print("three")
    with keep_log(remote):
        print("four")
    assert remote.read(SEARCH_LOG) == b"one\ntwothree\nfour\n"


def test_a_log_that_cannot_be_written_stops_no_search(
    remote: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*words: object) -> None:
        raise StorageError("full")

    monkeypatch.setattr(Folder, "write", refuse)
    with keep_log(remote, now=iter(range(0, 900, 90)).__next__):
        print("one")
    assert capsys.readouterr().out == "one\n"


def test_a_folder_that_cannot_be_written_stops_no_search(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with keep_log(Folder(str(tmp_path / "gone"))):
        print("one")
    assert capsys.readouterr().out == "one\n"
