import dataclasses

import pytest

from paretoseg.search.fronts.drift import measure_drift, with_measurements
from paretoseg.search.fronts.front import read_front
from paretoseg.search.fronts.order import measure_agreement
from paretoseg.spaces.objective import Direction, Objective
from tests.builders import build_trial

OBJECTIVES = tuple(Objective(name, "Dice", Direction.MAXIMISE, 0.0) for name in ("accuracy", "robustness"))


def drift_between(before, after, objectives_after=OBJECTIVES, degenerate=()):
    """The drift from points to points, both by trial id."""
    trials = [build_trial(trial_id, *point) for trial_id, point in before.items()]
    renewed = {
        trial_id: with_measurements(
            trials[trial_id],
            {"accuracy": point[0], "robustness": point[1]},
            "broken" if trial_id in degenerate else "",
            {},
        )
        for trial_id, point in after.items()
    }
    return measure_drift(trials, renewed, objectives_before=OBJECTIVES, objectives_after=objectives_after)


def test_who_leaves_and_who_joins_is_read_from_both_fronts():
    before = {0: (0.9, 0.2), 1: (0.8, 0.6), 2: (0.7, 0.5), 3: (0.5, 0.8)}
    after = {0: (0.9, 0.1), 1: (0.8, 0.3), 2: (0.7, 0.4), 3: (0.5, 0.2)}
    drift = drift_between(before, after)
    assert {move.before.trial_id: move.verdict for move in drift.moves} == {
        0: "stays",
        1: "stays",
        2: "joins",
        3: "leaves",
    }
    # Staircases by hand, from (0, 0): widths times heights.
    assert drift.front_before.hypervolume == pytest.approx(0.9 * 0.2 + 0.8 * 0.4 + 0.5 * 0.2)
    assert drift.front_after.hypervolume == pytest.approx(0.9 * 0.1 + 0.8 * 0.2 + 0.7 * 0.1)


def test_the_order_is_compared_pair_by_pair():
    before = {0: (0.4, 0.1), 1: (0.3, 0.2), 2: (0.2, 0.3), 3: (0.1, 0.4)}
    after = {0: (0.4, 0.2), 1: (0.3, 0.3), 2: (0.2, 0.4), 3: (0.1, 0.1)}
    drift = drift_between(before, after)
    # Of six pairs in robustness, the three with trial 3 are turned around.
    assert drift.taus == {"accuracy": pytest.approx(1.0), "robustness": pytest.approx(0.0)}


def test_a_reversed_order_is_minus_one_whatever_the_direction():
    minimised = (OBJECTIVES[0], dataclasses.replace(OBJECTIVES[1], direction=Direction.MINIMISE, reference=1.0))
    before = {0: (0.4, 0.1), 1: (0.3, 0.2), 2: (0.2, 0.3)}
    after = {0: (0.4, 0.1), 1: (0.3, 0.2), 2: (0.2, 0.3)}
    assert drift_between(before, after).taus["robustness"] == pytest.approx(1.0)
    assert drift_between(before, after, minimised).taus["robustness"] == pytest.approx(-1.0)


def test_an_order_of_one_trial_or_of_equal_ones_is_none():
    assert drift_between({0: (0.4, 0.1)}, {0: (0.4, 0.1)}).taus == {"accuracy": None, "robustness": None}
    drift = drift_between({0: (0.4, 0.1), 1: (0.3, 0.2)}, {0: (0.4, 0.3), 1: (0.3, 0.3)})
    assert drift.taus == {"accuracy": pytest.approx(1.0), "robustness": None}


def test_without_any_change_nothing_moves():
    points = {0: (0.9, 0.2), 1: (0.8, 0.6), 2: (0.85, 0.1), 3: (0.5, 0.8)}
    drift = drift_between(points, points)
    assert [move.verdict for move in drift.moves] == ["stays", "off", "stays", "stays"]
    assert drift.front_before.hypervolume == drift.front_after.hypervolume
    trials = [build_trial(trial_id, *point) for trial_id, point in points.items()]
    assert drift.front_before.hypervolume == read_front(trials, OBJECTIVES).hypervolume


def test_a_network_that_counts_as_broken_now_leaves_the_front():
    points = {0: (0.9, 0.2), 1: (0.8, 0.6)}
    drift = drift_between(points, points | {0: (0.95, 0.9)}, degenerate={0})
    assert [move.verdict for move in drift.moves] == ["leaves", "stays"]
    assert [trial.trial_id for trial in drift.front_after.trials] == [1]


def test_what_was_not_measured_again_is_left_out_of_both_fronts():
    drift = drift_between({0: (0.9, 0.2), 1: (0.8, 0.6), 2: (0.7, 0.7)}, {1: (0.8, 0.5)})
    assert [move.before.trial_id for move in drift.moves] == [1]
    assert len(drift.front_before.trials) == len(drift.front_after.trials) == 1


def test_nothing_measured_gives_an_empty_drift():
    drift = drift_between({0: (0.9, 0.2)}, {})
    assert drift.moves == ()
    assert drift.front_after.hypervolume == 0.0


def test_the_same_order_is_exactly_one():
    values = [0.641, 0.36, 0.416, 0.44, 0.287, 0.361, 0.384, 0.411]
    assert measure_agreement(values, values) == 1.0
