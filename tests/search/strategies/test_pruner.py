from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paretoseg.search.strategies.asha import AshaConfig
from paretoseg.search.strategies.pruner import MedianConfig, NeverConfig
from paretoseg.search.trials.trial import State
from paretoseg.spaces.objective import Direction, Objective
from tests.builders import build_trial

OBJECTIVES = (
    Objective("accuracy", "1", Direction.MAXIMISE, 0.0),
    Objective("latency_ms", "ms", Direction.MINIMISE, 100.0),
)


def trial_with(*reports, trial_id=99, **changes):
    steps = enumerate(reports, start=1)
    values = {step: {"accuracy": accuracy, "latency_ms": latency} for step, (accuracy, latency) in steps}
    return build_trial(trial_id, **{"state": State.RUNNING, "objectives": {}, "reports": values} | changes)


OTHERS = [
    trial_with((0.0, 99.0), (0.2, 10.0), trial_id=0, state=State.FAILED),
    trial_with((0.0, 99.0), (0.4, 30.0), trial_id=1, state=State.FINISHED),
    trial_with((0.0, 99.0), (0.6, 20.0), trial_id=2),
    trial_with((0.9, 1.0), trial_id=3),
]
"""At step 2, the medians are 0.4 and 20; the last trial never reached it."""


def median_rule(min_trials=3, min_steps=2):
    return MedianConfig(min_trials=min_trials, min_steps=min_steps).build(OBJECTIVES)


def stops(pruner, trial, others):
    """The verdict on a trial after all of them have reported."""
    for told in (*others, trial):
        pruner.tell(told)
    return pruner.should_stop(trial)


def test_worse_than_both_medians_is_stopped():
    assert stops(median_rule(), trial_with((0.9, 1.0), (0.39, 20.5)), OTHERS)


@pytest.mark.parametrize("last", [(0.41, 99.0), (0.0, 19.0), (0.4, 99.0), (0.0, 20.0), (0.9, 1.0)])
def test_ahead_of_or_at_the_median_in_one_objective_goes_on(last):
    assert not stops(median_rule(), trial_with((0.0, 99.0), last), OTHERS)


def test_nothing_is_stopped_before_enough_others_came_as_far():
    assert not stops(median_rule(min_trials=4), trial_with((0.0, 99.0), (0.0, 99.0)), OTHERS)


def test_nothing_is_stopped_before_its_free_steps_are_over():
    trial = trial_with((0.0, 100.0))
    assert not stops(median_rule(min_trials=4, min_steps=2), trial, OTHERS)
    assert not stops(median_rule(min_trials=4, min_steps=1), trial, OTHERS[:3])
    others = [trial_with((0.5, 50.0), trial_id=number) for number in range(4)]
    assert stops(median_rule(min_trials=4, min_steps=1), trial, others)


def test_the_median_of_an_even_number_lies_between_the_middle_two():
    others = [trial_with((value, 50.0), trial_id=number) for number, value in enumerate((0.1, 0.2, 0.4, 0.9))]
    assert stops(median_rule(min_trials=4, min_steps=1), trial_with((0.29, 51.0)), others)
    assert not stops(median_rule(min_trials=4, min_steps=1), trial_with((0.31, 51.0)), others)


def test_a_trial_that_reports_again_counts_once():
    """As a trial does that resumes from its checkpoint."""
    rule = median_rule(min_trials=5, min_steps=1)
    for _ in range(2):
        for number in range(4):
            rule.tell(trial_with((0.5, 50.0), (0.5, 50.0), trial_id=number))
    assert not stops(rule, trial_with((0.0, 99.0)), [])
    assert stops(rule, trial_with((0.0, 99.0)), [trial_with((0.5, 50.0), trial_id=4)])


def test_reports_that_a_restart_made_void_do_not_count():
    rule = median_rule(min_trials=2, min_steps=1)
    for reports in (((0.5, 50.0), (0.5, 50.0)), ((0.9, 1.0),)):
        for number in range(4):
            rule.tell(trial_with(*reports, trial_id=number))
    assert stops(rule, trial_with((0.6, 40.0)), [])
    assert not stops(rule, trial_with((0.6, 40.0), (0.0, 99.0)), [])


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=12))
def test_the_verdict_is_that_of_the_median_of_the_others(places):
    trials = [trial_with((float(first), float(second)), trial_id=n) for n, (first, second) in enumerate(places)]
    *others, last = trials
    low = last.reports[1]["accuracy"] < median(trial.reports[1]["accuracy"] for trial in others)
    slow = last.reports[1]["latency_ms"] > median(trial.reports[1]["latency_ms"] for trial in others)
    assert stops(median_rule(min_trials=2, min_steps=1), last, others) == (low and slow)


def test_never_stops_nothing():
    assert not stops(NeverConfig().build(OBJECTIVES), trial_with((0.0, 99.0), (0.0, 99.0)), OTHERS)


@pytest.mark.parametrize("settings", [{"min_trials": 1}, {"min_steps": 0}])
def test_settings_that_decide_nothing_are_refused(settings):
    with pytest.raises(ValueError, match=r"pruner\.min_trials must be at least 2 and pruner\.min_steps at least 1"):
        MedianConfig(**settings)


def test_a_pruner_needs_measurements_only_where_it_may_stop_a_trial():
    assert NeverConfig().list_steps(4) == ()
    assert MedianConfig(min_steps=2).list_steps(4) == (2, 3, 4)
    assert AshaConfig(min_steps=1, eta=3).list_steps(10) == (1, 3, 9)


def test_a_step_without_a_measurement_counts_for_nothing():
    empty = build_trial(50, state=State.RUNNING, objectives={}, reports={1: {}, 2: {}})
    pruner = median_rule()
    assert not stops(pruner, empty, OTHERS)
    assert stops(pruner, trial_with((0.9, 1.0), (0.39, 20.5)), [empty])
    asha = AshaConfig(min_trials=1).build(OBJECTIVES)
    assert not stops(asha, empty, OTHERS[2:])
