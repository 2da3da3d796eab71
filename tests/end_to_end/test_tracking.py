"""The tracking with the real wandb: files read back with its own reader, runs on a server, a server that is silent."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import socket
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from paretoseg.spaces.search_space import DIMENSIONS

if TYPE_CHECKING:
    from conftest import Command

TOY = (
    "search",
    "study=mine",
    "task=toy",
    "cluster=serial",
    "strategy=nsga2",
    "strategy.population=4",
    "budget.trials=6",
    "confirm.seeds=1",
)
OFFLINE = (*TOY, "tracking.mode=offline", "tracking.wait_seconds=3600")
ONLINE = (*TOY, "tracking.mode=online", "tracking.wait_seconds=3600")


def load_server() -> Any:
    spec = importlib.util.spec_from_file_location("wandb_server", Path(__file__).with_name("wandb_server.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def own_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home folder in which W&B was never used."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")


def use_server(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", url)


def run_wandb(folder: Path, *words: str) -> None:
    """Types a command of wandb in a folder, where it leaves its logs."""
    subprocess.run([sys.executable, "-m", "wandb", *words], cwd=folder, capture_output=True, check=True)


def read_file(folder: Path) -> str:
    """What `wandb leet inspect --json` prints, without the seconds that importing wandb takes each time."""
    spec = importlib.util.find_spec("wandb")
    assert spec is not None
    assert spec.origin is not None
    core = str(Path(spec.origin).parent / "bin" / "wandb-core")
    file = str(next(folder.glob("*.wandb")))
    words = [core, "leet", "inspect", "--json", "--no-observability", "--run-file", file]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def read_files(command: Command) -> dict[str, dict[str, Any]]:
    """What W&B's own reader finds in the files of all runs, the files of one run put together in their order."""
    runs: dict[str, dict[str, Any]] = defaultdict(lambda: {"rows": [], "summary": {}, "config": {}, "group": ""})
    for folder in sorted((command.folder / "studies" / "mine" / "wandb").glob("offline-run-*")):
        records = [json.loads(line) for line in read_file(folder).splitlines()]
        run_id = next(record["run"]["run_id"] for record in records if record["type"] == "run")
        run = runs[run_id.rpartition("-")[2]]
        for record in records:
            match record:
                case {"type": "run", "run": about}:
                    run["config"] |= about["config"]["update"]
                    run["group"] = about["run_group"]
                case {"type": "history", "history": {"item": row}}:
                    run["rows"].append(row)
                case {"type": "summary", "summary": {"update": update}}:
                    run["summary"] |= update
    return dict(runs)


def read_trials(command: Command) -> list[dict[str, Any]]:
    frame = pd.read_parquet(command.folder / "studies" / "mine" / "trials.parquet")
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def reports(command: Command) -> dict[int, dict[int, dict[str, float]]]:
    found: dict[int, dict[int, dict[str, float]]] = defaultdict(dict)
    for record in command.records("mine"):
        if record["kind"] == "reported":
            found[record["trial_id"]][record["step"]] = record["values"]  # type: ignore[index, assignment]
    return found


def check_runs(runs: dict[str, dict[str, Any]], command: Command) -> None:
    """Every trial's run holds its config, its curve once, and its results; the search's run holds the hypervolume."""
    trials, curves = read_trials(command), reports(command)
    assert set(runs) == {"search", *(f"{trial['trial_id']:05d}" for trial in trials)}
    assert {run["group"] for run in runs.values()} == {"mine"}
    for trial in trials:
        run = runs[f"{trial['trial_id']:05d}"]
        for name in [*DIMENSIONS, "seed", "origin", "trial_id", "candidate"]:
            assert run["config"][name] == trial[name]
        curve = {
            row["_step"]: {name.removeprefix("quick/"): row[name] for name in row if name.startswith("quick/")}
            for row in run["rows"]
        }
        assert curve == curves[trial["trial_id"]]
        assert len(run["rows"]) == len(curve)
        for name in ("state", "accuracy", "robustness", "parameters", "seconds", "degenerate"):
            assert run["summary"][name] == trial[name]
        if trial["is_on_front"]:
            assert run["summary"]["test_accuracy"] == trial["test_accuracy"]
    growth = [row for row in runs["search"]["rows"] if "hypervolume" in row]
    assert [row["trials_ended"] for row in growth] == list(range(1, len(trials) + 1))
    assert [row["hypervolume"] for row in growth] == sorted(row["hypervolume"] for row in growth)
    front = [trial["trial_id"] for trial in trials if trial["is_on_front"]]
    assert sorted(runs["search"]["summary"]["front_trials"]) == front


