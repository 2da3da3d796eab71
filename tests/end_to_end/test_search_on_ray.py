"""The whole path on a real Ray: processes, actors, failures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd
import pytest

if TYPE_CHECKING:
    from conftest import Command

pytestmark = pytest.mark.slow


def test_a_search_on_two_slots_ends_with_a_front_that_is_confirmed(command: Command) -> None:
    words = (
        "task.seconds=0.2",
        "task.wobble=0.02",
        "strategy=nsga2",
        "strategy.population=8",
        "budget.trials=24",
        "seed=1",
    )
    code, output = command.run("search", "study=toy", "task=toy", *words)

    assert code == 0, output
    assert "2 at a time" in output
    folder = command.folder / "studies" / "toy"
    trials = pd.read_parquet(folder / "trials.parquet")
    assert set(trials.state) == {"FINISHED"}
    assert sum(trials.origin != "confirmation") == 24 < len(trials)
    candidates = pd.read_parquet(folder / "candidates.parquet").set_index("trial_id")
    confirmed = candidates[candidates.is_confirmed]
    assert len(confirmed) >= 1
    assert set(confirmed.num_tested) == {3}
    assert candidates[candidates.num_tested == 0].test_accuracy.isna().all()
    tested = {number for numbers in confirmed.trials for number in numbers}
    assert set(trials[trials.test_accuracy.notna()].trial_id) == tested
    assert {f"trial-{number:05d}" for number in tested} <= {path.name for path in (folder / "checkpoints").iterdir()}
    assert "Confirmed with further seeds and on test cases: " in output
    front = candidates[candidates.is_on_front]
    assert (folder / "front.png").read_bytes().startswith(b"\x89PNG")
    cases = pd.read_parquet(folder / "cases")
    means = cases[cases.split == "validation"].groupby(["trial_id", "corruption"]).value.mean().unstack()
    assert means["none"].to_numpy() == pytest.approx(trials.accuracy.to_numpy())
    assert means["toy"].to_numpy() == pytest.approx(trials.robustness.to_numpy())

    code, output = command.run("front", "studies/toy", "--json")
    assert code == 0
    ordered = front.reset_index().sort_values(["accuracy", "trial_id"], ascending=[False, True])
    assert [row["trial_id"] for row in json.loads(output)] == list(ordered.trial_id)


def test_a_worker_that_dies_or_raises_fails_its_trial_alone(command: Command) -> None:
    for failure, kind in (("error", "error"), ("exit", "lost")):
        words = (
            "search",
            f"study={failure}",
            "task=toy",
            f"task.failure={failure}",
            "task.fails_below=0.3",
            "confirm.seeds=1",
        )
        code, output = command.run(*words, "budget.trials=8", "budget.max_failures=8")
        assert code == 0, output
        trials = pd.read_parquet(command.folder / "studies" / failure / "trials.parquet")
        failed = trials[trials.foreground_ratio < 0.3]
        assert 0 < len(failed) < 8
        assert set(failed.state) == {"FAILED"}
        assert set(failed.failure) == {kind}
        assert failed.reason.str.len().min() > 10
        assert set(trials[trials.foreground_ratio >= 0.3].state) == {"FINISHED"}
        assert not failed.is_on_front.any()


def test_a_search_that_only_fails_gives_up_and_says_why(command: Command) -> None:
    words = ("search", "study=broken", "task=toy", "task.failure=diverge", "task.fails_below=1")
    code, output = command.run(*words, "budget.trials=30", "budget.max_failures=4")

    assert code == 3
    assert "Stopped: 4 trials failed in a row" in output
    assert "accuracy must be finite, got nan" in output
    assert len(pd.read_parquet(command.folder / "studies" / "broken" / "trials.parquet")) <= 6
    code, output = command.run("status", "studies/broken")
    assert code == 0
    assert "FAILED" in output
    assert "diverge" not in output
    assert "nan" in output


def test_a_trial_that_hangs_is_ended_after_its_time(command: Command) -> None:
    words = (
        "search",
        "study=hang",
        "task=toy",
        "task.failure=hang",
        "task.fails_below=0.4",
        "budget.trials=3",
        "confirm.seeds=1",
    )
    code, output = command.run(*words, "resources.timeout_min=0.02", "space.foreground_ratio=[0.1,0.5]")

    assert code == 0, output
    trials = pd.read_parquet(command.folder / "studies" / "hang" / "trials.parquet")
    failed = trials[trials.foreground_ratio < 0.4]
    assert len(failed) >= 1
    assert set(failed.failure) == {"timeout"}


def test_a_search_runs_beside_modules_of_the_users_own_with_the_names_of_our_folders(command: Command) -> None:
    """In the command itself and in Ray's workers; each module here would end whatever imports it."""
    for name in ("spaces", "cluster", "trainables", "calibration"):
        (command.folder / f"{name}.py").write_text("raise SystemExit('the module of the user was imported')\n")
    (command.folder / "search").mkdir()
    (command.folder / "search" / "__init__.py").write_text("raise SystemExit('the package of the user was imported')\n")
    code, output = command.run("search", "study=toy", "task=toy", "budget.trials=4")
    assert code == 0, output
    trials = pd.read_parquet(command.folder / "studies" / "toy" / "trials.parquet")
    assert set(trials.state) == {"FINISHED"}
