import dataclasses

import pytest

from paretoseg.search.strategies.asha import Asha, AshaConfig
from paretoseg.search.strategies.evolution import EvolutionConfig
from paretoseg.search.strategies.pruner import MedianConfig
from paretoseg.search.strategies.random import RandomConfig
from paretoseg.search.study.budget import Budget
from paretoseg.search.study.confirmation import Confirmation
from paretoseg.search.study.early_stopping import is_control
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.events import Finished, Opened, Promoted, Reported, Spared, Started, Stopped
from paretoseg.search.trials.receipt import Receipt
from paretoseg.search.trials.trial import REPLICATE, State
from paretoseg.trainables.toy import FailureMode, ToyConfig, ToyTask
from tests.builders import MemoryLog, build_study, run_study

EAGER = AshaConfig(min_trials=2, assumed_noise=0.0, control_share=0.3)
SEED = 6
DECISIONS = (Stopped, Spared, Promoted)
PARTLY_FAILING = ToyTask(ToyConfig(failure=FailureMode.error, fails_below=0.2, wobble=0.02))


def search(log, pruner=EAGER, budget=None, **settings):
    budget = budget or Budget(trials=20, max_failures=20)
    settings = {"strategy": RandomConfig(), "seed": SEED} | settings
    return run_study(build_study(log, pruner=pruner, budget=budget, **settings), PARTLY_FAILING)


@pytest.fixture(scope="module")
def whole():
    log = MemoryLog()
    search(log)
    return log


def what_happened(log):
    return [event for event in log.events if not isinstance(event, Opened)]


def test_stops_controls_and_promotions_all_happen_and_are_in_the_journal(whole):
    record = StudyRecord(whole.read())
    kinds = [type(event) for event in whole.events]
    assert kinds.count(Stopped) >= 4
    assert kinds.count(Spared) >= 1
    assert kinds.count(Promoted) >= 1
    for trial in record.trials:
        assert (trial.state is not State.STOPPED) or trial.receipt is not None
    assert record.num_promoted == kinds.count(Promoted)
    assert record.num_ends == record.num_ended + record.num_promoted


def test_every_dominator_of_a_receipt_was_ahead_by_what_the_receipt_says(whole):
    reports = {}
    for event in whole.events:
        if isinstance(event, Reported):
            reports[event.trial_id, event.step] = event.values
        if not isinstance(event, Stopped | Spared):
            continue
        for dominator in event.receipt.dominators:
            ahead, behind = (reports[one, event.receipt.step] for one in (dominator.trial_id, event.trial_id))
            for name, lead in dominator.leads.items():
                assert lead == pytest.approx(ahead[name] - behind[name])
                assert lead >= dominator.margins[name] >= 0.0


def test_a_search_that_was_cut_before_or_after_a_decision_goes_on_as_the_whole_one(whole):
    pairs = zip(whole.events, [*whole.events[1:], None], strict=True)
    decisive = [number for number, pair in enumerate(pairs, 1) if any(isinstance(one, DECISIONS) for one in pair)]
    for length in sorted({*decisive, *range(1, len(whole.events) + 1, 15)}):
        log = MemoryLog(whole.events[:length])
        search(log)
        found, expected = (StudyRecord(one.read()).trials for one in (log, whole))
        for one, other in zip(found, expected, strict=True):
            assert dataclasses.replace(one, num_attempts=1) == dataclasses.replace(other, num_attempts=1), (
                f"cut after record {length}, {whole.events[length - 1].kind}"
            )


def test_controls_go_to_their_end_and_are_never_stopped(whole):
    record = StudyRecord(whole.read())
    controls = [trial for trial in record.trials if trial.is_control]
    assert controls
    for trial in controls:
        assert trial.state in (State.FINISHED, State.FAILED)
        assert is_control(trial.trial_id, EAGER.control_share, SEED)


def test_without_controls_nothing_is_spared_and_with_all_of_them_nothing_is_stopped():
    logs = {share: MemoryLog() for share in (0.0, 1.0)}
    for share, log in logs.items():
        search(log, dataclasses.replace(EAGER, control_share=share))
    assert not [event for event in logs[0.0].events if isinstance(event, Spared)]
    assert not [event for event in logs[1.0].events if isinstance(event, Stopped)]


