"""Whatever W&B does, the search is the same. A stand-in for wandb misbehaves on purpose, in the real process."""

import io
import json
import os

import pytest
from rich.console import Console

from paretoseg.search.running.serial import run_serially
from paretoseg.search.tracking.feed import TrackingFeed, follow
from paretoseg.search.tracking.plan import Mode, TrackingConfig, TrackingPlan
from tests.builders import build_session

RECORDER = """
import json, os
from types import SimpleNamespace
class Error(Exception): pass
class Settings(SimpleNamespace): pass
class Table(SimpleNamespace): pass
plot = SimpleNamespace(scatter=lambda *args, **more: None)
class Run:
    url = None
    def __init__(self, **given):
        self.step, self.summary, self.given, self.rows = 0, {}, given, []
    def define_metric(self, *names, **more): pass
    def log(self, row, step=None, commit=None):
        if step is not None:
            self.rows.append(step)
            self.step = step + 1
        elif "candidates" in row:
            self.summary["candidates"] = row["candidates"].data
    def finish(self, exit_code):
        kept = {"mode": self.given["mode"], "rows": self.rows, "state": self.summary.get("state"), "code": exit_code}
        kept |= {"candidates": self.summary["candidates"]} if "candidates" in self.summary else {}
        with open(os.path.join(self.given["dir"], "wandb", self.given["id"] + ".kept"), "a") as stream:
            stream.write(json.dumps(kept) + "\\n")
def init(**given):
    return Run(**given)
"""
FAILS_ONLINE = """
def init(**given):
    if given["mode"] == "online":
        raise RuntimeError("no route to W&B\\nand more")
    return Run(**given)
"""
REFUSES = """
def init(**given):
    if given["mode"] == "online" and given["id"].rpartition("-")[2] in %r:
        raise Error("the run was deleted\\nand more")
    return Run(**given)
"""
FAILS = 'def init(**given):\n    raise RuntimeError("broken [bold]W&B\\nand more")\n'
HANGS = "import threading\ndef init(**given):\n    threading.Event().wait()\n"
DIES = "import os\ndef init(**given):\n    os._exit(9)\n"


PATIENCE_SECONDS = 3600.0
"""No busy machine takes as long to start the stand-in's process."""


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Puts a stand-in in the place of wandb for the processes to come."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))

    def put(code):
        (tmp_path / "stand_in").mkdir()
        (tmp_path / "stand_in" / "wandb.py").write_text(code)
        monkeypatch.syspath_prepend(str(tmp_path / "stand_in"))

    return put


def search_with(folder, mode, wait_seconds=PATIENCE_SECONDS):
    """A search to its end; gives what was tried and found, and what the user saw of W&B."""
    output = io.StringIO()
    session = build_session(folder)
    config = TrackingConfig(mode=Mode(mode), wait_seconds=wait_seconds)
    with follow(config, session, Console(file=output, width=80)) as tracker:
        session.observe = tracker.update
        run_serially(session)
    session.folder.journal.close()
    found = [
        (trial.candidate, trial.seed, trial.origin, trial.reports, trial.objectives, trial.test, trial.state)
        for trial in session.study.trials
    ]
    return found, [line for line in output.getvalue().splitlines() if line.startswith("W&B")]


@pytest.mark.parametrize("code", ["raise ImportError('no such thing')", FAILS, DIES, HANGS], ids=lambda code: code[:20])
def test_a_tracking_that_breaks_changes_nothing_and_is_reported_in_a_line(stand_in, tmp_path, code):
    expected, shown = search_with(tmp_path / "without", "disabled")
    assert shown == []
    stand_in(RECORDER + code)
    found, shown = search_with(tmp_path / "with", "offline", wait_seconds=1.0 if code == HANGS else PATIENCE_SECONDS)
    assert found == expected
    assert len(shown) == 2, shown
    last = shown[1]
    if code == HANGS:
        assert "tracking.wait_seconds=1 are over, 6 of 6 trials are not sent; the same command sends" in last
    else:
        assert last.startswith("W&B: left out (")
        assert last.endswith("); the same command sends what is missing")
    assert "and more" not in last


def test_a_process_that_hangs_is_gone_after_the_bounded_wait(stand_in, tmp_path):
    stand_in(RECORDER + HANGS)
    session = build_session(tmp_path / "study")
    (tmp_path / "wandb").mkdir()
    plan = TrackingPlan(Mode.offline, tmp_path, "p", None, session.study.record.created)
    feed = TrackingFeed(plan, lambda text: None)
    session.observe = feed.update
    run_serially(session)
    feed.close(0.5, Console(file=io.StringIO()))
    assert feed.num_left == 6
    assert feed._process.poll() is not None


