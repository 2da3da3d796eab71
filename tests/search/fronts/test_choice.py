import numpy as np
import pytest

from paretoseg.search.fronts.choice import choose, find_knee
from paretoseg.search.fronts.front import read_front
from paretoseg.spaces.objective import Direction, Objective
from paretoseg.trainables.toy import ToyTask
from tests.builders import build_trial

OBJECTIVES = ToyTask().objectives()


def front_of(*points):
    return read_front([build_trial(number, *point) for number, point in enumerate(points)], OBJECTIVES)


def knee_of(*points):
    return choose(front_of(*points), "knee", OBJECTIVES).trial_id


def test_the_knee_lies_farthest_from_the_chord():
    # Scaled losses (0, 1), (0.125, 0.25), (0.5, 0.125), (1, 0): distances 0, 0.625, 0.375, 0 over sqrt(2).
    assert knee_of((0.1, 0.9), (0.9, 0.1), (0.8, 0.7), (0.5, 0.8)) == 2


def test_the_knee_does_not_depend_on_the_units():
    points = [(0.1, 0.9), (0.9, 0.1), (0.8, 0.7), (0.5, 0.8)]
    assert knee_of(*((accuracy, 1 + robustness / 1000) for accuracy, robustness in points)) == 2


def test_without_a_knee_the_member_nearest_to_the_ideal_is_taken():
    # The middle one's scaled loss is (0.6, 0.5): beyond the chord, but 0.78 from the ideal, where the ends are at 1.
    assert knee_of((0.6, 0.7), (0.7, 0.6), (0.64, 0.65)) == 2


def test_the_only_member_is_the_knee():
    assert knee_of((0.4, 0.4), (0.5, 0.5)) == 1


def test_of_two_members_the_more_accurate_is_the_knee():
    assert knee_of((0.5, 0.8), (0.8, 0.5)) == 1


def test_of_equal_members_the_earliest_is_the_knee():
    assert knee_of((0.4, 0.1), (0.5, 0.5), (0.5, 0.5)) == 1


def test_the_knee_of_three_objectives_is_measured_from_the_plane_through_the_ends():
    losses = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0], [0.5, 0.3, 0.1], [0.2, 0.2, 0.4]])
    assert find_knee(losses) == 4


def test_the_ends_are_best_in_one_objective_each():
    front = front_of((0.5, 0.7), (0.9, 0.1), (0.8, 0.6), (0.2, 0.8))
    assert choose(front, "most-accurate", OBJECTIVES).trial_id == 1
    assert choose(front, "most-robust", OBJECTIVES).trial_id == 3


def test_a_number_picks_that_trial():
    assert choose(front_of((0.5, 0.7), (0.9, 0.1)), "0", OBJECTIVES).trial_id == 0


@pytest.mark.parametrize("pick", ["2", "-1", "01", "kne", "", "$(reboot)", "most_accurate"])
def test_an_unknown_pick_is_refused_with_the_known_ones(pick):
    front = front_of((0.5, 0.7), (0.9, 0.1), (0.1, 0.1))
    with pytest.raises(ValueError, match=r"unknown pick .*known: knee, most-accurate, most-robust, 1, 0 "):
        choose(front, pick, OBJECTIVES)


def test_an_end_of_an_objective_that_is_not_measured_is_refused():
    size = Objective("size", "weights", Direction.MINIMISE, reference=1e9)
    front = read_front([build_trial(0, objectives={"size": 10.0})], [size])
    with pytest.raises(ValueError, match="known: knee, 0 "):
        choose(front, "most-robust", [size])


def test_an_empty_front_is_refused():
    with pytest.raises(ValueError, match="the front is empty"):
        choose(front_of(), "knee", OBJECTIVES)