def test_about_the_share_that_is_asked_for_are_controls():
    chosen = [is_control(trial_id, 0.1, seed) for seed in range(10) for trial_id in range(200)]
    assert 0.08 < sum(chosen) / len(chosen) < 0.12


def test_a_trial_is_judged_once_after_a_report(monkeypatch):
    calls = []
    explain = Asha.explain
    monkeypatch.setattr(Asha, "explain", lambda self, trial: calls.append(trial.trial_id) or explain(self, trial))
    log = MemoryLog()
    search(log)
    assert len([event for event in log.events if isinstance(event, Stopped)]) >= 4
    assert len(calls) <= len([event for event in log.events if isinstance(event, Reported)])


def test_a_promoted_trial_is_not_judged_on_the_rung_that_it_left(whole):
    stopped_at = {}
    for event in whole.events:
        if isinstance(event, Stopped | Spared):
            assert stopped_at.get(event.trial_id, 0) < event.receipt.step
            stopped_at[event.trial_id] = event.receipt.step


def stop_one(study):
    trial = study.ask(0.0)
    study.report(trial.trial_id, 1, {"accuracy": 0.5, "robustness": 0.5}, 0.0)
    study.stop(Stopped(0.0, trial.trial_id, 0.0, 1.0, receipt=Receipt(1, 1, 2, (), 0, 0)))


def test_what_is_stopped_waits_while_it_is_among_the_last_few():
    log = MemoryLog()
    study = build_study(log)
    for _ in range(4):
        stop_one(study)
    assert [trial.trial_id for trial in study.record.find_waiting(2)] == [2, 3]
    log.append(Promoted(0.0, 3))
    record = StudyRecord(log.read())
    assert [trial.trial_id for trial in record.find_waiting(2)] == [2]
    assert record.trials[3].state is State.RUNNING
    assert (record.num_ended, record.num_ends) == (3, 4)
    assert record.in_order_of_end()[3].state is State.STOPPED


def test_when_the_last_trial_has_started_nobody_waits_and_none_does_if_the_search_is_made_longer():
    log = MemoryLog()
    study = build_study(log, pruner=EAGER, budget=Budget(trials=1))
    stop_one(study)
    assert study.record.find_waiting(8)
    assert study.waiting == []
    assert build_study(log, pruner=EAGER, budget=Budget(trials=9)).waiting == []


def test_further_seeds_are_never_stopped():
    log = MemoryLog()
    settings = {"confirm": Confirmation(seeds=3, replicates=0.5), "strategy": EvolutionConfig(population=4)}
    search(log, budget=Budget(trials=24, max_failures=24), **settings)
    record = StudyRecord(log.read())
    replicates = [trial for trial in record.trials if trial.origin == REPLICATE]
    assert replicates
    assert not [trial for trial in replicates if trial.state is State.STOPPED or trial.receipt]


def test_other_pruners_leave_no_receipts_and_promote_nobody():
    log = MemoryLog()
    search(log, MedianConfig(min_trials=2, min_steps=1))
    stops = [event for event in log.events if isinstance(event, Stopped)]
    assert stops
    assert not any(event.receipt for event in stops)
    assert not [event for event in log.events if isinstance(event, Promoted | Spared)]


def finish_counted(study, trial, voxels):
    costs = {"train_voxels": voxels}
    study.report(trial.trial_id, 1, {"accuracy": 0.5, "robustness": 0.5}, 0.0)
    study.report(trial.trial_id, 2, {"accuracy": 0.5, "robustness": 0.5}, 0.0)
    study.finish(Finished(0.0, trial.trial_id, {"accuracy": 0.5, "robustness": 0.5}, costs, "", 0.0, 1.0))


def test_no_trial_starts_once_the_voxels_are_seen():
    log = MemoryLog()
    study = build_study(log, budget=Budget(trials=9, voxels=250.0))
    first, second, third = (study.ask(0.0) for _ in range(3))
    finish_counted(study, first, 100.0)
    study.report(second.trial_id, 1, {"accuracy": 0.1, "robustness": 0.1}, 0.0)
    study.stop(Stopped(0.0, second.trial_id, 0.0, 1.0))
    assert study.is_searching(0.0)  # 100 and, for one of two steps, 50
    finish_counted(study, third, 100.0)
    assert study.has_spent_voxels()
    assert study.ask(0.0) is None
    assert len([event for event in log.events if isinstance(event, Started)]) == 3
    assert build_study(log, budget=Budget(trials=9, voxels=250.0)).ask(0.0) is None
    assert build_study(log, budget=Budget(trials=9, voxels=251.0)).ask(0.0).trial_id == 3
    assert log.events[-2].budget_voxels == 251.0


