"""After any process dies at any time, the next one resumes exactly."""

from __future__ import annotations

import re
import signal
from collections import Counter
from typing import TYPE_CHECKING

import pandas as pd
import pytest

if TYPE_CHECKING:
    from conftest import Command

SEARCH = ("search", "task=toy", "strategy=nsga2", "strategy.population=4", "budget.trials=12", "seed=3")


def started(records: list[dict[str, object]]) -> list[tuple[object, ...]]:
    return [
        (record["trial_id"], record["candidate"], record["seed"], record["origin"])
        for record in records
        if record["kind"] == "started"
    ]


def count(records: list[dict[str, object]], kind: str) -> Counter[object]:
    return Counter(record["trial_id"] for record in records if record["kind"] == kind)


def test_kill_at_any_moment_loses_no_trial_repeats_none_and_changes_no_proposal(command: Command) -> None:
    """Neither in the search nor while the front is confirmed."""
    whole = ("study=whole", "cluster=serial", "task.seconds=0.05", "task.wobble=0.02")
    assert command.run(*SEARCH, *whole)[0] == 0
    expected = started(command.records("whole"))

    torn = (*SEARCH, "study=torn", "cluster=serial", "task.seconds=0.05", "task.wobble=0.02")
    for num_records in (3, 9, 17, 30, 44, 68, 76):
        process = command.start(*torn)
        command.kill_when(process, lambda: _has_records(command, num_records))  # noqa: B023
    assert command.run(*torn)[0] == 0

    records = command.records("torn")
    assert started(records) == expected
    assert set(count(records, "finished").values()) == {1}
    assert len(count(records, "finished")) == len(expected) > 12
    assert sum(record["kind"] == "confirming" for record in records) == 1
    assert sum(count(records, "resumed").values()) >= 1, "no kill hit a running trial, so nothing was tested"


def _is_amid_a_trial(records: list[dict[str, object]], num_finished: int) -> bool:
    return len(count(records, "finished")) >= num_finished and records[-1]["kind"] == "reported"


def _has_records(command: Command, num_records: int) -> bool:
    return len(command.records("torn")) >= num_records


@pytest.mark.slow
def test_kill_of_the_driver_on_ray_goes_on_with_the_same_candidates(command: Command) -> None:
    assert command.run(*SEARCH, "study=whole", "cluster=serial", "confirm.seeds=1")[0] == 0
    on_ray = (*SEARCH, "study=torn", "resources.max_concurrent=1", "task.seconds=0.3", "confirm.seeds=1")
    process = command.start(*on_ray)
    command.kill_when(process, lambda: _is_amid_a_trial(command.records("torn"), num_finished=5))
    finished_before = set(count(command.records("torn"), "finished"))
    code, output = command.run(*on_ray)

    assert code == 0, output
    assert "Resuming" in output
    records = command.records("torn")
    assert started(records) == started(command.records("whole"))
    assert set(count(records, "finished").values()) == {1}
    resumed = set(count(records, "resumed"))
    assert len(resumed) == 1
    assert not resumed & finished_before


@pytest.mark.slow
def test_ctrl_c_on_ray_stops_with_a_word_on_how_to_resume(command: Command) -> None:
    on_ray = ("search", "study=stopped", "task=toy", "task.seconds=0.5", "budget.trials=40")
    process = command.start(*on_ray)
    command.wait_for(process, lambda: len(count(command.records("stopped"), "finished")) >= 3)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate()

    assert process.returncode == 75
    assert re.search(r"Work is left; resume with: .*paretoseg search study=stopped", output)
    assert "Traceback" not in output
    trials = pd.read_parquet(command.folder / "studies" / "stopped" / "trials.parquet")
    assert (trials.state == "FINISHED").sum() >= 3


def test_sigusr1_stops_with_work_left_and_another_process_goes_on_at_once(command: Command) -> None:
    words = (*SEARCH, "study=told", "cluster=serial", "tracking.mode=disabled", "confirm.seeds=1")
    process = command.start(*words, "task.seconds=0.5")
    command.wait_for(process, lambda: len(count(command.records("told"), "finished")) >= 2)
    process.send_signal(signal.SIGUSR1)
    output, _ = process.communicate()
    assert process.returncode == 75, output
    assert "Traceback" not in output

    code, output = command.run("search", "study=told", "tracking.mode=disabled")
    assert code == 0, output
    finished = count(command.records("told"), "finished")
    assert len(finished) == 12
    assert set(finished.values()) == {1}


def test_a_second_process_is_refused_while_the_first_lives(command: Command) -> None:
    words = ("search", "study=busy", "task=toy", "task.seconds=5", "cluster=serial")
    first = command.start(*words)
    command.wait_for(first, lambda: (command.folder / "studies" / "busy" / "experiment.yaml").exists())
    code, output = command.run(*words)

    assert code == 2
    assert f"is being written by process {first.pid}" in output
    assert "Traceback" not in output
    _, status = command.run("status", "studies/busy")
    assert f"process {first.pid}" in status
