import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from paretoseg.search.fronts.dominance import find_nondominated, find_nondominated_in_draws, measure_hypervolume
from paretoseg.search.fronts.front import GrowingFront, read_front
from paretoseg.search.trials.trial import State
from paretoseg.spaces.objective import Direction, Objective
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate
from tests.builders import build_trial

ACCURACY = Objective("accuracy", "1", Direction.MAXIMISE, 0.0)
ROBUSTNESS = Objective("robustness", "1", Direction.MAXIMISE, 0.0)


def losses(num_objectives):
    """Up to twelve points on a coarse grid, so that ties and duplicates happen."""
    return hnp.arrays(
        float,
        st.tuples(st.integers(0, 12), st.just(num_objectives)),
        elements=st.integers(-2, 10).map(lambda number: number / 8),
    )


any_losses = st.integers(1, 5).flatmap(losses)


def is_dominated(point, others):
    """The definition: another is nowhere worse and somewhere better."""
    return any((other <= point).all() and (other < point).any() for other in others)


def test_hypervolume_of_a_staircase_by_hand():
    steps = np.array([[0.0, 2.0], [1.0, 1.0], [2.0, 0.0]])
    assert measure_hypervolume(steps, np.array([3.0, 3.0])) == 3 + 2 + 1


def test_hypervolume_of_two_boxes_by_hand():
    boxes = np.array([[0.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    assert measure_hypervolume(boxes, np.array([2.0, 2.0, 2.0])) == 4 + 2 - 1


def test_what_lies_on_or_beyond_the_reference_adds_nothing():
    reference = np.array([1.0, 1.0])
    assert measure_hypervolume(np.array([[1.0, 0.0], [0.0, 1.0], [2.0, -9.0]]), reference) == 0.0
    assert measure_hypervolume(np.empty((0, 2)), reference) == 0.0
    assert measure_hypervolume(np.array([[0.5, 0.5], [1.0, -9.0]]), reference) == 0.25


def test_nondominated_by_hand():
    points = np.array([[3.0, 1.0], [2.0, 2.0], [2.0, 3.0], [1.0, 3.0], [2.0, 2.0], [4.0, 4.0]])
    assert find_nondominated(points).tolist() == [True, True, False, True, True, False]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_losses_that_are_not_finite_are_refused(value):
    with pytest.raises(ValueError, match="losses must be finite"):
        find_nondominated(np.array([[0.0, value]]))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_the_volume_of_losses_that_are_not_finite_is_refused(value):
    with pytest.raises(ValueError, match="losses must be finite"):
        measure_hypervolume(np.array([[0.0, value]]), np.ones(2))


def test_the_volume_of_one_objective_is_a_length():
    assert measure_hypervolume(np.array([[0.5], [0.25], [3.0]]), np.array([2.0])) == 1.75
    assert measure_hypervolume(np.array([[3.0]]), np.array([2.0])) == 0.0


@given(st.integers(1, 4).flatmap(losses))
def test_the_hypervolume_is_the_number_of_cells_that_are_dominated(points):
    """On a grid of step 1/8 the volume is counted: the reference is 1, and no loss lies below -1/4."""
    num_objectives = points.shape[1]
    axis = np.arange(-2, 8) / 8
    corners = np.stack(np.meshgrid(*[axis] * num_objectives, indexing="ij"), axis=-1).reshape(-1, num_objectives)
    is_covered = np.zeros(len(corners), dtype=bool)
    for point in points:
        is_covered |= (point <= corners).all(axis=1)
    expected = is_covered.sum() / 8**num_objectives
    assert measure_hypervolume(points, np.ones(num_objectives)) == pytest.approx(expected)


@given(any_losses)
def test_the_nondominated_are_those_of_the_definition(points):
    expected = [not is_dominated(point, points) for point in points]
    assert find_nondominated(points).tolist() == expected


@pytest.mark.parametrize("num_objectives", [2, 3, 4])
def test_the_nondominated_of_many_points_with_ties_are_those_of_the_definition(num_objectives):
    """Libraries take other ways with many points than with few."""
    points = np.random.default_rng(0).integers(0, 12, (300, num_objectives)) / 8
    points = np.concatenate([points, points[::3]])
    assert find_nondominated(points).tolist() == [not is_dominated(point, points) for point in points]


@given(any_losses, st.randoms(use_true_random=False))
def test_the_order_of_trials_does_not_matter(points, random):
    order = list(range(len(points)))
    random.shuffle(order)
    reference = np.ones(points.shape[1])
    assert measure_hypervolume(points[order], reference) == pytest.approx(measure_hypervolume(points, reference))
    np.testing.assert_array_equal(find_nondominated(points[order]), find_nondominated(points)[order])


@given(any_losses)
def test_hypervolume_never_falls_when_a_trial_is_added(points):
    reference = np.ones(points.shape[1])
    volumes = [measure_hypervolume(points[:count], reference) for count in range(len(points) + 1)]
    assert all(after >= before - 1e-12 for before, after in itertools.pairwise(volumes))


def candidate_of(number):
    return Candidate(recipe=Recipe(foreground_ratio=number / 1000))


@given(losses(2))
def test_a_front_is_mutually_nondominated_and_covers_the_rest(points):
    trials = [build_trial(index, -point[0], -point[1]) for index, point in enumerate(points)]
    front = read_front(trials, (ACCURACY, ROBUSTNESS))
    members = {trial.trial_id for trial in front.trials}
    for index, point in enumerate(points):
        assert is_dominated(point, front.losses) == (index not in members)
    assert list(front.losses[:, 0]) == sorted(front.losses[:, 0])


def test_the_front_is_ordered_by_the_first_objective():
    places = {0: (0.5, 0.7), 1: (0.9, 0.1), 2: (0.1, 0.9), 3: (0.7, 0.5), 4: (0.4, 0.4)}
    front = read_front([build_trial(number, *place) for number, place in places.items()], (ACCURACY, ROBUSTNESS))
    assert [trial.trial_id for trial in front.trials] == [1, 3, 0, 2]
    np.testing.assert_array_equal(front.losses, [[-0.9, -0.1], [-0.7, -0.5], [-0.5, -0.7], [-0.1, -0.9]])
    assert front.hypervolume == pytest.approx(0.9 * 0.1 + 0.7 * 0.4 + 0.5 * 0.2 + 0.1 * 0.2)


def test_the_direction_of_an_objective_decides_what_is_better():
    cost = Objective("robustness", "s", Direction.MINIMISE, 1.0)
    trials = [build_trial(0, 0.5, 0.2), build_trial(1, 0.5, 0.8)]
    assert [trial.trial_id for trial in read_front(trials, (ACCURACY, cost)).trials] == [0]
    assert [trial.trial_id for trial in read_front(trials, (ACCURACY, ROBUSTNESS)).trials] == [1]


@pytest.mark.parametrize(
    "changes",
    [
        {"degenerate": "all foreground"},
        {"state": State.FAILED, "objectives": {}},
        {"state": State.STOPPED, "objectives": {}},
        {"state": State.RUNNING, "objectives": {}},
        {"state": State.STOPPED},
        {"state": State.FAILED},
    ],
)
def test_only_sound_finished_trials_stand_on_the_front(changes):
    front = read_front([build_trial(0, 0.3, 0.3), build_trial(1, 0.9, 0.9, **changes)], (ACCURACY, ROBUSTNESS))
    assert [trial.trial_id for trial in front.trials] == [0]
    assert front.hypervolume == pytest.approx(0.09)


def test_a_study_without_a_finished_trial_has_an_empty_front():
    front = read_front([build_trial(0, state=State.RUNNING)], (ACCURACY, ROBUSTNESS))
    assert front.trials == ()
    assert front.losses.shape == (0, 2)
    assert front.hypervolume == 0.0


@given(losses(2), st.integers(1, 12), st.randoms(use_true_random=False))
def test_a_front_that_grows_is_the_one_that_is_read_at_once(points, num_candidates, random):
    trials = [
        build_trial(
            index, -point[0], -point[1], candidate=candidate_of(index % num_candidates), seed=index // num_candidates
        )
        for index, point in enumerate(points)
    ]
    random.shuffle(trials)
    objectives = (ACCURACY, ROBUSTNESS)
    growing = GrowingFront(objectives)
    for trial in trials:
        growing.add(trial)
        growing.update()
    expected = read_front(trials, objectives)
    assert growing.front.results == expected.results
    np.testing.assert_array_equal(growing.front.losses, expected.losses)
    assert growing.front.hypervolume == expected.hypervolume


def test_a_later_record_of_a_member_takes_its_place():
    growing = GrowingFront((ACCURACY, ROBUSTNESS))
    for trial in (build_trial(0, 0.3, 0.9), build_trial(1, 0.9, 0.3)):
        growing.add(trial)
    growing.update()
    front = growing.front
    tested = dataclasses.replace(front.trials[1], test={"accuracy": 0.2, "robustness": 0.8})
    growing.add(tested)
    growing.update()
    assert growing.front.trials == (front.trials[0], tested)
    assert growing.front.hypervolume == front.hypervolume


def test_a_second_seed_that_is_worse_lets_the_dominated_join_again():
    growing = GrowingFront((ACCURACY, ROBUSTNESS))
    lucky = build_trial(0, 0.9, 0.9)
    for trial in (lucky, build_trial(1, 0.7, 0.7)):
        growing.add(trial)
    growing.update()
    assert [trial.trial_id for trial in growing.front.trials] == [0]
    growing.add(build_trial(2, 0.3, 0.3, candidate=lucky.candidate, seed=1))
    growing.update()
    assert [trial.trial_id for trial in growing.front.trials] == [1]
    [member] = growing.front.trials
    assert member.objectives == {"accuracy": 0.7, "robustness": 0.7}


def test_of_equal_trials_the_earlier_one_comes_first():
    trials = [build_trial(number, 0.5, 0.5) for number in (2, 0, 1)]
    assert [trial.trial_id for trial in read_front(trials, (ACCURACY, ROBUSTNESS)).trials] == [0, 1, 2]


@pytest.mark.parametrize("num_objectives", [2, 3])
def test_many_draws_have_the_fronts_of_each_draw(num_objectives: int) -> None:
    # Small whole numbers: many trials are equal in one objective, some in all.
    draws = np.random.default_rng(0).integers(0, 5, size=(200, 25, num_objectives)).astype(float)
    found = find_nondominated_in_draws(draws)
    assert np.array_equal(found, [find_nondominated(draw) for draw in draws])


def test_draws_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        find_nondominated_in_draws(np.full((2, 3, 2), np.nan))
