"""The health of a stored study, in `status` and in the report."""

import json
from pathlib import Path

import pytest

from paretoseg.search.health.checks import CHECKS
from tests.search.command_line import FAILING, TOY, run


@pytest.fixture
def study(elsewhere, capsys):
    assert run(*TOY, "budget.trials=25") == 0
    capsys.readouterr()
    return "studies/mine"


def test_status_ends_with_the_checks(study, capsys):
    assert run("status", study) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("pass    failed trials: 0 of 25 failed") for line in lines)
    assert any("gain over the default" in line for line in lines)
    assert lines[-1].startswith("unknown ")
    assert "early stopping" in lines[-1]


def test_status_as_json_is_one_object_with_every_check(study, capsys):
    assert run("status", study, "--json") == 0
    state = json.loads(capsys.readouterr().out)
    assert (state["study"], state["num_searched"], state["budget"]["trials"], state["writer"]) == ("mine", 25, 25, None)
    assert state["trials"] == {"RUNNING": 0, "FINISHED": 25, "STOPPED": 0, "FAILED": 0}
    assert 0 < state["hypervolume"] < 1
    assert len(state["health"]) == len(CHECKS)
    verdicts = {row["check"]: row["verdict"] for row in state["health"]}
    assert verdicts["failed trials"] == "pass"
    assert verdicts["optimum at the edge"] != "unknown"  # the space was read


def test_the_report_has_a_table_of_them(study):
    assert run("report", study, "--no-pictures") == 0
    page = Path(study, "report.html").read_text()
    assert '<section id="health">' in page
    assert "0 of 25 failed (0%)" in page


def test_failures_come_with_a_remedy(elsewhere, capsys):
    run(*TOY, *FAILING)
    capsys.readouterr()
    assert run("status", "studies/mine") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "fail failed trials: 6 of 6 failed (100%), most of them by error; read the last reasons" in shown


def test_without_its_config_a_study_still_shows_its_state(study, capsys):
    Path(study, "experiment.yaml").unlink()
    assert run("status", study) == 0
    assert "optimum at the edge" in capsys.readouterr().out.splitlines()[-1]
