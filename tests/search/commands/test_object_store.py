"""Searches on an object store: a study as versions before fencing tokens left it, and one that is taken over."""

import json
import os
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from pyarrow.fs import FileSystem

from paretoseg.cluster.serial import SerialConfig
from paretoseg.search.commands import search as launch
from paretoseg.search.store.folder import Folder
from paretoseg.search.store.lease import EXPIRE_SECONDS
from paretoseg.search.store.lock import hold_lock
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.study.study import Study
from paretoseg.search.trials.events import Opened
from paretoseg.search.trials.trial import State
from tests.search.command_line import TOY, read, run

pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture
def storage(s3_storage, tmp_path):
    parts = urlsplit(s3_storage)
    return urlunsplit(parts._replace(path=f"/{tmp_path.name}"))


def place(storage):
    parts = urlsplit(storage)
    return urlunsplit(parts._replace(path=f"{parts.path}/mine"))


def upload_as_before(study: Path, storage: str, lease: dict[str, object] | None) -> None:
    """Copies a study as a version before fencing tokens wrote it: with pyarrow, and a segment for every record."""
    filesystem, root = FileSystem.from_uri(place(storage))

    def write(name: str, content: bytes) -> None:
        with filesystem.open_output_stream(f"{root}/{name}") as stream:
            stream.write(content)

    for path in sorted(study.rglob("*")):
        name = str(path.relative_to(study))
        if path.is_file() and path.parent.name != "journal" and path.name != "writer.lock":
            write(name, path.read_bytes())
    lines = [line for path in sorted((study / "journal").iterdir()) for line in path.read_bytes().splitlines(True)]
    for number, line in enumerate(lines):
        write(f"journal/{number:08d}.jsonl", line)
    # What was deleted has left empty objects that stand for the folders above it.
    for name in ("checkpoints", *(f"checkpoints/{path.name}" for path in (study / "checkpoints").iterdir())):
        filesystem.create_dir(f"{root}/{name}")
    if lease:
        write("writer.lock", json.dumps({"host": "elsewhere", "pid": 1, "token": "2f1c"} | lease).encode())


def list_tokens(storage):
    journal = Folder(place(storage)).child("journal")
    return [json.loads(journal.read(name)).get("token") for name in journal.list_files()]


@pytest.mark.parametrize("lease", [None, {"renewed_at": 0.0, "host": os.uname().nodename, "pid": 2**22 + 1}])
def test_a_study_without_tokens_is_shown_and_goes_on_where_it_was(storage, capsys, lease):
    assert run(*TOY) == 0
    upload_as_before(Path("studies/mine"), storage, lease)
    before = StudyFolder(place(storage)).read_record()
    assert before.trials == read().trials
    num_before = len(list_tokens(storage))
    assert run("front", place(storage)) == 0
    assert run("search", "study=mine", f"storage='{storage}'", "budget.trials=9") == 0
    assert run("search", "study=mine", "budget.trials=9") == 0
    after = StudyFolder(place(storage)).read_record()
    assert [trial.candidate for trial in after.trials] == [trial.candidate for trial in read().trials]
    assert [trial.objectives for trial in after.trials] == [trial.objectives for trial in read().trials]
    tokens = list_tokens(storage)
    assert tokens[:num_before] == [None] * num_before
    assert tokens[num_before:] == [1] * (len(tokens) - num_before)
    kept = {f"trial-{trial.trial_id:05d}" for trial in after.front.trials}
    assert set(Folder(place(storage)).child("checkpoints").list_folders()) == kept


def test_a_study_that_a_version_without_tokens_writes_to_is_locked(storage, capsys):
    assert run(*TOY) == 0
    upload_as_before(Path("studies/mine"), storage, {"renewed_at": time.time()})
    assert run("search", "study=mine", f"storage='{storage}'", "budget.trials=9") == 2
    assert "is being written by process 1 on elsewhere" in capsys.readouterr().err


def test_a_search_that_has_waited_for_the_lock_writes_with_its_token(storage, monkeypatch):
    real, others = launch.hold_in_turn, [(*TOY, f"storage='{storage}'")]

    @contextmanager
    def hold_late(*arguments):
        if others:
            assert run(*others.pop()) == 0
        with real(*arguments):
            yield

    monkeypatch.setattr(launch, "hold_in_turn", hold_late)
    monkeypatch.setattr(SerialConfig, "lock_wait_s", 60.0)
    assert run(*TOY, "budget.trials=8", f"storage='{storage}'") == 0
    tokens = list_tokens(storage)
    assert sorted(set(tokens)) == [1, 2]
    assert tokens == sorted(tokens)


def test_a_search_that_is_taken_over_stops_and_says_so(storage, capsys, monkeypatch):
    """Another process takes the lock and opens the study when two trials are done, as after this machine slept."""
    finish = Study.finish

    def finish_late(study, event):
        finish(study, event)
        if event.trial_id == 1:
            other, late = StudyFolder(place(storage)), time.time() + EXPIRE_SECONDS + 1
            with hold_lock(other.folder, now=lambda: late, pause=lambda seconds: None):
                other.journal.read()
                other.journal.append(Opened(late, "elsewhere", 1, 6, None))

    monkeypatch.setattr(Study, "finish", finish_late)
    assert run(*TOY, f"storage='{storage}'") == 74
    shown = " ".join(capsys.readouterr().out.split())
    assert "Stopped: another process has taken the study over" in shown
    assert "`paretoseg status` shows who writes to it" in shown
    record = StudyFolder(place(storage)).read_record()
    assert [opened.host for opened in record.opened][-1] == "elsewhere"
    assert sum(trial.state is State.FINISHED for trial in record.trials) == 2
