"""`paretoseg search --dry-run` on this machine: plan, time and memory, and nothing is started or written."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from paretoseg.search.commands import dry_run, estimate
from paretoseg.search.commands.estimate import Estimate
from paretoseg.trainables.trainable import TrialSeconds
from tests.search.command_line import TINY, TOY, read, run

pytestmark = pytest.mark.usefixtures("elsewhere")


def parse(shown: str) -> Mapping[str, str]:
    """The lines of the plan by their first word."""
    lines = [line for line in shown.splitlines() if line.startswith("  ")]
    return {line.split()[0]: line.split(maxsplit=1)[1] for line in lines}


def test_the_plan_of_a_new_search_is_printed_and_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*TOY, "--dry-run") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Plan of studies/mine; nothing is started or written.\n")
    plan = parse(shown)
    assert plan["search"] == "strategy nsga2, pruner never, 6 trials"
    assert plan["goals"].startswith("accuracy (")
    assert "so 0 s for 6 trials" in plan["time"]
    assert list(Path().iterdir()) == []


def test_a_study_that_exists_gives_its_own_seconds_and_what_is_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(*TOY) == 0
    before = {path: path.stat().st_mtime_ns for path in Path().rglob("*")}
    capsys.readouterr()
    monkeypatch.setattr(estimate, "measure_trials", lambda *_: pytest.fail("is not needed"))
    assert run("search", "study=mine", "budget.trials=10", "--dry-run") == 0
    plan = parse(capsys.readouterr().out)
    assert plan["resumes"] == "6 trials were started before"
    assert "by the study's own trials" in plan["time"]
    assert "for 4 trials" in plan["time"]
    assert {path: path.stat().st_mtime_ns for path in Path().rglob("*")} == before
    assert len(read().trials) == 6


def test_time_counts_slots_and_the_confirmation(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made_up = Estimate((TrialSeconds(40.0, 18.0, testing=8.0, building=2.0),), 0.0, "made up")
    monkeypatch.setattr(dry_run, "estimate", lambda *_: made_up)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    words = [word for word in TOY if not word.startswith(("cluster=", "confirm."))]
    assert run(*words, "resources.cpus=2", "confirm.candidates=3", "--dry-run") == 0
    plan = parse(capsys.readouterr().out)
    # 6 trials, two at a time, are 3 minutes. Two further seeds of 3 candidates are as much, and 9 tests 50 seconds.
    assert plan["time"] == (
        "about 1 min 00 s a trial (made up), so 2 min 00 s to 4 min 30 s for 6 trials, 2 at a time; then up to "
        "5 min 45 s to confirm and test up to 3 candidates with 3 seeds each"
    )
    assert plan["search"].endswith("6 trials, then up to 3 candidates with 3 seeds each")


def test_a_search_with_images_says_its_cases_its_memory_and_measures_a_trial(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(*TINY, "budget.trials=2", "--dry-run") == 0
    plan = parse(capsys.readouterr().out)
    assert plan["data"] == "4 train, 4 validation, 3 test cases"
    low, high = map(float, re.findall(r"\d\S*", plan["memory"])[:2])
    assert 0.0 < low <= high < 5.0
    assert "1 at a time; this machine has " in plan["memory"]
    assert "by 3 candidates that were trained for a moment" in plan["time"]
    assert list(Path().iterdir()) == []
