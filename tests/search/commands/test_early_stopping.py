"""`pruner=asha` from the command line: the search, `status`, `report` and the budget of voxels."""

import json
from pathlib import Path

import pytest

from tests.search.command_line import TOY, read, run

pytestmark = pytest.mark.usefixtures("elsewhere")

ASHA = [
    *TOY[:3], "cluster=serial", "strategy=random", "confirm.seeds=1", "budget.trials=20", "pruner=asha",
    "pruner.min_trials=2", "pruner.assumed_noise=0.1", "pruner.control_share=0.3",
]  # fmt: skip


def test_a_search_says_what_it_stopped_and_status_and_report_say_why(capsys):
    assert run(*ASHA) == 0
    shown = capsys.readouterr().out
    assert "Early stopping: " in shown
    record = read()
    judged = [trial for trial in record.trials if trial.receipt]
    assert judged
    assert run("status", "studies/mine") == 0
    assert f"receipt trial {judged[-1].trial_id} " in capsys.readouterr().out
    assert run("status", "studies/mine", "--json") == 0
    plain = json.loads(capsys.readouterr().out)
    assert [one["trial_id"] for one in plain["early_stopping"]["receipts"]] == [trial.trial_id for trial in judged]
    assert run("report", "studies/mine") == 0
    assert '<section id="stopping">' in Path("studies/mine/report.html").read_text()


def test_a_running_search_says_when_a_step_turns_out_not_to_predict_the_end(capsys, monkeypatch):
    monkeypatch.setattr("paretoseg.search.strategies.agreement.LEAST_TAU", 2.0)  # more than any step reaches
    assert run(*ASHA) == 0
    lines = capsys.readouterr().out.splitlines()
    news = [place for place, line in enumerate(lines) if line.startswith("Note: step 1 does not predict the end")]
    finished = [place for place, line in enumerate(lines) if " FINISHED " in line]
    assert finished[7] < news[0] < finished[8]  # at once, when the eighth trial has finished
    assert len(news) == 2  # and once more at the end
    assert news[1] > finished[-1]


def test_another_pruner_is_refused_when_a_study_is_resumed(capsys):
    assert run(*TOY, "budget.trials=1") == 0
    capsys.readouterr()
    assert run("search", "study=mine", "pruner=asha") == 2
    assert "was started with pruner=never and cannot be resumed with pruner=asha" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["budget.voxels=1e6"], "budget.voxels needs a task that counts them, as segmentation does; use budget.trials"),
        (["budget.voxels=0"], "budget.voxels must be above 0 and finite, or null for no limit, got 0"),
        (["pruner=asha", "pruner.eta=1"], "pruner.eta must be at least 2, got 1"),
        (["pruner=asha", "pruner.guard=speed"], "guard"),
        (["pruner=median", "pruner.eta=3"], "pruner.eta"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(capsys, words, message):
    assert run(*TOY, *words) == 2
    refused = capsys.readouterr().err
    assert message in refused
    assert refused.count("\n") == 1
