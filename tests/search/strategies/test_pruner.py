import pytest

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
"""At step 2, the medians are 0.4 and 20; the last one never came there."""


def median_rule(min_trials=3, min_steps=2):
    return MedianConfig(min_trials=min_trials, min_steps=min_steps).build(OBJECTIVES)


def test_worse_than_both_medians_is_stopped():
    assert median_rule().should_stop(trial_with((0.9, 1.0), (0.39, 20.5)), OTHERS)


@pytest.mark.parametrize("last", [(0.41, 99.0), (0.0, 19.0), (0.4, 99.0), (0.0, 20.0), (0.9, 1.0)])
def test_ahead_of_or_at_the_median_in_one_objective_goes_on(last):
    assert not median_rule().should_stop(trial_with((0.0, 99.0), last), OTHERS)


def test_nothing_is_stopped_before_enough_others_came_as_far():
    assert not median_rule(min_trials=4).should_stop(trial_with((0.0, 99.0), (0.0, 99.0)), OTHERS)


def test_nothing_is_stopped_before_its_free_steps_are_over():
    trial = trial_with((0.0, 100.0))
    assert not median_rule(min_trials=4, min_steps=2).should_stop(trial, OTHERS)
    assert not median_rule(min_trials=4, min_steps=1).should_stop(trial, OTHERS[:3])
    others = [trial_with((0.5, 50.0), trial_id=number) for number in range(4)]
    assert median_rule(min_trials=4, min_steps=1).should_stop(trial, others)


def test_the_median_of_an_even_number_lies_between_the_middle_two():
    others = [trial_with((value, 50.0), trial_id=number) for number, value in enumerate((0.1, 0.2, 0.4, 0.9))]
    rule = median_rule(min_trials=4, min_steps=1)
    assert rule.should_stop(trial_with((0.29, 51.0)), others)
    assert not rule.should_stop(trial_with((0.31, 51.0)), others)


def test_never_stops_nothing():
    assert not NeverConfig().build(OBJECTIVES).should_stop(trial_with((0.0, 99.0), (0.0, 99.0)), OTHERS)


@pytest.mark.parametrize("settings", [{"min_trials": 1}, {"min_steps": 0}])
def test_settings_that_decide_nothing_are_refused(settings):
    with pytest.raises(ValueError, match=r"pruner\.min_trials must be at least 2 and pruner\.min_steps at least 1"):
        MedianConfig(**settings)
