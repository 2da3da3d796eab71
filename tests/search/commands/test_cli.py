"""The command line from a search to its end, what it prints, and what it refuses."""

import json
from pathlib import Path

import pytest

from paretoseg.search.config.config import CHOICES, list_experiments
from paretoseg.search.config.overrides import quote
from paretoseg.search.trials.trial import State
from tests.search.command_line import FAILING, TOY, next_words, read, run

pytestmark = pytest.mark.usefixtures("elsewhere")

COMMANDS = [[], ["search"], ["status"], ["front"], ["report"], ["export"], ["complexity"], ["predict"], ["doctor"]]


def test_a_search_runs_to_its_end_and_says_what_to_type_next(capsys):
    assert run(*TOY) == 0
    shown = capsys.readouterr().out
    assert "Front of mine" in shown
    assert "paretoseg front studies/mine" in shown
    assert [trial.state for trial in read().trials] == [State.FINISHED] * 6
    files = {path.name for path in Path("studies/mine").iterdir()}
    assert {"experiment.yaml", "journal", "trials.parquet", "cases", "checkpoints", "front.csv", "front.png"} <= files


def test_the_same_command_again_repeats_nothing(capsys):
    assert run(*TOY) == 0
    before = read().trials
    assert run(*TOY) == 0
    assert read().trials == before
    assert "The study is complete" in capsys.readouterr().out


def test_a_larger_budget_goes_on_with_the_study():
    assert run(*TOY) == 0
    before = read().trials
    assert run("search", "study=mine", "budget.trials=9") == 0
    after = read().trials
    assert len(after) == 9
    assert [trial.candidate for trial in after[:6]] == [trial.candidate for trial in before]


def test_a_changed_seed_is_refused_with_the_way_out(capsys):
    assert run(*TOY) == 0
    capsys.readouterr()
    assert run("search", "study=mine", "seed=4") == 2
    error = capsys.readouterr().err
    assert error.startswith("paretoseg: study 'mine' was started with seed=0 and cannot be resumed with seed=4")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "override", ["sed=1", "space.dept=2", "strategy=nsga3", "budget.trials=0", "space.depth=9", "+a=1"]
)
def test_a_mistake_is_refused_before_anything_is_written(capsys, override):
    assert run(*TOY, override) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err.startswith("paretoseg: ")
    assert streams.err.count("\n") == 1
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: " ".join(words) or "paretoseg")
def test_help_shows_examples(capsys, command):
    with pytest.raises(SystemExit) as leaving:
        run(*command, "--help")
    assert leaving.value.code == 0
    shown = capsys.readouterr().out
    assert "examples:\n  paretoseg " in shown
    assert "usage: paretoseg" in shown


def test_help_names_every_option_and_experiment(capsys):
    with pytest.raises(SystemExit):
        run("search", "--help")
    words = capsys.readouterr().out
    for group, options in CHOICES.items():
        listed = next(word for word in words.split() if word.startswith(f"{group}=") and "|" in word)
        assert set(listed.removeprefix(f"{group}=").split("|")) == set(options)
    line = next(line for line in words.splitlines() if line.lstrip().startswith("experiment=NAME"))
    assert line.split("start from: ")[1].split(", ") == list_experiments()


@pytest.mark.parametrize("storage", ["a b", "it's", '"quoted"', "'mine'"])
def test_the_commands_that_are_printed_can_be_pasted(capsys, storage):
    assert run(*TOY, f"storage={quote(storage)}") == 0
    shown = capsys.readouterr().out
    assert Path(storage, "mine", "journal").is_dir()
    assert run(*next_words(shown, "paretoseg front")) == 0
    assert run(*next_words(shown, "paretoseg status")) == 0
    capsys.readouterr()
    assert run(*TOY, *FAILING, "study=other", f"storage={quote(storage)}") == 3
    assert run(*next_words(capsys.readouterr().out, "paretoseg search", "budget.trials=12")) == 3
    assert "Resuming" in capsys.readouterr().out


def test_help_documents_the_exit_codes(capsys):
    with pytest.raises(SystemExit):
        run("search", "--help")
    shown = capsys.readouterr().out.split("exit codes:")[1]
    assert [line.split()[0] for line in shown.split("\n\n")[0].strip().splitlines()] == [
        *("0", "1", "2", "3", "74", "75", "130")
    ]


def test_no_command_shows_the_help(capsys):
    assert run() == 0
    shown = capsys.readouterr().out
    assert shown.startswith("usage: paretoseg")
    assert "predict " in shown


def test_a_folder_with_brackets_in_its_name_is_no_markup(capsys):
    assert run(*TOY, "storage='odd [/red] place'") == 0
    assert "odd [/red] place/mine" in capsys.readouterr().out
    assert run("status", "odd [/red] place/mine") == 0
    assert run("front", "odd [/red] place/mine") == 0


def test_a_study_at_a_uri_is_searched_resumed_and_shown(s3_storage, tmp_path, capsys):
    storage = s3_storage.replace("/studies?", f"/{tmp_path.name}?")
    place = storage.replace(f"/{tmp_path.name}?", f"/{tmp_path.name}/mine?")
    words = [*TOY[:-1], f"storage='{storage}'"]
    assert run(*words, "budget.trials=2") == 0
    assert run(*words, "budget.trials=4") == 0
    capsys.readouterr()
    assert run("front", place, "--json") == 0
    streams = capsys.readouterr()
    assert 1 <= len(json.loads(streams.out)) <= 4
    assert run("status", place) == 0
    assert "4 of 4: 4 FINISHED" in capsys.readouterr().out