def test_ctrl_c_skips_the_wait_and_is_reported(stand_in, tmp_path, monkeypatch):
    def interrupt(*words):
        raise KeyboardInterrupt

    stand_in(RECORDER + HANGS)
    monkeypatch.setattr(TrackingFeed, "_wait", interrupt)
    _, shown = search_with(tmp_path / "study", "offline")
    assert shown[1] == "W&B: interrupted, 6 of 6 trials are not sent; the same command sends what is missing"


def test_what_cannot_go_online_is_kept_in_files_completely(stand_in, tmp_path, monkeypatch):
    stand_in(RECORDER + FAILS_ONLINE)
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    _, shown = search_with(tmp_path / "study", "online")
    place = tmp_path / "study" / "wandb"
    assert shown[1].startswith("W&B: cannot be used online (RuntimeError: no route to W&B); runs are kept in ")
    assert shown[2].startswith("W&B: 6 trials; `wandb sync ")
    runs = sorted(path.name.rpartition("-")[2] for path in place.glob("*.kept"))
    assert runs == [*(f"{trial_id:05d}.kept" for trial_id in range(6)), "search.kept"]
    assert all('"mode": "offline"' in path.read_text() for path in place.glob("*.kept"))


def test_a_run_that_is_refused_leaves_out_its_trial_alone(stand_in, tmp_path, monkeypatch):
    stand_in(RECORDER + REFUSES % (["00001", "00003"],))
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    _, shown = search_with(tmp_path / "study", "online")
    told = [line for line in shown if "is left out" in line]
    assert told == [
        f"W&B: trial {trial_id} is left out, as its run is refused (Error: the run was deleted)" for trial_id in (1, 3)
    ]
    kept = sorted((tmp_path / "study" / "wandb").glob("*.kept"))
    assert [path.stem.rpartition("-")[2] for path in kept] == ["00000", "00002", "00004", "00005", "search"]
    assert all('"mode": "online"' in path.read_text() for path in kept)


def test_several_runs_refused_in_a_row_are_a_failure_of_the_server(stand_in, tmp_path, monkeypatch):
    stand_in(RECORDER + REFUSES % (["00001", "00002", "00003"],))
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    _, shown = search_with(tmp_path / "study", "online")
    assert any("cannot be used online (Error: the run was deleted); runs are kept in " in line for line in shown)
    assert any(line.startswith("W&B: 6 trials; `wandb sync ") for line in shown)


def test_the_next_session_sends_only_what_is_missing(stand_in, tmp_path):
    stand_in(RECORDER)
    search_with(tmp_path / "study", "offline")
    kept = {path: path.read_text() for path in (tmp_path / "study" / "wandb").glob("*.kept")}
    assert len(kept) == 7
    search_with(tmp_path / "study", "offline")
    assert {path: path.read_text() for path in kept} == kept


def test_a_study_that_was_searched_without_tracking_is_made_up_for(stand_in, tmp_path):
    stand_in(RECORDER)
    search_with(tmp_path / "study", "disabled")
    assert not (tmp_path / "study" / "wandb").exists()
    search_with(tmp_path / "study", "offline")
    kept = list((tmp_path / "study" / "wandb").glob("*-0000?.kept"))
    assert len(kept) == 6
    assert all('"rows": [1, 2, 3], "state": "FINISHED", "code": 0' in path.read_text() for path in kept)


def test_the_candidates_go_to_the_run_of_the_search_at_the_end(stand_in, tmp_path):
    stand_in(RECORDER)
    session = build_session(tmp_path / "study")
    config = TrackingConfig(mode=Mode.offline, wait_seconds=PATIENCE_SECONDS)
    with follow(config, session, Console(file=io.StringIO(), width=80)) as tracker:
        session.observe = tracker.update
        run_serially(session)
        tracker.conclude([{"trial_id": 3, "seeds": [0, 1], "probability": 0.75}])
    session.folder.journal.close()
    [kept] = (tmp_path / "study" / "wandb").glob("*-search.kept")
    assert json.loads(kept.read_text())["candidates"] == [[3, "0 1", 0.75]]


def test_a_place_that_cannot_be_written_is_reported_and_the_search_goes_on(stand_in, tmp_path):
    stand_in(RECORDER)
    expected, _ = search_with(tmp_path / "without", "disabled")
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "wandb").write_text("a file in the way")
    found, shown = search_with(tmp_path / "study", "offline")
    assert found == expected
    assert len(shown) == 1
    assert shown[0].startswith("W&B: left out, as it cannot be started: ")
