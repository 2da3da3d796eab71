import dataclasses

import pytest

from paretoseg.search.fronts.front import read_front
from paretoseg.search.strategies.evolution import EvolutionConfig
from paretoseg.search.strategies.grid import GridConfig
from paretoseg.search.strategies.optuna_samplers import TpeConfig
from paretoseg.search.strategies.pruner import MedianConfig
from paretoseg.search.strategies.random import RandomConfig
from paretoseg.search.strategies.surrogate_config import SurrogateConfig
from paretoseg.search.study.budget import Budget
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.events import Created, Failed, Finished, Fitted, Opened, Started, Stopped
from paretoseg.search.trials.trial import Failure, FailureKind, State
from paretoseg.trainables.toy import FailureMode, ToyConfig, ToyTask
from tests.builders import MemoryLog, build_study, created, run_study, run_trial

FAILURE = Failure(FailureKind.LOST, "the worker died")
PARTLY_FAILING = ToyTask(ToyConfig(failure=FailureMode.error, fails_below=0.3))


def finish(study, trial, time=0.0):
    study.finish(Finished(time, trial.trial_id, {"accuracy": 0.5, "robustness": 0.5}, {}, "", 0.0, 1.0))


def what_was_tried(study):
    return [(trial.trial_id, trial.candidate, trial.seed, trial.origin, trial.parents) for trial in study.trials]


def test_the_budget_of_trials_is_kept():
    study = run_study(build_study(MemoryLog(), budget=Budget(trials=7)))
    assert [trial.trial_id for trial in study.trials] == list(range(7))
    assert {trial.state for trial in study.trials} == {State.FINISHED}
    assert study.ask(0.0) is None
    assert study.num_running == 0


def test_a_study_is_complete_when_its_front_is_tested():
    study = run_study(build_study(MemoryLog(), budget=Budget(trials=5)))
    assert not study.is_complete()
    members = study.untested()
    assert {trial.trial_id for trial in members} == {trial.trial_id for trial in study.front.trials}
    for trial in members:
        study.finish_test(trial.trial_id, {"accuracy": 0.1, "robustness": 0.2}, 0.0)
    assert study.untested() == ()
    assert study.is_complete()
    assert study.front.trials[0].test == {"accuracy": 0.1, "robustness": 0.2}


def test_a_study_with_a_running_trial_is_not_complete():
    study = build_study(MemoryLog(), budget=Budget(trials=1))
    study.ask(0.0)
    assert not study.is_complete()


def test_interrupted_trials_run_again_first_and_in_order():
    log = MemoryLog()
    study = build_study(log)
    first, second, third, fourth = (study.ask(0.0) for _ in range(4))
    finish(study, second)
    study.report(third.trial_id, 1, {"accuracy": 0.5, "robustness": 0.5}, 0.0)

    resumed = build_study(log)
    again = [resumed.ask(0.0) for _ in range(4)]
    assert [trial.trial_id for trial in again] == [0, 2, 3, 4]
    assert [trial.num_attempts for trial in again] == [2, 2, 2, 1]
    assert [trial.candidate for trial in again[:3]] == [first.candidate, third.candidate, fourth.candidate]


def test_interrupted_trials_run_again_even_when_the_budget_is_spent():
    log = MemoryLog()
    build_study(log, budget=Budget(trials=1)).ask(0.0)
    resumed = build_study(log, budget=Budget(trials=1))
    assert resumed.ask(0.0).trial_id == 0
    assert resumed.ask(0.0) is None


