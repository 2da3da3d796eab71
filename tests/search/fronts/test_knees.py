import numpy as np
import pytest

from paretoseg.search.fronts.knees import BEND, CHORD, IDEAL, find_bend, find_knee, find_knees, find_nearest_to_ideal


def losses_of(*points):
    return -np.array(points)


def test_the_knee_lies_farthest_from_the_chord():
    # Scaled losses (0, 1), (0.125, 0.25), (0.5, 0.125), (1, 0): distances 0, 0.625, 0.375, 0 over sqrt(2).
    assert find_knee(losses_of((0.9, 0.1), (0.8, 0.7), (0.5, 0.8), (0.1, 0.9))) == 1


def test_the_knee_does_not_depend_on_the_units():
    points = [(0.9, 0.1), (0.8, 0.7), (0.5, 0.8), (0.1, 0.9)]
    assert set(find_knees(losses_of(*((one, 1 + other / 1000) for one, other in points))).values()) == {1}


def test_without_a_knee_the_member_nearest_to_the_ideal_is_taken():
    # The middle one's scaled loss is (0.6, 0.5): beyond the chord, but 0.78 from the ideal, where the ends are at 1.
    losses = losses_of((0.7, 0.6), (0.64, 0.65), (0.6, 0.7))
    assert find_knees(losses) == {CHORD: 1, IDEAL: 1}


def test_the_only_member_is_the_knee():
    assert set(find_knees(losses_of((0.5, 0.5))).values()) == {0}


def test_of_two_members_the_more_accurate_is_the_knee_and_nothing_bends():
    losses = losses_of((0.8, 0.5), (0.5, 0.8))
    assert (find_knee(losses), find_bend(losses)) == (0, None)


def test_of_equal_members_the_earliest_is_the_knee():
    assert set(find_knees(losses_of((0.5, 0.5), (0.5, 0.5))).values()) == {0}


def test_the_knee_of_three_objectives_is_measured_from_the_plane_through_the_ends():
    losses = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0], [0.5, 0.3, 0.1], [0.2, 0.2, 0.4]])
    assert find_knee(losses) == 4
    assert find_bend(losses) is None


@pytest.mark.parametrize("seed", range(5))
def test_the_bend_is_180_degrees_minus_the_angle_between_the_ends(seed):
    first = np.sort(np.random.default_rng(seed).random(7))
    scaled = np.column_stack([first, (1 - first) ** 2])
    scaled = (scaled - scaled.min(axis=0)) / np.ptp(scaled, axis=0)
    angles = []
    for point in scaled[1:-1]:
        one, other = scaled[0] - point, scaled[-1] - point
        angles.append(np.arccos(one @ other / np.linalg.norm(one) / np.linalg.norm(other)))
    assert find_bend(scaled) == 1 + int(np.argmin(angles))


def test_methods_can_disagree():
    # Scaled (0.05, 0.55) and (0.3, 0.28): sums .6 and .58; distances to the ideal .552 and .410; the bend angle of the
    # first is atan2(.45, .05) - atan2(.55, .95) = 53.6 degrees, that of the second 67.4 - 21.8 = 45.6.
    losses = np.array([[0.0, 1.0], [0.05, 0.55], [0.3, 0.28], [1.0, 0.0]])
    assert find_knees(losses) == {CHORD: 2, BEND: 1, IDEAL: 2}
    assert find_nearest_to_ideal(losses) == 2
