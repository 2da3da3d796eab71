"""Every pruner of the table of choices keeps the contract of `Pruner`."""

import pytest

from paretoseg.search.config.config import CHOICES
from paretoseg.search.trials.trial import State
from paretoseg.trainables.toy import ToyTask
from tests.builders import build_trial


@pytest.fixture(params=sorted(CHOICES["pruner"]))
def build(request):
    """Builds a pruner that knows of no trial."""
    return lambda: CHOICES["pruner"][request.param]().build(ToyTask().objectives())


@pytest.fixture
def pruner(build):
    return build()


def trial_at(trial_id, *values):
    reports = {step: {"accuracy": value, "robustness": value} for step, value in enumerate(values, start=1)}
    return build_trial(trial_id, state=State.RUNNING, objectives={}, reports=reports)


def stops(pruner, trial, others):
    """The verdict on a trial after all of them have reported."""
    for told in (*others, trial):
        pruner.tell(told)
    return pruner.should_stop(trial)


def test_the_best_trial_is_never_stopped(pruner):
    others = [trial_at(number, 0.1, 0.2, 0.3) for number in range(20)]
    assert not stops(pruner, trial_at(20, 0.4, 0.5, 0.6), others)


def test_a_trial_like_all_others_is_never_stopped(pruner):
    others = [trial_at(number, 0.1, 0.2, 0.3) for number in range(20)]
    assert not stops(pruner, trial_at(20, 0.1, 0.2, 0.3), others)


def test_without_others_nothing_is_stopped(pruner):
    assert not stops(pruner, trial_at(0, 0.0, 0.0, 0.0), [])


def test_the_order_of_the_others_does_not_matter(build):
    others = [trial_at(number, 0.1, number / 20) for number in range(20)]
    for value in (0.05, 0.45, 0.5, 0.95):
        trial = trial_at(20, 0.1, value)
        assert stops(build(), trial, others) == stops(build(), trial, others[::-1])


def test_asking_twice_gives_the_same_answer(pruner):
    others = [trial_at(number, 0.1, number / 20) for number in range(20)]
    trial = trial_at(20, 0.1, 0.1)
    assert stops(pruner, trial, others) == pruner.should_stop(trial)


def test_telling_twice_changes_nothing(pruner):
    others = [trial_at(number, 0.1, number / 20) for number in range(20)]
    trial = trial_at(20, 0.1, 0.1)
    assert stops(pruner, trial, others) == stops(pruner, trial, others)