def test_a_budget_of_voxels_alone_is_not_ended_by_a_number_of_trials():
    log = MemoryLog()
    study = build_study(log, budget=Budget(voxels=6000.0), strategy=RandomConfig())
    while (trial := study.ask(0.0)) is not None:
        finish_counted(study, trial, 100.0)
    assert len(study.trials) == 60
    assert study.has_spent_trials()
    assert log.events[1].budget_trials is None
    capped = build_study(log, budget=Budget(trials=60, voxels=9000.0), strategy=RandomConfig())
    assert capped.ask(0.0) is None
    assert (Budget().trial_limit, Budget(hours=1.0).trial_limit, Budget(trials=7, hours=1.0).trial_limit) == (
        50,
        None,
        7,
    )


def test_further_seeds_come_as_voxels_are_spent_if_these_alone_end_the_search():
    confirm = Confirmation(seeds=3, replicates=0.3)
    counts = []
    for budget in (Budget(trials=60), Budget(voxels=6000.0)):
        study = build_study(MemoryLog(), budget=budget, strategy=RandomConfig(), confirm=confirm)
        while study.is_searching(0.0):
            trial = study.ask(0.0)
            values = {"accuracy": 0.5 + trial.trial_id / 1000, "robustness": 0.5 - trial.trial_id / 1000}
            study.finish(Finished(0.0, trial.trial_id, values, {"train_voxels": 100.0}, "", 0.0, 1.0))
        counts.append((study.record.num_searched, study.record.num_replicates))
    assert counts[0][0] == counts[1][0] == 60
    assert abs(counts[0][1] - counts[1][1]) <= 1
    assert counts[1][1] > 0


@pytest.mark.parametrize("voxels", [0.0, -1.0, float("inf"), float("nan")])
def test_a_budget_of_voxels_that_cannot_be_is_refused(voxels):
    with pytest.raises(ValueError, match=r"budget.voxels must be above 0 and finite, or null for no limit, got"):
        Budget(voxels=voxels)


def test_a_promotion_after_a_confirmation_makes_it_one_of_an_earlier_front():
    """Voxels end the search, and more of them let a trial go on that was stopped; no trial is started before it."""
    log = MemoryLog()
    settings = {
        "pruner": AshaConfig(min_trials=1, assumed_noise=0.0, control_share=0.0, eta=2),
        "strategy": RandomConfig(),
        "seed": 1,
        "confirm": Confirmation(seeds=3, replicates=0.0),
    }

    def values(score):
        return {"accuracy": score, "robustness": score}

    def finish(study, trial, early, final, voxels):
        study.report(trial.trial_id, 1, values(early), 0.0)
        study.finish(Finished(0.0, trial.trial_id, values(final), {"train_voxels": voxels}, "", 0.0, 1.0))

    study = build_study(log, budget=Budget(trials=9, voxels=100.0), **settings)
    best, stopped, worst = (study.ask(0.0) for _ in range(3))
    finish(study, best, 0.5, 0.5, 60.0)
    study.report(stopped.trial_id, 1, values(0.4), 0.0)
    receipt = Receipt(1, 1, 2, (), 0, 0)
    study.stop(Stopped(0.0, stopped.trial_id, 0.0, 1.0, receipt=receipt))
    finish(study, worst, 0.1, 0.1, 60.0)
    study.confirm([0], [1.0], 0.0)
    for _ in range(2):
        finish(study, study.ask(0.0), 0.5, 0.5, 60.0)
    for trial in study.untested():
        study.finish_test(trial.trial_id, values(0.5), 0.0)
    assert study.is_complete()

    study = build_study(log, budget=Budget(trials=9, voxels=190.0), **settings)
    promoted = study.ask(0.0)
    assert promoted.trial_id == stopped.trial_id
    finish(study, promoted, 0.4, 0.9, 120.0)
    assert [result.number for result in study.front.results] == [stopped.trial_id]
    assert study.needs_confirmation(0.0)
    assert study.record.were_test_cases_seen
    assert not study.is_complete()
