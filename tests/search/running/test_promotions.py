"""Trials that were stopped early and go on from their checkpoints, in a real folder."""

import shutil
from dataclasses import dataclass

import pytest

from paretoseg.search.running.serial import run_serially
from paretoseg.search.running.worker import Work
from paretoseg.search.strategies.asha import AshaConfig
from paretoseg.search.strategies.strategy import Proposal, Strategy, StrategyConfig
from paretoseg.search.study.budget import Budget
from paretoseg.search.trials.events import Promoted, Reported, Stopped
from paretoseg.search.trials.trial import State
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate
from tests.builders import build_session

RATES = (1e-2, 8e-3, 6e-3, 4e-3, 3e-3, 2e-3, 1e-3)
"""Of learning, each worse than the one before: the second is stopped, and among the best third when four are in."""

RULES = {"min_trials": 1, "assumed_noise": 0.0, "control_share": 0.0}


@dataclass(unsafe_hash=True)
class InTurn(StrategyConfig, Strategy):
    """Proposes the rates in their order."""

    def build(self, space, objectives, seed):
        return self

    def ask(self, number, generator, active):
        return Proposal(Candidate(recipe=Recipe(learning_rate=RATES[number])), "random")

    def tell(self, trial, result):
        pass


def open_session(location, **rules):
    budget = Budget(trials=len(RATES))
    return build_session(location, strategy=InTurn(), pruner=AshaConfig(**RULES | rules), budget=budget)


def list_checkpoints(session):
    return [int(name[-5:]) for name in sorted(session.folder.folder.child("checkpoints").list_folders())]


def run_trial(session):
    job = session.next_job()
    work = Work(job)
    while not session.take(job, work.advance()):
        pass
    return job.trial_id


def test_a_stopped_trial_goes_on_from_its_checkpoint_before_a_new_one_starts(tmp_path):
    session = open_session(tmp_path)
    assert [run_trial(session) for _ in range(6)] == [0, 1, 2, 3, 1, 4]
    promoted = session.study.trials[1]
    assert (promoted.num_attempts, promoted.receipt.step) == (2, 3)  # at the next rung it was stopped again
    assert session.warnings == []
    events = session.folder.journal.read()
    steps = [event.step for event in events if isinstance(event, Reported) and event.trial_id == 1]
    assert steps == [1, 1, 2, 3]
    assert session.study.record.num_promoted == 1


def test_checkpoints_of_stopped_trials_are_kept_while_they_may_go_on(tmp_path):
    session = open_session(tmp_path, keep_stopped=1)
    for _ in range(3):
        run_trial(session)
    assert [trial.trial_id for trial in session.study.waiting] == [2]
    assert list_checkpoints(session) == [0, 2]
    run_serially(session)
    assert list_checkpoints(session) == [trial.trial_id for trial in session.study.front.trials]
    assert not [event for event in session.folder.journal.read() if isinstance(event, Promoted)]


def test_without_kept_checkpoints_nobody_goes_on(tmp_path):
    session = open_session(tmp_path, keep_stopped=0)
    run_serially(session)
    states = [trial.state for trial in session.study.trials]
    assert states == [State.FINISHED] + [State.STOPPED] * (len(RATES) - 1)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_around_any_decision_changes_nothing(tmp_path, moment):
    session = open_session(tmp_path / "whole")
    journal, append, crashes = session.folder.journal, session.folder.journal.append, []

    def append_and_photograph(event):
        if moment == "after":
            append(event)
        if isinstance(event, Stopped | Promoted):
            crashes.append((event, tmp_path / f"crash-{len(crashes)}"))
            shutil.copytree(tmp_path / "whole", crashes[-1][1])
        if moment == "before":
            append(event)

    journal.append = append_and_photograph
    run_serially(session)
    assert {type(event) for event, _ in crashes} == {Stopped, Promoted}
    for event, folder in crashes:
        resumed = open_session(folder)
        run_serially(resumed)
        resumed.folder.journal.close()
        for one, other in zip(resumed.study.trials, session.study.trials, strict=True):
            kept = [(trial.state, trial.candidate, trial.reports, trial.receipt) for trial in (one, other)]
            assert kept[0] == kept[1], f"{moment} {event}"
