import moocore
import numpy as np
import pytest

from paretoseg.search.certainty.attainment import find_attained, find_band


def build_fronts(seed, num_fronts=4):
    generator = np.random.default_rng(seed)
    return [generator.integers(0, 9, (generator.integers(1, 8), 2)).astype(float) for _ in range(num_fronts)]


def attains(points, goal):
    return bool((points <= goal).all(axis=1).any())


@pytest.mark.parametrize("seed", range(10))
def test_the_staircase_bounds_what_enough_fronts_attain(seed):
    fronts = build_fronts(seed)
    for level in range(1, len(fronts) + 1):
        corners = find_attained(fronts, level)
        for goal in np.ndindex(10, 10):
            expected = sum(attains(front, np.array(goal)) for front in fronts) >= level
            assert attains(corners, np.array(goal)) == expected


@pytest.mark.parametrize("seed", range(5))
def test_the_staircase_is_that_of_moocore(seed):
    generator = np.random.default_rng(seed)
    fronts = [generator.random((6, 2)) for _ in range(5)]
    table = np.vstack([np.column_stack([points, np.full(6, place)]) for place, points in enumerate(fronts)])
    for level in range(1, 6):
        found = moocore.eaf(table[:, :2], table[:, 2], percentiles=[100 * level / 5])[:, :2]
        np.testing.assert_allclose(find_attained(fronts, level), found[np.argsort(found[:, 0])])


def test_the_band_has_the_best_the_median_and_the_worst():
    fronts = [np.array([[0.0, 3.0], [2.0, 1.0]]), np.array([[1.0, 2.0]]), np.array([[3.0, 0.0]])]
    band = find_band(fronts)
    assert band.best.tolist() == [[0, 3], [1, 2], [2, 1], [3, 0]]
    assert band.median.tolist() == [[1, 3], [2, 2], [3, 1]]
    assert band.worst.tolist() == [[3, 2]]


def test_one_front_is_its_own_band_without_dominated_points():
    band = find_band([np.array([[1.0, 1.0], [0.0, 2.0], [1.0, 3.0], [1.0, 1.0]])])
    assert band.best.tolist() == band.median.tolist() == band.worst.tolist() == [[0, 2], [1, 1]]


def test_an_empty_front_attains_nothing():
    band = find_band([np.array([[1.0, 1.0]]), np.zeros((0, 2))])
    assert band.best.tolist() == band.median.tolist() == [[1, 1]]
    assert band.worst.shape == (0, 2)
