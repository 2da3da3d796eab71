import dataclasses
import json
import os
import resource
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from search.cli import main
from search.config import CHOICES, list_experiments
from search.overrides import quote
from search.store.lock import hold_lock
from search.store.study_folder import StudyFolder
from search.trial import FailureKind, State
from spaces.search_space import DIMENSIONS
from tests.builders import created
from trainables import toy

TOY = ["search", "study=mine", "task=toy", "cluster=serial", "strategy.population=4", "budget.trials=6"]
COMMANDS = [[], ["search"], ["status"], ["front"], ["report"], ["export"], ["complexity"]]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Every command runs in an empty folder, on a terminal of eighty columns that is none."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")


def run(*arguments):
    return main([str(argument) for argument in arguments])


def read(name="mine"):
    return StudyFolder(f"studies/{name}").read_record()


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
    assert error.startswith("paretoseg: study 'mine' was begun with seed=0 and cannot go on with seed=4")
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


def test_trials_that_fail_in_a_row_stop_the_search(capsys):
    assert run(*TOY, "task.failure=error", "task.fails_below=2", "budget.max_failures=2") == 3
    shown = capsys.readouterr().out
    assert "Stopped: 2 trials failed in a row, the last one (trial 1) with error: RuntimeError: the toy was" in shown
    assert "paretoseg search study=mine" in shown
    assert len(read().trials) == 2


def test_ctrl_c_leaves_a_study_that_goes_on_as_if_nothing_had_happened(monkeypatch, capsys):
    step, num_steps = toy.ToyTrainable.step, []

    def interrupted_step(self):
        num_steps.append(1)
        if len(num_steps) == 8:
            raise KeyboardInterrupt
        return step(self)

    monkeypatch.setattr(toy.ToyTrainable, "step", interrupted_step)
    assert run(*TOY) == 75
    assert "Work is left; resume with: paretoseg search study=mine" in capsys.readouterr().out
    assert [trial.state for trial in read().trials] == [State.FINISHED, State.FINISHED, State.RUNNING]
    assert run("search", "study=mine") == 0
    assert [trial.num_attempts for trial in read().trials] == [1, 1, 2, 1, 1, 1]
    assert run(*(word.replace("mine", "whole") for word in TOY)) == 0
    assert [trial.candidate for trial in read().trials] == [trial.candidate for trial in read("whole").trials]


def test_a_full_disk_stops_cleanly_and_the_search_goes_on_when_there_is_room():
    """The limit on file sizes stands for a full disk; it is met in the middle of the search."""
    code = "import sys; from search.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, *TOY],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (11000, resource.RLIM_INFINITY)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 74, done.stderr
    assert "Traceback" not in done.stderr
    assert "free some space and run the same command again" in done.stdout + done.stderr
    assert 0 < len(read().trials) <= 6
    assert run(*TOY) == 0
    assert [trial.state for trial in read().trials] == [State.FINISHED] * 6
    assert run(*(word.replace("mine", "whole") for word in TOY)) == 0
    assert [trial.candidate for trial in read().trials] == [trial.candidate for trial in read("whole").trials]


def test_a_study_that_is_being_written_is_refused(capsys):
    assert run(*TOY) == 0
    capsys.readouterr()
    with hold_lock(StudyFolder("studies/mine").folder):
        assert run(*TOY) == 2
        assert run("status", "studies/mine") == 0
    streams = capsys.readouterr()
    assert f"being written by process {os.getpid()}" in streams.err
    assert f"writer  process {os.getpid()}" in streams.out


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
        assert row["state"] == "FINISHED"
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


def next_words(shown, *parts):
    """The arguments of a command that was printed, as a shell reads them."""
    [line] = [line for line in shown.splitlines() if all(part in line for part in parts)]
    return shlex.split(line[line.rindex("paretoseg ") :])[1:]


@pytest.mark.parametrize("storage", ["a b", "it's", '"quoted"', "'mine'"])
def test_the_commands_that_are_printed_can_be_pasted(capsys, storage):
    assert run(*TOY, f"storage={quote(storage)}") == 0
    shown = capsys.readouterr().out
    assert Path(storage, "mine", "journal").is_dir()
    assert run(*next_words(shown, "paretoseg front")) == 0
    assert run(*next_words(shown, "paretoseg status")) == 0
    capsys.readouterr()
    assert run(*next_words(shown, "paretoseg search", "budget.trials=12")) == 0
    assert "Resuming" in capsys.readouterr().out


def test_a_search_whose_trials_all_failed_says_how_to_get_more(capsys):
    words = [*TOY[:-1], "budget.trials=3", "budget.max_failures=3", "task.failure=error", "task.fails_below=1"]
    assert run(*words) == 3
    shown = capsys.readouterr().out
    assert run(*next_words(shown, "resume with: paretoseg search study=mine budget.trials=6")) == 3
    assert len(read().trials) == 6


def test_costs_that_are_no_numbers_fail_the_trial_and_break_no_table(monkeypatch):
    whole = toy.ToyTrainable.evaluate

    def evaluate(self, split):
        return dataclasses.replace(whole(self, split), costs={"parameters": float("nan")})

    monkeypatch.setattr(toy.ToyTrainable, "evaluate", evaluate)
    assert run(*TOY[:-1], "budget.trials=2") == 0
    assert [(trial.failure.kind, trial.failure.reason) for trial in read().trials] == [
        (FailureKind.NAN, "ValueError: parameters must be finite, got nan")
    ] * 2


def test_an_interrupted_report_is_one_line(capsys, monkeypatch):
    from search import reporting

    def interrupt(*arguments):
        raise KeyboardInterrupt

    assert run(*TOY) == 0
    capsys.readouterr()
    monkeypatch.setattr(reporting, "render_report", interrupt)
    assert run("report", "studies/mine") == 130
    assert capsys.readouterr().err == "paretoseg: interrupted; nothing was left behind\n"
    assert not Path("studies/mine/report.html").exists()


def test_a_message_with_half_a_character_breaks_no_table_and_no_page(monkeypatch):
    def fail(self):
        raise ValueError("cannot read '/data/caf\udce9.png'")

    monkeypatch.setattr(toy.ToyTrainable, "step", fail)
    assert run(*TOY[:-1], "budget.trials=2") == 0
    assert [trial.failure.reason for trial in read().trials] == ["ValueError: cannot read '/data/caf\\udce9.png'"] * 2
    assert run(*TOY[:-1], "budget.trials=3") == 0
    assert run("status", "studies/mine") == 0
    assert run("report", "studies/mine", "--no-pictures") == 0


def test_help_documents_the_exit_codes(capsys):
    with pytest.raises(SystemExit):
        run("search", "--help")
    shown = capsys.readouterr().out.split("exit codes:")[1]
    assert [line.split()[0] for line in shown.split("\n\n")[0].strip().splitlines()] == [
        *("0", "1", "2", "3", "74", "75", "130")
    ]


def test_no_command_is_refused(capsys):
    with pytest.raises(SystemExit) as leaving:
        run()
    assert leaving.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


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


def test_a_search_that_nobody_reads_any_more_goes_on():
    """Behind `| head` the first lines are read and then the pipe is closed."""
    code = "import sys; from search.cli import main; sys.exit(main(sys.argv[1:]))"
    with subprocess.Popen(
        [sys.executable, "-c", code, *TOY],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline().startswith("Study studies/mine: starting")
        process.stdout.close()
        errors = process.stderr.read()
        assert process.wait(120) == 0, errors
    assert "Traceback" not in errors
    assert [trial.state for trial in read().trials] == [State.FINISHED] * 6