@pytest.mark.parametrize(
    "strategy",
    # of the surrogate the design alone, which no model shapes, has the failures and stops that are asserted below
    [EvolutionConfig(population=4), RandomConfig(), SurrogateConfig(design=8), GridConfig(), TpeConfig(startup=4)],
    ids=["nsga2", "random", "surrogate", "grid", "tpe"],
)
@pytest.mark.parametrize("pruner", [None, MedianConfig(min_trials=2, min_steps=1)], ids=["never", "median"])
def test_a_resume_after_any_record_tries_what_an_uninterrupted_search_tries(strategy, pruner):
    settings = {"strategy": strategy, "pruner": pruner, "budget": Budget(trials=12, max_failures=12)}
    whole = MemoryLog()
    expected = what_was_tried(run_study(build_study(whole, **settings), PARTLY_FAILING))
    states = {trial.state for trial in StudyRecord(whole.read()).trials}
    assert {State.FINISHED, State.FAILED} <= states
    assert (State.STOPPED in states) == (pruner is not None)
    cuts = range(1, len(whole.events) + 1)
    if isinstance(
        strategy, SurrogateConfig
    ):  # its fits take long: only around the last ones, which depend on the others
        cuts = [cut for cut in cuts if isinstance(whole.events[cut - 1], Finished | Fitted)][-5:]
    for length in cuts:
        log = MemoryLog(whole.events[:length])
        resumed = run_study(build_study(log, **settings), PARTLY_FAILING)
        assert what_was_tried(resumed) == expected, f"cut after record {length}: {whole.events[length - 1]}"
        assert len([event for event in log.events if isinstance(event, Started)]) == 12


def test_a_resumed_search_goes_on_as_one_with_the_larger_budget():
    log = MemoryLog()
    run_study(build_study(log, budget=Budget(trials=5)))
    extended = run_study(build_study(log, budget=Budget(trials=12)))
    assert what_was_tried(extended) == what_was_tried(run_study(build_study(MemoryLog(), budget=Budget(trials=12))))


def test_no_finished_trial_is_ever_started_again():
    log = MemoryLog()
    run_study(build_study(log, budget=Budget(trials=5)))
    run_study(build_study(log, budget=Budget(trials=5)))
    ended = [event.trial_id for event in log.events if isinstance(event, Finished)]
    assert ended == [0, 1, 2, 3, 4]


def test_another_seed_is_another_search():
    first, second = (run_study(build_study(MemoryLog(), seed=seed)) for seed in (0, 1))
    assert what_was_tried(first)[1:] != what_was_tried(second)[1:]
    assert {trial.seed for trial in second.trials} == {1}


def test_too_many_failures_in_a_row_end_the_search():
    study = build_study(MemoryLog(), budget=Budget(trials=50, max_failures=3))
    for _ in range(3):
        assert not study.gave_up
        study.fail(Failed(0.0, study.ask(0.0).trial_id, FAILURE))
    assert study.gave_up
    assert study.ask(0.0) is None
    assert {trial.failure for trial in study.trials} == {FAILURE}


@pytest.mark.parametrize("success", ["finish", "stop"])
def test_a_success_forgives_the_failures_before(success):
    study = build_study(MemoryLog(), budget=Budget(trials=50, max_failures=3))
    for outcome in ("fail", "fail", success, "fail", "fail"):
        trial = study.ask(0.0)
        match outcome:
            case "fail":
                study.fail(Failed(0.0, trial.trial_id, FAILURE))
            case "finish":
                finish(study, trial)
            case "stop":
                study.stop(Stopped(0.0, trial.trial_id, 0.0, 1.0))
    assert not study.gave_up
    study.fail(Failed(0.0, study.ask(0.0).trial_id, FAILURE))
    assert study.gave_up


def test_a_resume_forgives_the_failures_before():
    log = MemoryLog()
    study = build_study(log, budget=Budget(trials=50, max_failures=2))
    for _ in range(2):
        study.fail(Failed(0.0, study.ask(0.0).trial_id, FAILURE))
    resumed = build_study(log, budget=Budget(trials=50, max_failures=2))
    assert not resumed.gave_up
    assert resumed.ask(0.0).trial_id == 2


def test_the_budget_of_hours_is_kept_over_two_sessions():
    log = MemoryLog([created()])
    budget = Budget(trials=50, hours=1.0)
    study = build_study(log, budget=budget)
    finish(study, study.ask(600.0), 1800.0)
    assert study.has_time(3599.0)
    assert not study.has_time(3600.0)

    # The second session starts a day later: the half hour that the first one used counts, the night does not.
    day = 86400.0
    resumed = build_study(log, budget=budget, now=day)
    assert resumed.has_time(day + 1799.0)
    assert not resumed.has_time(day + 1800.0)
    assert resumed.ask(day + 1800.0) is None
    assert resumed.ask(day + 1799.0).trial_id == 1


