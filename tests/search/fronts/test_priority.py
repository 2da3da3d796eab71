import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from paretoseg.search.fronts.priority import find_contributions, find_places, rank_by_nondomination

TABLES = st.tuples(st.integers(1, 12), st.integers(1, 3)).flatmap(
    lambda shape: hnp.arrays(float, shape, elements=st.integers(0, 5).map(float) | st.floats(-3, 3, width=16))
)


def dominates(one, other):
    return bool((one <= other).all() and (one < other).any())


@given(TABLES, st.randoms(use_true_random=False))
def test_a_permutation_of_the_rows_permutes_the_places(losses, random):
    permutation = list(range(len(losses)))
    random.shuffle(permutation)
    assert find_places(losses[permutation]).tolist() == find_places(losses)[permutation].tolist()


def test_a_place_is_no_order():
    """The best is row 2: under a cycle of four, which is not its own inverse, place and order differ."""
    losses = np.array([[3.0], [1.0], [0.0], [2.0]])
    assert find_places(losses).tolist() == [3, 1, 0, 2]
    cycle = np.array([[1.0], [2.0], [3.0], [0.0]])
    assert find_places(cycle).tolist() == [1, 2, 3, 0] != np.argsort(cycle[:, 0]).tolist()


@given(TABLES)
def test_no_trial_comes_before_one_that_dominates_it(losses):
    places = find_places(losses)
    for one, place in zip(losses, places, strict=True):
        for other, after in zip(losses, places, strict=True):
            if dominates(one, other):
                assert place < after


@given(TABLES)
def test_a_place_counts_the_better_ones_and_equal_trials_share_it(losses):
    places = find_places(losses)
    assert all(place == np.sum(places < place) for place in places)
    for row in range(len(losses)):
        same = (losses == losses[row]).all(axis=1)
        assert len(set(places[same].tolist())) == 1


@given(st.permutations(range(9)), st.integers(1, 3))
def test_where_all_objectives_agree_places_are_positions_in_the_sorted_list(values, num_objectives):
    losses = np.array(values, dtype=float)[:, None] ** np.arange(1, num_objectives + 1)
    assert find_places(losses).tolist() == [sorted(values).index(value) for value in values]


@given(TABLES)
def test_ranks_are_those_of_fronts_taken_away_one_by_one(losses):
    left, expected = set(range(len(losses))), {}
    while left:
        best = {row for row in left if not any(dominates(losses[other], losses[row]) for other in left)}
        expected |= dict.fromkeys(best, max(expected.values(), default=-1) + 1)
        left -= best
    assert rank_by_nondomination(losses).tolist() == [expected[row] for row in range(len(losses))]


def test_the_members_of_an_even_front_tie_in_any_unit():
    even = np.array([[0.0, 3.0], [1.0, 2.0], [2.0, 1.0], [3.0, 0.0]])
    assert find_contributions(even) == pytest.approx(np.full(4, 1 / 9))
    assert find_contributions(even * [1e-3, 1e6] + [5.0, -7.0]) == pytest.approx(np.full(4, 1 / 9))


def test_a_crowded_member_contributes_least():
    front = np.array([[0.0, 3.0], [1.0, 1.0], [1.1, 0.95], [3.0, 0.0]])
    assert np.argmin(find_contributions(front)) == 2
    assert find_places(front).tolist()[2] == 3


def test_nothing_has_no_places_and_what_is_not_finite_is_refused():
    assert find_places(np.zeros((0, 2))).tolist() == []
    with pytest.raises(ValueError, match="losses must be finite"):
        find_places(np.array([[np.nan, 1.0]]))
