"""Searches and rehearsals that Python starts: the words and the messages of the command line."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pandas as pd
import pytest
import yaml

import paretoseg
from paretoseg.search.commands import search as launch
from paretoseg.search.commands.cli import main
from paretoseg.search.store.folder import Folder
from paretoseg.search.store.lock import hold_lock
from tests.search.command_line import FAILING

pytestmark = pytest.mark.usefixtures("elsewhere")

WORDS = ("study=mine", "task=toy", "cluster=serial", "strategy=random", "confirm.seeds=1", "budget.trials=3")


def test_settings_are_composed_without_a_trace() -> None:
    config = paretoseg.compose(*WORDS)
    assert config["budget.trials"] == 3
    assert config["storage"] == "studies"
    assert len(config) == len(set(config)) > 50
    assert yaml.safe_load(config.to_yaml())["budget"]["trials"] == 3
    assert repr(config) == f"paretoseg.compose({', '.join(map(repr, WORDS))})"
    assert not list(Path().iterdir())


def test_a_mistake_is_a_value_error_with_the_words_of_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("study=mine", "budget.trails=3")
    assert main(["search", *words]) == 2
    printed = capsys.readouterr().err.removeprefix("paretoseg: ").strip()
    for call in (paretoseg.compose, paretoseg.run_search):
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - compared as a whole
            call(*words)
        assert str(caught.value) == printed
    assert not list(Path().iterdir())


def test_a_search_returns_its_study_and_leaves_signals_as_they_were(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    view = paretoseg.run_search(*paretoseg.compose(*WORDS).words, quiet=True)
    assert capsys.readouterr().out == ""
    assert view.location == "studies/mine"
    assert len(view.trials) == 3
    assert signal.getsignal(signal.SIGINT) is before
    paretoseg.run_search("study=mine", "budget.trials=4")
    assert "Resuming studies/mine: 3 trials done" in capsys.readouterr().out
    assert len(view.trials) == 4


def test_a_search_whose_trials_fail_says_why() -> None:
    with pytest.raises(paretoseg.SearchError, match="none finished") as caught:
        paretoseg.run_search(*WORDS, *FAILING, quiet=True)
    assert caught.value.exit_code == 3
    assert "\n  3 trials, the last of them " in str(caught.value)
    assert "the toy fails as configured" in str(caught.value)
    assert set(paretoseg.open_study("studies/mine").trials["state"]) == {"FAILED"}


def test_a_study_that_another_process_works_on_is_left_alone() -> None:
    with hold_lock(Folder("studies/mine")), pytest.raises(paretoseg.SearchError, match="being written by") as caught:
        paretoseg.run_search(*WORDS, quiet=True)
    assert caught.value.exit_code == 2


def test_an_interrupted_search_is_one_for_python_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(launch, "work_off", interrupt)
        with pytest.raises(KeyboardInterrupt):
            paretoseg.run_search(*WORDS, quiet=True)
    assert len(paretoseg.run_search(*WORDS, quiet=True).trials) == 3


def test_work_that_is_left_and_a_storage_that_fails_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(*_: object, **__: object) -> None:
        raise launch.RayLostError("the head node is gone")

    monkeypatch.setattr(launch, "work_off", lose)
    with pytest.raises(paretoseg.SearchError, match="studies/mine: stopped with work left") as caught:
        paretoseg.run_search(*WORDS, quiet=True)
    assert caught.value.exit_code == 75

    def fill(*_: object, **__: object) -> None:
        raise paretoseg.StorageError("the disk is full")

    monkeypatch.setattr(launch, "work_off", fill)
    with pytest.raises(paretoseg.StorageError, match="studies/mine: the study's storage failed"):
        paretoseg.run_search(*WORDS, quiet=True)


def test_a_search_outside_of_the_main_thread_is_refused() -> None:
    errors = []

    def work() -> None:
        try:
            paretoseg.run_search(*WORDS)
        except ValueError as error:
            errors.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert errors == ["a search answers Ctrl-C, so it runs in the main thread alone; call run_search there"]


def test_a_rehearsal_has_the_tables_of_the_command_and_writes_only_if_asked() -> None:
    paretoseg.run_search(*WORDS, "budget.trials=8", quiet=True)
    before = set(Path().rglob("*"))
    rehearsal = paretoseg.rehearse("studies/mine", strategies=["random", "nsga2"], trials=4, repetitions=2)
    assert set(Path().rglob("*")) == before
    assert rehearsal._repr_png_().startswith(b"\x89PNG")
    assert repr(rehearsal).startswith("<Rehearsal of mine>\nAt the end of the budget, compared with 'random'")
    words = ["--strategies", "random,nsga2", "--trials", "4", "--repetitions", "2", "--output", "command"]
    assert main(["rehearse", "studies/mine", *words]) == 0
    of_command = pd.read_csv("command/rehearsal.csv").drop(columns="seconds_per_proposal")
    own = rehearsal.table.drop(columns="seconds_per_proposal")
    pd.testing.assert_frame_equal(own, of_command, check_dtype=False)
    paretoseg.rehearse("studies/mine", strategies=["random"], trials=2, repetitions=2, output="own")
    assert sorted(path.name for path in Path("own").iterdir()) == ["curves.csv", "rehearsal.csv", "rehearsal.png"]


def test_a_rehearsal_of_nothing_or_with_unknown_names_is_refused() -> None:
    with pytest.raises(ValueError, match="name at least one study"):
        paretoseg.rehearse()
    with pytest.raises(ValueError, match="unknown strategy 'randon'; did you mean 'random'"):
        paretoseg.rehearse("studies/mine", strategies=["randon"])
