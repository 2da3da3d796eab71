"""The agreement of quick and complete measurements, with known answers."""

from __future__ import annotations

import dataclasses

import pytest

from paretoseg.search.reports.fidelity import describe_fidelity, describe_share, measure_battery_share, measure_fidelity
from paretoseg.search.trials.trial import State, Trial
from paretoseg.trainables.toy import ToyTask
from tests.builders import build_trial

OBJECTIVES = ToyTask().objectives()
COMPLETE = [0.1, 0.2, 0.3, 0.4, 0.5]


def trials_of(quick: list[float]) -> list[Trial]:
    """Trials whose robustness is `COMPLETE`; their accuracy was measured quickly without any error."""
    first = {"accuracy": 0.0, "robustness": 0.0}
    return [
        build_trial(number, 1 - value, value, reports={1: first, 2: {"accuracy": 1 - value, "robustness": seen}})
        for number, (value, seen) in enumerate(zip(COMPLETE, quick, strict=True))
    ]


def test_one_swapped_pair_of_five_gives_the_known_correlations() -> None:
    # Ranks 1 2 3 5 4: Spearman 1 - 6 * 2 / (5 * 24) = 0.9; Kendall (9 - 1) / 10 = 0.8.
    accuracy, robustness = measure_fidelity(trials_of([0.0, 0.1, 0.2, 0.9, 0.3]), OBJECTIVES)
    assert (accuracy.objective, accuracy.spearman, accuracy.kendall) == (
        "accuracy",
        pytest.approx(1.0),
        pytest.approx(1.0),
    )
    assert (robustness.spearman, robustness.kendall) == (pytest.approx(0.9), pytest.approx(0.8))
    assert robustness.num_trials == 5
    assert robustness.describe() == "robustness: Spearman 0.90, Kendall 0.80 over 5 trials"


def test_the_last_report_counts_and_a_reversed_order_is_minus_one() -> None:
    _, robustness = measure_fidelity(trials_of(COMPLETE[::-1]), OBJECTIVES)
    assert (robustness.spearman, robustness.kendall) == (pytest.approx(-1.0), pytest.approx(-1.0))


def test_broken_and_unfinished_trials_do_not_count_and_few_say_nothing() -> None:
    trials = trials_of(COMPLETE)
    more = [build_trial(9, degenerate="constant", reports={1: {"accuracy": 1.0, "robustness": 0.0}})]
    more += [build_trial(10, state=State.STOPPED, objectives={}, reports={1: {"accuracy": 1.0, "robustness": 0.0}})]
    assert measure_fidelity([*trials, *more], OBJECTIVES) == measure_fidelity(trials, OBJECTIVES)
    assert measure_fidelity([*trials[:4], *more], OBJECTIVES) == []


def test_an_objective_in_which_all_are_equal_has_no_correlation() -> None:
    assert [item.objective for item in measure_fidelity(trials_of([0.5] * 5), OBJECTIVES)] == ["accuracy"]


def test_the_share_of_the_battery_is_the_median_over_trials() -> None:
    costs = [{"battery_seconds": seconds, "train_seconds": 10.0} for seconds in (1.0, 2.0, 9.0)]
    trials = [build_trial(number, costs=cost) for number, cost in enumerate(costs)]
    assert measure_battery_share(trials) == pytest.approx(0.2)
    assert measure_battery_share([build_trial(0)]) is None
    assert describe_fidelity(trials, OBJECTIVES) == [
        "A complete measurement takes 20% of the time of training (median over trials)."
    ]


def test_a_battery_that_costs_more_than_training_comes_with_the_way_out() -> None:
    assert "task.num_battery_cases" in describe_share(1.26)
    assert "task.num_battery_cases" not in describe_share(0.99)


def test_a_study_without_quick_measurements_says_why() -> None:
    trials = [build_trial(number, reports={1: {}, 2: {}}) for number in range(6)]
    assert measure_fidelity(trials, OBJECTIVES) == []
    assert describe_fidelity(trials, OBJECTIVES) == [
        "No trial is measured before its end, as no pruner decides by that; task.quick_share=0 measures every step."
    ]
    assert describe_fidelity([build_trial(0)], OBJECTIVES) == []


def test_trials_that_were_not_measured_after_their_last_step_do_not_count() -> None:
    trials = [dataclasses.replace(trial, reports={**trial.reports, 3: {}}) for trial in trials_of(COMPLETE)]
    assert measure_fidelity(trials, OBJECTIVES) == []
