"""What a killed process leaves behind is removed; what a live one is writing is not."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from paretoseg.search.store.folder import Folder
from paretoseg.search.store.scratch import remove_stale_scratch, remove_unfinished, scratch_folder
from paretoseg.search.store.study_folder import StudyFolder

KILLED_IN_SCRATCH = """
import os
from paretoseg.search.store.scratch import scratch_folder
with scratch_folder() as place:
    (place / "weights.pt").write_bytes(b"half")
    print(place, flush=True)
    os.kill(os.getpid(), 9)
"""
KILLED_WHILE_WRITING = """
import os, sys
from pathlib import Path
from paretoseg.search.store.folder import Folder
Path.replace = lambda self, target: os.kill(os.getpid(), 9)
Folder(sys.argv[1]).write(sys.argv[2], b"half")
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place of this test's own for temporary folders."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield place
    tempfile.tempdir = None


def kill_itself(code: str, *words: str) -> str:
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    return done.stdout.strip()


def leave_half_written(folder: Path, name: str) -> Path:
    before = set(folder.iterdir()) if folder.exists() else set()
    kill_itself(KILLED_WHILE_WRITING, str(folder), name)
    [left] = set(folder.iterdir()) - before
    return left


def test_a_scratch_folder_is_there_for_its_block() -> None:
    with scratch_folder() as place:
        (place / "file").write_text("content")
    assert not place.exists()


def test_the_scratch_folder_of_a_killed_process_is_removed_and_that_of_a_live_one_stays(temporary: Path) -> None:
    stale = Path(kill_itself(KILLED_IN_SCRATCH))
    assert stale.exists()
    (temporary / "somebody-elses").mkdir()
    with scratch_folder() as place:
        remove_stale_scratch()
        assert sorted(temporary.iterdir()) == sorted([place, temporary / "somebody-elses"])


def test_a_scratch_folder_that_is_removed_before_it_is_locked_is_made_again(
    monkeypatch: pytest.MonkeyPatch, temporary: Path
) -> None:
    make = tempfile.mkdtemp

    def make_and_lose(**words: str) -> str:
        monkeypatch.setattr(tempfile, "mkdtemp", make)
        lost = make(**words)
        Path(lost).rmdir()
        return lost

    monkeypatch.setattr(tempfile, "mkdtemp", make_and_lose)
    with scratch_folder() as place:
        assert list(temporary.iterdir()) == [place]


def test_a_file_that_was_left_half_written_is_removed_and_others_stay(tmp_path: Path) -> None:
    folder = tmp_path / "cases"
    Folder(str(folder)).write("whole.parquet", b"whole")
    (folder / ".hidden.tmp").write_bytes(b"the user's own")
    left = leave_half_written(folder, "half.parquet")
    remove_unfinished(Folder(str(folder)))
    assert not left.exists()
    assert sorted(path.name for path in folder.iterdir()) == [".hidden.tmp", "whole.parquet"]


def test_a_study_that_is_opened_is_rid_of_what_killed_processes_left(tmp_path: Path) -> None:
    study = tmp_path / "study"
    left = [
        leave_half_written(study, "trials.parquet"),
        leave_half_written(study / "cases", "trial-00000-validation.parquet"),
        leave_half_written(study / "checkpoints" / "trial-00000", "latest.json"),
        leave_half_written(study / "checkpoints" / "trial-00000" / "step-0001", "weights.pt"),
    ]
    # A report, and a rescoring, are written by processes that do not hold the lock of the study.
    others = [leave_half_written(study, "report.html"), leave_half_written(study / "rescores" / "new", "front.csv")]
    StudyFolder(str(study)).tidy_up()
    assert not [path for path in left if path.exists()]
    assert [path for path in others if path.exists()] == others


def test_a_study_that_is_not_there_yet_is_tidy(tmp_path: Path) -> None:
    StudyFolder(str(tmp_path / "study")).tidy_up()
    assert not (tmp_path / "study").exists()
