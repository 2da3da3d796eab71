import io
import signal
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from paretoseg.cluster.serial import SerialConfig
from paretoseg.search.commands import search as launch
from paretoseg.search.commands.cli import main
from paretoseg.search.store.journal import _to_line
from paretoseg.search.store.lock import LockedError, hold_lock
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.trials.events import Opened, Started
from paretoseg.search.trials.trial import State
from tests.search.command_line import FAILING

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
TOY = ["study=mine", "task=toy", "cluster=serial", "budget.trials=2", "confirm.seeds=1"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def search(*words):
    return launch.search(words, Console(file=io.StringIO(), width=200))


def test_a_signal_ends_the_search_at_once_until_it_takes_the_lock(monkeypatch):
    seen = {}

    def spy(name):
        real = getattr(launch, name)

        def call(*arguments):
            seen[name] = [signal.getsignal(number) for number in SIGNALS]
            return real(*arguments)

        monkeypatch.setattr(launch, name, call)

    before = [signal.getsignal(number) for number in SIGNALS]
    for name in ("compose_new_or_stored", "make_plan", "hold_in_turn"):
        spy(name)
    assert main(["search", *TOY]) == 0
    assert [handler.__name__ for handler in seen["compose_new_or_stored"]] == ["_leave_early"] * 3
    assert [handler.__name__ for handler in seen["make_plan"]] == ["_leave_early"] * 3
    assert [handler.__name__ for handler in seen["hold_in_turn"]] == ["_interrupt"] * 3
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_a_search_removes_what_a_killed_one_left_half_written(tmp_path):
    assert search(*TOY) == 0
    left = tmp_path / "studies" / "mine" / ".trials.parquet.0123abcd.tmp"
    left.write_bytes(b"half")
    with hold_lock(StudyFolder("studies/mine").folder), pytest.raises(LockedError):
        search(*TOY)
    assert left.exists()
    assert search(*TOY) == 0
    assert not left.exists()


def test_a_refused_command_leaves_ctrl_c_as_it_was():
    # A process that a shell starts in the background ignores Ctrl-C.
    before = signal.getsignal(signal.SIGINT)
    assert main(["search", "study=mine", "task=nothing"]) == 2
    assert signal.getsignal(signal.SIGINT) is before


def test_a_study_that_another_process_has_started_and_ended_meanwhile_is_not_mixed_with_ours(monkeypatch, capsys):
    real, others = launch.hold_in_turn, [[*TOY, "seed=1"]]

    @contextmanager
    def hold_late(*arguments):
        if others:
            assert search(*others.pop()) == 0
        with real(*arguments):
            yield

    monkeypatch.setattr(launch, "hold_in_turn", hold_late)
    assert main(["search", *TOY, "seed=2"]) == 2
    assert "another process has just worked on study 'studies/mine'; run the same command again" in (
        capsys.readouterr().err
    )
    folder = StudyFolder("studies/mine")
    record = folder.read_record()
    assert {trial.seed for trial in record.trials} == {1}
    assert len(record.opened) == 1
    assert "seed: 1\n" in folder.read_experiment()


def test_a_search_that_has_waited_for_the_lock_goes_on_where_its_holder_has_stopped(monkeypatch):
    real, others = launch.hold_in_turn, [TOY]

    @contextmanager
    def hold_late(*arguments):
        if others:
            assert search(*others.pop()) == 0
        with real(*arguments):
            yield

    monkeypatch.setattr(launch, "hold_in_turn", hold_late)
    monkeypatch.setattr(SerialConfig, "lock_wait_s", 60.0)
    assert main(["search", *TOY, "budget.trials=8"]) == 0
    record = StudyFolder("studies/mine").read_record()
    assert len(record.opened) == 2
    assert [trial.state for trial in record.trials] == [State.FINISHED] * 8


def test_a_study_is_read_though_a_process_that_had_lost_it_wrote_more_trials_into_the_table():
    assert search(*TOY, "budget.trials=6") == 0
    folder = StudyFolder("studies/mine")
    events = folder.read_events()
    fourth = [number for number, event in enumerate(events) if isinstance(event, Started)][3]
    path = Path(f"studies/mine/journal/{fourth:08d}.jsonl")
    path.write_bytes(_to_line(Opened(9.0, "elsewhere", 1, 6, None), fourth))
    record = StudyFolder("studies/mine").read_record()
    assert len(record.trials) == 3
    assert search("study=mine", "budget.trials=6") == 0
    assert len(StudyFolder("studies/mine").read_record().trials) == 6


@pytest.mark.parametrize("part", ["strategy", "pruner"])
def test_nothing_is_written_when_a_part_of_the_search_cannot_be_built(monkeypatch, part):
    config = {"strategy": "surrogate_config.SurrogateConfig", "pruner": "pruner.NeverConfig"}[part]

    def refuse(*arguments):
        raise ValueError("it cannot be built")

    monkeypatch.setattr(f"paretoseg.search.strategies.{config}.build", refuse)
    with pytest.raises(ValueError, match="it cannot be built"):
        search(*TOY)
    assert not Path("studies").exists()


def test_an_edited_seed_is_refused(capsys):
    assert search(*TOY) == 0
    path = Path("studies/mine/experiment.yaml")
    path.write_text(path.read_text().replace("seed: 0\n", "seed: 5\n", 1))
    assert main(["search", "study=mine"]) == 2
    assert "experiment.yaml says seed=5, but the study was started with seed=0; restore" in capsys.readouterr().err


def test_hours_that_are_spent_are_reported_with_what_goes_on(capsys):
    assert search(*TOY, *FAILING) == 3
    events = StudyFolder("studies/mine").read_events()
    assert isinstance(events[1], Opened)
    assert main(["search", "study=mine", "budget.trials=9", "budget.hours=1e-9"]) == 3
    shown = capsys.readouterr().out
    assert "The budget of 1e-09 hours is spent; 7 of 9 trials were not started." in shown
    assert "paretoseg search study=mine budget.hours=" in shown
    assert "budget.trials=18" not in shown


def test_a_key_of_the_option_that_a_study_was_started_with_is_distinguished(capsys):
    assert search(*TOY) == 0
    assert main(["search", "study=mine", "task.noise=0.5"]) == 2
    assert "started with task.noise=0.0 and cannot be resumed with task.noise=0.5" in capsys.readouterr().err


def test_hours_that_are_not_spent_are_not_said_to_be(capsys):
    assert main(["search", *TOY, *FAILING, "budget.trials=9", "budget.hours=1000", "budget.max_failures=2"]) == 3
    assert "hours is spent" not in capsys.readouterr().out


def test_what_no_candidate_meets_is_said_at_the_end_and_by_front(capsys):
    assert main(["search", *TOY, 'constraints=["accuracy>=.999"]']) == 0
    line = "Constraints: accuracy>=0.999; 2 of 2 candidates break one"
    assert line in capsys.readouterr().out
    assert main(["front", "studies/mine"]) == 0
    assert line in capsys.readouterr().out


def test_hours_alone_are_no_budget_of_trials(capsys):
    words = [word for word in TOY if not word.startswith("budget.")]
    assert main(["search", *words, "budget.hours=1e-9"]) == 0
    shown = capsys.readouterr().out
    assert "The budget of 1e-09 hours is spent; 0 trials were started." in shown
    assert main(["status", "studies/mine"]) == 0
    assert "trials  0: " in capsys.readouterr().out


def test_the_same_name_goes_on_with_the_budget_that_was_last_given():
    assert search(*TOY) == 0
    assert search("study=mine", "budget.trials=3") == 0
    assert search("study=mine") == 0
    record = StudyFolder("studies/mine").read_record()
    assert len(record.trials) == record.opened[-1].budget_trials == 3


def test_nothing_suggests_to_search_on_after_the_test_cases_were_shown(capsys):
    for _ in range(2):  # a search that ends, and the same command again
        assert main(["search", *TOY, "strategy=random"]) == 0
        shown = capsys.readouterr().out
        assert shown.count("The test cases of this study are used up") == 1
        assert "budget." not in shown
    assert main(["status", "studies/mine"]) == main(["front", "studies/mine"]) == 0
    assert "budget." not in capsys.readouterr().out


def test_a_search_that_goes_on_after_the_test_cases_were_shown_says_so(capsys):
    assert main(["search", *TOY]) == 0
    assert "Note: the test cases" not in capsys.readouterr().out
    num_tested = sum(bool(trial.test) for trial in StudyFolder("studies/mine").read_record().trials)
    assert main(["search", "study=mine", "budget.trials=3"]) == 0
    note = f"Note: the test cases of this study were measured before, for {num_tested} trial: this search goes on"
    assert note in capsys.readouterr().out


def test_a_complete_study_without_a_front_can_be_given_more_trials(capsys):
    assert main(["search", *TOY, *FAILING]) == 3
    assert "search study=mine budget.trials=4" in capsys.readouterr().out
    assert main(["search", "study=mine"]) == 3
    assert "add budget.trials=<more than 2> to continue" in capsys.readouterr().out
