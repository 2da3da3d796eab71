"""Objectives, constraints, reference, known points and warm starts, as the command line takes them."""

import shutil

import pytest

from paretoseg.search.commands.cli import main
from paretoseg.trainables.toy import count_parameters
from tests.search.command_line import TOY, read, run

CHOSEN = [
    *TOY, "objectives=[accuracy,parameters]", 'constraints=["parameters<=1e5","accuracy>=.7"]',
    "reference={accuracy: 0.5}", "strategy.known=[{width: 8, depth: 3}]",
]  # fmt: skip


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_search_optimises_what_it_is_asked_to_within_its_constraints(capsys):
    assert main(CHOSEN) == 0
    shown = capsys.readouterr().out
    assert "Lower is better: parameters [weights]." in shown.replace("\n", " ")
    record = read()
    assert [item.name for item in record.objectives] == ["accuracy", "parameters"]
    assert [item.reference for item in record.objectives] == [0.5, 1e9]
    assert record.created.constraints == ("parameters<=100000", "accuracy>=0.7")
    assert record.created.cost_names == ("robustness",)
    first, *others = record.trials
    assert (first.origin, first.candidate.architecture.width, first.candidate.architecture.depth) == ("known", 8, 3)
    assert others[0].origin == "default"
    for trial in record.trials:
        assert trial.objectives["parameters"] == count_parameters(trial.candidate) <= 1e5
        assert trial.costs["robustness"] > 0.0
    assert all(result.objectives["accuracy"] >= 0.7 for result in record.front.results)
    expected = {result.number for result in record.results if result.objectives["accuracy"] >= 0.7}
    assert {result.number for result in record.feasible} == expected


def test_a_resumed_search_proposes_the_same(tmp_path):
    assert main([*CHOSEN, "budget.trials=9"]) == 0
    whole = [(trial.candidate, trial.origin) for trial in read().trials]
    shutil.rmtree(tmp_path / "studies" / "mine")
    assert main([*CHOSEN, "budget.trials=3"]) == 0
    assert run("search", "study=mine", "budget.trials=9") == 0
    assert [(trial.candidate, trial.origin) for trial in read().trials] == whole


def test_a_warm_start_gives_the_front_of_an_earlier_study_and_lists_what_does_not_fit(capsys, tmp_path):
    assert run(*TOY, "budget.trials=8", "space.width=[4,32]") == 0
    earlier = read()
    capsys.readouterr()
    later = [*TOY, "study=later", "space.width=[8,16]", "strategy.warm_start=[studies/mine]", "strategy.warm_count=8"]
    assert run(*later, "budget.trials=1") == 2
    assert "budget.trials=1 ends before the" in capsys.readouterr().err
    assert run(*later, "budget.trials=12") == 0
    shown = capsys.readouterr().out
    fitting = [one for one in earlier.results if 8 <= one.candidate.architecture.width <= 16]
    warm = [trial.candidate for trial in read("later").trials if trial.origin == "warm_start"]
    assert set(warm) == {one.candidate for one in fitting}
    on_front = [one.candidate for one in earlier.front.results if one in fitting]
    assert warm[: len(on_front)] == on_front
    for one in earlier.results:
        line = f"the warm start leaves out candidate {one.number} of studies/mine: dimension 'width'"
        assert (line in shown) == (one not in fitting)
    shutil.rmtree(tmp_path / "studies" / "mine")
    assert run("search", "study=later", "budget.trials=14") == 0  # the earlier study is not read again


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["objectives=[accuracy,acuracy]"], "unknown objective 'acuracy'; did you mean 'accuracy'?"),
        (["objectives=[accuracy,accuracy]"], "objectives names accuracy twice"),
        (["objectives=[accuracy]"], "objectives must name at least two"),
        (["objectives=[accuracy,latency_ms]"], "this task does not measure latency_ms apart"),
        (['constraints=["parameters<=1e6","parameters>=2e6"]'], "contradict each other"),
        (['constraints=["accuracy>=2"]'], "accuracy>=2 can never be met, as accuracy lies in 0..1; change the bound"),
        (['constraints=["parameters<=10"]'], "none of 1,000 drawn candidates meets parameters<=10; the smallest has"),
        (["reference={flops: 3}"], "reference names flops, which is no objective"),
        (["strategy.known=[{widht: 8}]"], "strategy.known[0]: unknown dimension 'widht'"),
        (["strategy.known=[{width: 8},{width: 12}]", "budget.trials=1"], "budget.trials=1 ends before the 2 known"),
        (["strategy.warm_start=[nowhere]"], "strategy.warm_start: 'nowhere' cannot be read"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing_behind(words, message, capsys, tmp_path):
    assert run(*TOY, *words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "studies").exists()


def test_a_space_of_one_candidate_is_refused(capsys):
    pins = ["skip=none", "depth=2", "width=8", "attention=none", "patch=32", "foreground_ratio=0.5"]
    pins += ["mirroring=off", "augmentation=none", "learning_rate=0.01"]
    assert run(*TOY, *(f"space.{pin}" for pin in pins)) == 2
    assert "the space holds a single candidate, so there is nothing to search" in capsys.readouterr().err


def test_a_warm_start_from_a_study_with_other_objectives_is_refused(capsys):
    assert main(CHOSEN) == 0
    assert run(*TOY, "study=later", "strategy.warm_start=[studies/mine]") == 2
    assert "'studies/mine' is of another task: its objectives are accuracy, parameters" in capsys.readouterr().err


@pytest.mark.parametrize("change", ["objectives=[accuracy,robustness]", 'constraints=["accuracy>=.9"]', "reference={}"])
def test_a_study_keeps_its_preferences(change, capsys):
    assert main(CHOSEN) == 0
    capsys.readouterr()
    assert run("search", "study=mine", "budget.trials=7", change) == 2
    assert "cannot be resumed with" in capsys.readouterr().err
