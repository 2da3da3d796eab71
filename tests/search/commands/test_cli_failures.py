"""The command line when trials or disks fail, or readers or the user stop it."""

import dataclasses
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from paretoseg.search.store.lock import hold_lock
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.trials.trial import FailureKind, State
from paretoseg.trainables import toy
from tests.search.command_line import TOY, next_words, read, run

pytestmark = pytest.mark.usefixtures("elsewhere")


def test_trials_that_fail_in_a_row_stop_the_search(capsys):
    assert run(*TOY, "task.failure=error", "task.fails_below=2", "budget.max_failures=2") == 3
    shown = capsys.readouterr().out
    assert "Stopped: 2 trials failed in a row, and none finished.\n" in shown
    assert "  2 trials, the last of them 1: error: RuntimeError: the toy fails as configured\n" in shown
    assert "toy.py:" in shown.splitlines()[-3], "the frame of the error, and no other one"
    assert 'raise RuntimeError("the toy fails as configured")' in shown.splitlines()[-2]
    assert "paretoseg search study=mine" in shown
    assert len(read().trials) == 2


def test_a_budget_below_the_failures_that_are_allowed_ends_as_a_failure_too(capsys):
    assert run(*TOY[:-1], "budget.trials=1", "task.failure=error", "task.fails_below=2") == 3
    assert "Stopped: 1 trial failed in a row, and none finished." in capsys.readouterr().out


def test_a_search_whose_trials_all_failed_says_how_to_get_more(capsys):
    words = [*TOY[:-1], "budget.trials=3", "budget.max_failures=3", "task.failure=error", "task.fails_below=1"]
    assert run(*words) == 3
    shown = capsys.readouterr().out
    assert run(*next_words(shown, "resume with: paretoseg search study=mine budget.trials=6")) == 3
    assert len(read().trials) == 6


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
    code = "import sys; from paretoseg.search.commands.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, *TOY],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (12500, resource.RLIM_INFINITY)),
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


def test_costs_that_are_no_numbers_fail_the_trial_and_break_no_table(monkeypatch):
    whole = toy.ToyTrainable.evaluate

    def evaluate(self, split):
        return dataclasses.replace(whole(self, split), costs={"parameters": float("nan")})

    monkeypatch.setattr(toy.ToyTrainable, "evaluate", evaluate)
    assert run(*TOY[:-1], "budget.trials=2") == 3
    assert [(trial.failure.kind, trial.failure.reason) for trial in read().trials] == [
        (FailureKind.NAN, "ValueError: parameters must be finite, got nan")
    ] * 2


def test_an_interrupted_report_is_one_line(capsys, monkeypatch):
    from paretoseg.search.commands import report as reporting

    def interrupt(*arguments, **options):
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
    assert run(*TOY[:-1], "budget.trials=2") == 3
    assert [trial.failure.reason for trial in read().trials] == ["ValueError: cannot read '/data/caf\\udce9.png'"] * 2
    assert run(*TOY[:-1], "budget.trials=3") == 3
    assert run("status", "studies/mine") == 0
    assert run("report", "studies/mine", "--no-pictures") == 0


def test_a_search_that_nobody_reads_any_more_goes_on():
    """Behind `| head` the first lines are read and then the pipe is closed."""
    code = "import sys; from paretoseg.search.commands.cli import main; sys.exit(main(sys.argv[1:]))"
    with subprocess.Popen(
        [sys.executable, "-c", code, *TOY],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline().startswith("Study studies/mine: starting")
        process.stdout.close()
        errors = process.stderr.read()
        assert process.wait() == 0, errors
    assert "Traceback" not in errors
    assert [trial.state for trial in read().trials] == [State.FINISHED] * 6