@pytest.mark.slow
def test_offline_files_hold_every_trial_and_the_front_as_wandb_itself_reads_them(command: Command) -> None:
    """On Ray, which goes down before the last runs are written."""
    on_ray = [word for word in OFFLINE if word != "cluster=serial"]
    code, output = command.run(*on_ray, "cluster.cpus=1")
    assert code == 0, output
    assert "left out" not in output
    assert "W&B: offline, as tracking.mode=offline; runs are kept in " in output
    runs = read_files(command)
    check_runs(runs, command)
    table = runs["search"]["summary"]["front.path"]
    place = next((command.folder / "studies" / "mine" / "wandb").glob("offline-run-*-search"))
    content = json.loads((place / "files" / table).read_text())
    rows = [dict(zip(content["columns"], row, strict=True)) for row in content["data"]]
    front = {trial["trial_id"]: trial for trial in read_trials(command) if trial["is_on_front"]}
    assert {row["trial_id"] for row in rows} == set(front)
    for row in rows:
        for name in ["candidate", "accuracy", "robustness", "test_accuracy", "test_robustness", *DIMENSIONS]:
            assert row[name] == front[row["trial_id"]][name]


@pytest.mark.slow
def test_a_killed_search_goes_on_in_the_same_runs_offline_and_sync_puts_them_together(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = command.start(*OFFLINE, "task.seconds=0.6")
    command.kill_when(first, lambda: _is_amid_the_third_trial(command))
    place = command.folder / "studies" / "mine" / "wandb"
    _wait(lambda: any("RUNNING" in ledger.read_text() for ledger in place.glob("*.sent.jsonl")))
    code, output = command.run("search", "study=mine")
    assert code == 0, output
    check_runs(read_files(command), command)

    module = load_server()
    runs = module.Runs()
    sync = output.partition("`wandb sync ")[2].partition("`")[0]
    with module.serve(runs) as url:
        use_server(monkeypatch, url)
        paths = [str(path) for word in shlex.split(sync) for path in command.folder.glob(word)]
        run_wandb(command.folder, "sync", *paths)
    check_runs({run_id.rpartition("-")[2]: run for run_id, run in runs.items()}, command)


@pytest.mark.slow
def test_a_killed_search_goes_on_in_the_same_runs_online(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    module = load_server()
    runs = module.Runs()
    with module.serve(runs) as url:
        use_server(monkeypatch, url)
        first = command.start(*ONLINE, "task.seconds=0.6")
        command.kill_when(first, lambda: _is_amid_the_third_trial(command))
        _wait(lambda: any(run["summary"].get("state") == "INTERRUPTED" for run in runs.values()))
        code, output = command.run("search", "study=mine")
        assert code == 0, output
        assert f"W&B: {url}/someone/paretoseg/runs/mine-" in output
    check_runs({run_id.rpartition("-")[2]: run for run_id, run in runs.items()}, command)
    assert {run["exit_code"] for run in runs.values()} == {0}


@pytest.mark.slow
def test_a_server_that_never_answers_costs_the_bounded_wait_and_changes_nothing(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        use_server(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}")
        code, output = command.run(*TOY, "tracking.wait_seconds=2")
        assert code == 0, output
        assert "tracking.wait_seconds=2 are over, 6 of 6 trials are not sent; the same command sends" in output
        monkeypatch.setenv("WANDB_MODE", "disabled")
        assert command.run(*(word.replace("mine", "without") for word in TOY))[0] == 0
    assert _found(command, "mine") == _found(command, "without")


def test_online_without_a_key_is_refused_before_anything_is_written(command: Command) -> None:
    code, output = command.run(*TOY, "tracking.mode=online")
    assert code == 2
    assert output.startswith(
        "paretoseg: tracking.mode=online needs a W&B key, and none is configured; run `wandb login`"
    )
    assert output.count("\n") == 1
    assert not (command.folder / "studies").exists()


def _is_amid_the_third_trial(command: Command) -> bool:
    records = command.records("mine")
    return sum(record["kind"] == "finished" for record in records) >= 2 and records[-1]["kind"] == "reported"


def _found(command: Command, study: str) -> list[dict[str, object]]:
    """The journal without what a clock or a machine decides."""
    vague = {"time", "began_at", "seconds", "checksum", "host", "pid", "study", "overrides"}
    return [{name: value for name, value in record.items() if name not in vague} for record in command.records(study)]


def _wait(is_there: Any) -> None:
    while not is_there():
        time.sleep(0.05)
