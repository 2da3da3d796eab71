"""A study trains its baselines first, marks them wherever candidates are shown, and resumes with the same ones."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from paretoseg.search.api.public import open_study
from paretoseg.search.commands.cli import main
from paretoseg.search.strategies.known_first import KnownFirst
from tests.search.command_line import read, run

WORDS = [
    "search", "study=mine", "cluster=serial", "strategy=nsga2", "strategy.population=4", "task.num_steps=1",
    "task.iterations_per_step=6", "task.pixels_per_batch=4096", "task.corruptions=[gaussian_blur]",
    "task.severities=[3]", "task.num_quick_cases=1", "task.least_loss=0", "data.image_size=32", "data.num_train=4",
    "data.num_validation=3", "data.num_test=2", "space.depth=2", "space.width=[4,8]", "space.patch=32",
    "confirm.seeds=1",
]  # fmt: skip
"""Networks that train for a moment; the usual baseline, which such a budget scales."""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_study_trains_and_marks_its_baseline_and_resumes_with_it(capsys):
    assert main([*WORDS, "budget.trials=4"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Note: nnU-Net would take" in shown
    assert "called 'scaled nnU-Net'" in shown
    assert "Note: baseline scaled nnU-Net: patches of 32 x 32, batches of 2," in shown
    assert "trial 0 FINISHED scaled nnU-Net" in shown
    assert "Baseline scaled nnU-Net (trial 0): " in shown
    assert "its training is too short for a verdict on nnU-Net" in shown
    whole = read()
    first, *others = whole.trials
    assert (first.origin, first.candidate.architecture.family, first.candidate.recipe.training) == (
        "baseline", "nnunet", "nnunet",
    )  # fmt: skip
    assert whole.created.baselines == (first.candidate,)
    assert others[0].origin == "default"
    assert all(first.trial_id not in trial.parents for trial in others)
    assert not first.is_eligible or first.test, "a baseline is measured on the test cases"

    table = pq.read_table("studies/mine/trials.parquet")
    assert table["baseline"].to_pylist() == ["scaled nnU-Net", "", "", ""]
    assert run("status", "studies/mine", "--json") == 0
    assert json.loads(capsys.readouterr().out)["baselines"] == {"0": "scaled nnU-Net"}
    assert run("status", "studies/mine") == 0
    assert "Baseline scaled nnU-Net (trial 0)" in capsys.readouterr().out
    assert run("report", "studies/mine") == 0
    assert '"baseline":"scaled nnU-Net"' in Path("studies/mine/report.html").read_text().replace('": "', '":"')
    assert open_study("studies/mine").trials["baseline"].iloc[0] == "scaled nnU-Net"
    if first.is_eligible:
        capsys.readouterr()
        assert run("ablate", "studies/mine", "--candidate", "0") == 2
        assert "candidate 0 is the baseline scaled nnU-Net" in capsys.readouterr().err

    assert main([*WORDS, "study=again", "budget.trials=2"]) == 0
    assert run("search", "study=again", "budget.trials=4") == 0
    again = read("again")
    assert [(one.candidate, one.origin) for one in again.trials] == [
        (one.candidate, one.origin) for one in whole.trials
    ]
    assert [one.objectives for one in again.trials] == [one.objectives for one in whole.trials]


def test_a_budget_that_ends_before_the_baselines_is_refused_and_names_them(capsys):
    assert main([*WORDS, "budget.trials=1", "baselines=[nnunet,resenc]"]) == 2
    assert "with nnunet, resenc among them (baselines=[] leaves those out)" in capsys.readouterr().err


def test_a_baseline_in_the_space_is_told_to_the_strategy(monkeypatch):
    told = []
    monkeypatch.setattr(
        KnownFirst, "tell", lambda self, trial, result: told.append(trial.candidate not in self._outside)
    )
    words = ["space.family=[composable,nnunet]", "space.training=[own,nnunet]", "space.width=[4,32]"]
    words += ["space.mirroring=all", "space.weight_decay=all", "budget.trials=1"]
    assert main([*(word for word in WORDS if not word.startswith("space.width")), *words]) == 0
    assert told
    assert all(told)
