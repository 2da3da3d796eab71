"""A search is finished on request: while it runs, after it was stopped, and with what it has so far."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from paretoseg.search.commands.finish import finish
from paretoseg.search.running.serial import run_serially
from paretoseg.search.running.session import ASK_SECONDS
from paretoseg.search.running.worker import Stepped, Work
from paretoseg.search.store.finish_request import NAME, ask_to_finish, make_watch
from paretoseg.search.store.folder import Folder, StorageError
from paretoseg.search.store.lock import hold_lock
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.study.budget import Budget
from paretoseg.search.study.confirmation import Confirmation
from paretoseg.search.study.study import Study
from paretoseg.search.trials.events import Stopped
from paretoseg.search.trials.trial import Failure, FailureKind, State
from paretoseg.trainables import toy
from tests.builders import MemoryLog, build_session, build_study, run_trial
from tests.search.command_line import TOY, read, run

pytestmark = pytest.mark.usefixtures("elsewhere")


def run_next(study: Study) -> None:
    trial = study.ask(0.0)
    assert trial is not None
    run_trial(study, trial, toy.ToyTask())


def interrupt_after(num_steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    step, steps = toy.ToyTrainable.step, []

    def interrupted_step(self: toy.ToyTrainable) -> object:
        steps.append(1)
        if len(steps) == num_steps:
            raise KeyboardInterrupt
        return step(self)

    monkeypatch.setattr(toy.ToyTrainable, "step", interrupted_step)


def test_a_search_that_was_stopped_is_finished_with_what_it_has(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        interrupt_after(8, patch)
        assert run(*TOY) == 75
    capsys.readouterr()
    assert run("finish", "studies/mine") == 0
    shown = capsys.readouterr().out
    assert (
        "Finished as asked: 3 of 6 trials were not started, and no candidate was confirmed with further seeds" in shown
    )
    record = read()
    assert [trial.state for trial in record.trials] == [State.FINISHED, State.FINISHED, State.STOPPED]
    assert all(trial.test for trial in record.front.all_trials)
    assert not Path("studies/mine", NAME).exists()
    assert run("search", "study=mine") == 0, "the search can still go on"
    assert len(read().trials) == 6


def test_nothing_is_finished_before_there_is_an_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        interrupt_after(2, patch)
        assert run(*TOY) == 75
    capsys.readouterr()
    assert run("finish", "studies/mine") == 2
    assert "no candidate is on the front yet (1 RUNNING), so there is no answer" in capsys.readouterr().err
    assert not Path("studies/mine", NAME).exists()


@pytest.mark.parametrize("word", ["space.depth=3", "budget.trials=many"])
def test_a_mistake_leaves_no_request_behind(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*TOY) == 0
    assert run("finish", "studies/mine", word) == 2
    assert word.partition("=")[0] in capsys.readouterr().err
    assert not Path("studies/mine", NAME).exists()


def test_a_seed_that_was_cut_off_is_trained_when_the_front_is_confirmed_later() -> None:
    study = build_study(MemoryLog(), budget=Budget(trials=2), confirm=Confirmation(seeds=3, replicates=0.0))
    for _ in range(2):
        run_next(study)
    numbers = [member.number for member in study.record.front.results]
    study.confirm(numbers, [None] * len(numbers), 0.0)
    cut_off = study.ask(0.0)
    assert cut_off is not None
    study.end_search(0.0)
    study.stop(Stopped(0.0, cut_off.trial_id, 0.0, 0.0))
    assert study.record.trials[cut_off.trial_id].is_cut_off
    assert cut_off.seed not in study.record.seeds_of(cut_off.candidate)
    study.is_finishing = False
    asked = list(iter(lambda: study.ask(0.0), None))
    assert [(trial.candidate, trial.seed) for trial in asked].count((cut_off.candidate, cut_off.seed)) == 1


def test_a_running_search_ends_its_trials_at_their_next_step_and_tests_its_front(tmp_path: Path) -> None:
    clock = [0.0]
    session = build_session(tmp_path / "mine", budget=Budget(trials=9), now=lambda: clock[0])
    session.is_asked_to_finish = make_watch(session.folder.folder)
    first = session.next_job()
    assert first is not None
    work = Work(first)
    while not session.take(first, work.advance()):
        pass
    second, third = session.next_job(), session.next_job()
    assert second is not None
    assert third is not None
    ask_to_finish(Folder(str(tmp_path / "mine")))
    session.refresh()
    assert not session.study.is_finishing, "it was asked a moment ago"
    clock[0] += ASK_SECONDS
    session.refresh()
    assert session.next_job() is None, "no further trial starts, and no test while others run"
    outcome = Work(second).advance()
    assert isinstance(outcome.result, Stepped)
    assert session.take(second, outcome)
    session.lose(third, Failure(FailureKind.LOST, "the worker died"))
    assert [trial.state for trial in session.study.trials] == [State.FINISHED, State.STOPPED, State.STOPPED]
    run_serially(session)
    assert session.is_done()
    assert [bool(trial.test) for trial in session.study.trials] == [True, False, False]


def test_a_study_with_several_seeds_trains_no_further_ones_but_can_later() -> None:
    log = MemoryLog()
    study = build_study(log, budget=Budget(trials=8), confirm=Confirmation(replicates=0.0))
    for _ in range(3):
        run_next(study)
    study.end_search(0.0)
    assert study.ask(0.0) is None
    assert not study.needs_confirmation(0.0)
    assert {trial.trial_id for trial in study.untested()} == {trial.trial_id for trial in study.front.all_trials}
    assert study.estimate_confirmation() == 0
    again = build_study(log, budget=Budget(trials=3), confirm=Confirmation(replicates=0.0))
    assert again.needs_confirmation(0.0)


def test_another_process_is_asked_and_waited_for() -> None:
    assert run(*TOY[:-1], "budget.trials=2") == 0
    out, pauses = io.StringIO(), []
    folder = StudyFolder("studies/mine").folder
    lock = hold_lock(folder)
    lock.__enter__()

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 31:
            assert folder.exists(NAME)
            folder.delete(NAME)
            lock.__exit__(None, None, None)

    console = Console(file=out, width=300)
    assert finish("studies/mine", [], console, lambda: 7, pause) == 7
    shown = out.getvalue()
    assert "to finish: running trials end at their next step, then the front is tested" in shown
    assert "30 s: 0 trials run, " in shown


def test_a_storage_that_does_not_answer_asks_for_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    ask_to_finish(folder)
    look = make_watch(folder)
    assert look()

    def fail(name: str) -> bool:
        raise StorageError("gone")

    monkeypatch.setattr(folder, "exists", fail)
    assert not look()
