"""Trials on two processes each, on a real Ray: Ray Train starts them, and they run like any other trial."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pandas as pd
import psutil
import pytest

if TYPE_CHECKING:
    from conftest import Command

pytestmark = pytest.mark.slow

TWO_WORKERS = ("resources.workers=2", "resources.cpus=2", "tracking.mode=disabled")
TINY = (
    "task=segmentation",
    "baselines=[]",
    "confirm.seeds=1",
    "task.num_steps=2",
    "task.iterations_per_step=3",
    "task.pixels_per_batch=5120",
    "data.num_train=4",
    "data.num_validation=2",
    "data.num_test=2",
    "space.width=4",
    "space.depth=2",
    "space.patch=32",
    "budget.trials=2",
)


def read_trials(command: Command, study: str) -> pd.DataFrame:
    return pd.read_parquet(command.folder / "studies" / study / "trials.parquet")


# Ray titles a trial's process after Tune's wrapper while a method runs in it, and after the actor between two methods.
RANK, TRIAL = ("ray::RayTrainWorker",), ("ray::ResourceTrainable", "ray::TrialActor")


def find(pid: int, titles: tuple[str, ...]) -> list[psutil.Process]:
    """Processes below a search: Ray calls them after what it runs in them."""
    children = psutil.Process(pid).children(recursive=True)
    return [child for child in children if " ".join(child.cmdline()).startswith(titles)]


def is_between_steps(records: list[dict[str, object]], but_not_in: list[object]) -> bool:
    """Whether another trial has reported its first step of two, and nothing happened since."""
    return (
        bool(records)
        and records[-1]["kind"] == "reported"
        and records[-1]["step"] == 1
        and records[-1]["trial_id"] not in but_not_in
    )


def test_two_workers_search_the_same_candidates_and_measure_the_same_as_one(command: Command) -> None:
    code, output = command.run("search", "study=two", *TINY, *TWO_WORKERS)
    assert code == 0, output
    assert "1 at a time" in output
    assert command.run("search", "study=one", *TINY, "cluster=serial", "tracking.mode=disabled")[0] == 0

    one, two = read_trials(command, "one"), read_trials(command, "two")
    dimensions = ["skip", "depth", "width", "attention", "patch", "foreground_ratio", "augmentation", "learning_rate"]
    assert set(two.state) == {"FINISHED"}
    assert one[dimensions].equals(two[dimensions])
    for objective in ("accuracy", "robustness"):
        assert two[objective].to_numpy() == pytest.approx(one[objective].to_numpy(), abs=5e-3)
    rows = {name: pd.read_parquet(command.folder / "studies" / name / "cases") for name in ("one", "two")}
    keys = ["trial_id", "split", "case", "corruption", "severity"]
    assert rows["one"][keys].equals(rows["two"][keys])


def test_processes_that_are_killed_cost_no_trial_and_hold_no_resources(command: Command) -> None:
    """One search, as each of its trials loses other processes: a rank, the trial itself, the trial and its ranks."""
    words = (
        "search",
        "study=killed",
        "task=toy",
        "task.seconds=2",
        "task.num_steps=2",
        "budget.trials=3",
        "confirm.seeds=1",
    )
    process = command.start(*words, *TWO_WORKERS)
    hit: list[object] = []
    all_ranks: list[psutil.Process] = []
    for killed in ("rank", "trial", "trial and ranks"):
        command.stop_when(process, lambda: is_between_steps(command.records("killed"), hit))
        hit.append(command.records("killed")[-1]["trial_id"])
        ranks = find(process.pid, RANK)
        assert len(ranks) == 2
        all_ranks += ranks
        # A rank that is killed with the trial cannot free anything any more.
        doomed = [*([find(process.pid, TRIAL)[-1]] if "trial" in killed else []), *(ranks if "ranks" in killed else [])]
        for victim in doomed or ranks[-1:]:
            victim.send_signal(signal.SIGKILL)
        process.send_signal(signal.SIGCONT)
        # The machine has room for one trial of two processes: nothing would go on if the old ones kept theirs.
    output, _ = process.communicate()

    assert process.returncode == 0, output
    records = command.records("killed")
    assert [record["trial_id"] for record in records if record["kind"] == "resumed"] == hit
    assert len(set(hit)) == 3
    assert set(read_trials(command, "killed").state) == {"FINISHED"}
    assert not [rank for rank in all_ranks if rank.is_running()]


def test_a_failure_that_all_processes_share_fails_the_trial_alone(command: Command) -> None:
    words = (
        "study=failing",
        "task=toy",
        "task.failure=diverge",
        "task.fails_below=0.3",
        "budget.trials=6",
        "confirm.seeds=1",
    )
    code, output = command.run("search", *words, "budget.max_failures=6", *TWO_WORKERS)
    assert code == 0, output
    trials = read_trials(command, "failing")
    failed = trials[trials.foreground_ratio < 0.3]
    assert 0 < len(failed) < 6
    assert set(failed.failure) == {"nan"}
    assert set(trials[trials.foreground_ratio >= 0.3].state) == {"FINISHED"}


def test_several_workers_in_one_process_are_refused(command: Command) -> None:
    code, output = command.run("search", "study=serial", "task=toy", "cluster=serial", "resources.workers=2")
    assert code == 2
    assert "cluster=serial trains in one process" in output
    assert "Traceback" not in output
    assert not (command.folder / "studies" / "serial").exists()