def test_an_interrupted_trial_is_finished_although_the_hours_are_spent():
    log = MemoryLog()
    budget = Budget(trials=5, hours=1.0)
    build_study(log, budget=budget).ask(3599.0)
    resumed = build_study(log, budget=budget, now=7200.0)
    assert not resumed.has_time(7300.0)
    assert resumed.ask(7300.0).trial_id == 0
    assert resumed.ask(7300.0) is None


def test_the_record_sums_the_hours_of_all_sessions():
    events = [
        created(),
        Opened(100.0, "here", 1, 5, None),
        dataclasses.replace(created_trial(), time=1900.0),
        Opened(50000.0, "here", 2, 5, None),
        Finished(51800.0, 0, {"accuracy": 0.5, "robustness": 0.5}, {}, "", 0.0, 1.0),
    ]
    assert StudyRecord(events).hours_used == pytest.approx(1.0)
    assert StudyRecord(events[:4]).hours_used == pytest.approx(0.5)
    assert StudyRecord(events[:1]).hours_used == 0.0


def created_trial():
    log = MemoryLog()
    build_study(log).ask(0.0)
    return log.events[-1]


def test_without_a_budget_of_hours_time_never_runs_out():
    study = build_study(MemoryLog(), budget=Budget(trials=2))
    assert study.has_time(1e12)


def test_the_pruner_sees_the_report_that_it_judges():
    log = MemoryLog()
    study = build_study(log, pruner=MedianConfig(min_trials=2, min_steps=1))
    first, second, third = (study.ask(0.0) for _ in range(3))
    assert not study.report(first.trial_id, 1, {"accuracy": 0.5, "robustness": 0.5}, 0.0)
    assert not study.report(second.trial_id, 1, {"accuracy": 0.7, "robustness": 0.7}, 0.0)
    assert not study.report(third.trial_id, 1, {"accuracy": 0.5, "robustness": 0.7}, 0.0)
    assert study.report(third.trial_id, 2, {"accuracy": 0.5, "robustness": 0.5}, 0.0) is False
    fourth = study.ask(0.0)
    assert study.report(fourth.trial_id, 1, {"accuracy": 0.1, "robustness": 0.1}, 0.0) is True
    study.stop(Stopped(1.0, fourth.trial_id, 0.0, 1.0))
    assert study.trials[fourth.trial_id].state is State.STOPPED


def test_what_the_journal_refuses_did_not_happen():
    class FullLog(MemoryLog):
        def append(self, event):
            if isinstance(event, Finished):
                raise OSError("no space")
            super().append(event)

    study = build_study(FullLog())
    trial = study.ask(0.0)
    with pytest.raises(OSError, match="no space"):
        run_trial(study, trial, ToyTask())
    assert study.trials[0].state is State.RUNNING
    assert study.front.trials == ()


def test_a_signal_right_after_the_journal_was_written_loses_nothing():
    class InterruptedLog(MemoryLog):
        def append(self, event):
            super().append(event)
            if isinstance(event, Finished):
                raise KeyboardInterrupt

    study = build_study(InterruptedLog())
    trial = study.ask(0.0)
    with pytest.raises(KeyboardInterrupt):
        run_trial(study, trial, ToyTask())
    study.reread()
    assert [trial.state for trial in study.trials] == [State.FINISHED]
    assert len(study.front.trials) == 1


@pytest.mark.parametrize(
    "act",
    [
        lambda study, trial: study.report(trial.trial_id, 1, {"accuracy": 0.5, "robustness": 0.5}, 0.0),
        finish,
        lambda study, trial: study.stop(Stopped(0.0, trial.trial_id, began_at=0.0, seconds=1.0)),
        lambda study, trial: study.fail(Failed(0.0, trial.trial_id, FAILURE)),
    ],
    ids=["report", "finish", "stop", "fail"],
)
def test_a_trial_that_has_ended_neither_reports_nor_ends_again(act):
    log = MemoryLog()
    study = build_study(log)
    trial = study.ask(0.0)
    finish(study, trial)
    events = list(log.events)
    with pytest.raises(AssertionError, match="trial 0 is FINISHED, not running"):
        act(study, trial)
    assert log.events == events


