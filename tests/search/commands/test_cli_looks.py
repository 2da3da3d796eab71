"""The commands that look at a study: `front`, `status`."""

import json

import pytest

from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.spaces.search_space import DIMENSIONS
from tests.builders import created
from tests.search.command_line import TOY, read, run

pytestmark = pytest.mark.usefixtures("elsewhere")


def test_the_front_as_json_is_a_list_of_flat_objects(capsys):
    assert run(*TOY) == 0
    capsys.readouterr()
    assert run("front", "studies/mine", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    trials = read().front.trials
    assert [row["trial_id"] for row in rows] == [trial.trial_id for trial in trials]
    for row, trial in zip(rows, trials, strict=True):
        assert {name: row[name] for name in DIMENSIONS} == trial.candidate.as_dict()
        assert {name: row[name] for name in ("accuracy", "robustness")} == trial.objectives
        assert row["parameters"] == trial.costs["parameters"]
        assert isinstance(row["parameters"], int)
        assert (row["num_seeds"], row["trials"]) == (1, str(trial.trial_id))
        assert not any(isinstance(value, dict | list) for value in row.values())


def test_the_front_as_a_table_shows_every_member(capsys):
    assert run(*TOY) == 0
    capsys.readouterr()
    assert run("front", "studies/mine") == 0
    shown = capsys.readouterr().out
    for trial in read().front.trials:
        assert f"{trial.objectives['accuracy']:.3f}" in shown


def test_a_study_in_which_nothing_has_finished_says_so(capsys):
    folder = StudyFolder("studies/young")
    folder.journal.append(created(name="young"))
    folder.journal.close()
    assert run("front", "studies/young") == 0
    assert "No trial has finished yet; `paretoseg status studies/young`" in capsys.readouterr().out
    assert run("front", "studies/young", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []
    assert run("status", "studies/young") == 0
    assert "none yet" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["status", "front"])
def test_a_missing_study_is_refused_with_those_that_there_are(capsys, command):
    for name in ("first", "second"):
        folder = StudyFolder(f"studies/{name}")
        folder.journal.append(created(name=name))
        folder.journal.close()
    for place in ("studies/third", "third", "first"):
        assert run(command, place) == 2
        streams = capsys.readouterr()
        assert streams.out == ""
        assert streams.err.count("\n") == 1
        assert streams.err.startswith(f"paretoseg: no study at '{place}'")
        assert "studies/first" in streams.err
        assert "studies/second" in streams.err