def test_a_second_end_of_a_trial_in_a_journal_is_passed_over():
    log = MemoryLog()
    study = build_study(log)
    trial = study.ask(0.0)
    study.stop(Stopped(1.0, 0, began_at=0.0, seconds=1.0))
    log.append(Stopped(2.0, 0, began_at=0.0, seconds=2.0))
    log.append(Finished(3.0, 0, {"accuracy": 0.5, "robustness": 0.5}, {}, "", 0.0, 1.0))
    record = StudyRecord(log.read())
    assert [(known.trial_id, known.ended_at) for known in record.in_order_of_end()] == [(trial.trial_id, 1.0)]
    assert record.trials[0].state is State.STOPPED


def test_a_journal_that_does_not_begin_with_the_study_is_refused():
    for events in ([], [Opened(0.0, "here", 1, 5, None)]):
        with pytest.raises(ValueError, match="must start with the creation of the study"):
            StudyRecord(events)


def test_the_front_is_read_again_after_every_change():
    study = build_study(MemoryLog())
    assert study.front.trials == ()
    finish(study, study.ask(0.0))
    assert len(study.front.trials) == 1
    assert study.record.front is study.record.front


def test_opening_is_journaled_with_the_budget():
    log = MemoryLog()
    build_study(log, budget=Budget(trials=9, hours=2.0))
    assert isinstance(log.events[0], Created)
    assert log.events[1] == Opened(0.0, "here", 1, 9, 2.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"trials": 0}, r"budget\.trials must be at least 1, got 0"),
        ({"hours": 0.0}, r"budget\.hours must be above 0 and finite, or null for no limit, got 0"),
        ({"max_failures": 0}, r"budget\.max_failures must be at least 1, got 0"),
    ],
)
def test_a_budget_out_of_range_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Budget(**settings)


def test_what_is_kept_of_a_study_is_what_a_scan_of_its_trials_finds():
    log = MemoryLog()
    pruner, budget = MedianConfig(min_trials=2, min_steps=1), Budget(trials=16, max_failures=16)
    study = run_study(build_study(log, pruner=pruner, budget=Budget(trials=14, max_failures=16)), PARTLY_FAILING)
    for trial in study.untested()[:1]:
        study.finish_test(trial.trial_id, {"accuracy": 0.1, "robustness": 0.2}, 0.0)
    study = build_study(log, pruner=pruner, budget=budget)
    for _ in range(2):
        study.ask(0.0)
    for record in (study.record, StudyRecord(log.read())):
        trials, objectives = record.trials, record.objectives
        assert record.running == [trial for trial in trials if trial.state is State.RUNNING]
        assert record.num_running == 2
        assert record.num_ended == len(record.in_order_of_end()) == 14
        assert {state: record.count(state) for state in State} == {
            state: sum(trial.state is state for trial in trials) for state in State
        }
        front = read_front(trials, objectives)
        assert record.front.trials == front.trials
        assert record.front.hypervolume == front.hypervolume


def test_a_change_is_reported_once_and_as_the_trial_is_now():
    study = build_study(MemoryLog())
    record = study.record
    first, second = study.ask(0.0), study.ask(0.0)
    seen = record.num_changes
    assert record.changed_since(0) == [first, second]
    assert record.changed_since(seen) == []
    study.report(second.trial_id, 1, {"accuracy": 0.5, "robustness": 0.5}, 0.0)
    finish(study, second)
    assert record.changed_since(seen) == [study.trials[second.trial_id]]
    assert record.in_order_of_end(0) == [study.trials[second.trial_id]]
    assert record.in_order_of_end(1) == []


def test_a_look_at_the_front_changes_nothing(monkeypatch):
    """Live progress reads the record in another thread while the search adds a trial."""
    study = run_study(build_study(MemoryLog()))
    expected = read_front(study.trials, study.objectives).trials
    monkeypatch.setattr("paretoseg.search.fronts.front.find_front", lambda *_: pytest.fail("computed by a look"))
    assert study.front.trials == expected
