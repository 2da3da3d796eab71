import itertools
import re

import numpy as np
import pytest

from paretoseg.search.fronts.choice import Options, choose, describe_choice, share_of_draws
from paretoseg.search.fronts.dominance import find_nondominated
from paretoseg.spaces.cost_objectives import COST_OBJECTIVES
from paretoseg.spaces.objective import Direction, Objective, to_losses
from paretoseg.trainables.toy import ToyTask

OBJECTIVES = tuple(ToyTask().objectives())
POINTS = [(0.9, 0.1), (0.8, 0.7), (0.5, 0.8), (0.1, 0.9), (0.4, 0.4)]
"""The last is off the front; the knee is the second."""

MEMORY = [9.0, 12.0, 10.0, 9.0, 4.0]


def build_options(points=POINTS, objectives=OBJECTIVES, numbers=None, **costs):
    names = [objective.name for objective in objectives]
    losses = to_losses(objectives, [dict(zip(names, point, strict=True)) for point in points])
    return Options(
        losses=losses,
        objectives=objectives,
        numbers=tuple(numbers or range(len(points))),
        is_on_front=find_nondominated(losses) if len(points) else np.zeros(0, bool),
        costs={name: np.array(values) for name, values in costs.items()},
    )


def test_a_bound_on_a_cost_on_a_logarithmic_scale_holds_for_the_value_itself():
    """Back from logarithms, 1,672 weights are 1,672.0000000000002."""
    objectives = (OBJECTIVES[0], COST_OBJECTIVES["parameters"])
    points = [(0.9, 1672.0), (0.5, 1671.0)]
    options = build_options(points, objectives)
    assert options.values_of("parameters").tolist() == [1672.0, 1671.0]
    assert choose(options, "parameters<=1672,most-accurate").index == 0


@pytest.mark.parametrize(
    ("pick", "index", "how"),
    [
        ("knee", 1, "the knee of the front"),
        ("most-accurate", 0, "the most accurate of the front"),
        ("most-robust", 3, "the most robust of the front"),
        ("2", 2, "the one with this number"),
        ("accuracy>=.5", 2, "the most robust of 3 candidates with accuracy>=0.5"),
        ("robustness>=.75", 2, "the most accurate of 2 candidates with robustness>=0.75"),
        ("accuracy>=.3,robustness>=.3", 1, "the knee of 3 candidates with accuracy>=0.3 and robustness>=0.3"),
        ("memory_gb<=10,accuracy>=.5", 2, "the most robust of 2 candidates with memory_gb<=10 and accuracy>=0.5"),
        ("memory_gb<=9.5,most-robust", 3, "the most robust of 3 candidates with memory_gb<=9.5"),
        ("accuracy<=.5,most-accurate", 2, "the most accurate of 3 candidates with accuracy<=0.5"),
        ("lose<=.1", 1, "the most robust of 2 candidates with lose<=0.1"),
        ("lose<=.4", 2, "the most robust of 3 candidates with lose<=0.4"),
        ("lose<=0", 0, "the most robust of 1 candidate with lose<=0"),
        ("lose<=.4,memory_gb<=11", 2, "the most robust of 2 candidates with memory_gb<=11 and lose<=0.4"),
        ("accuracy=1,robustness=0", 0, "the best for the weights accuracy=1, robustness=0 of the front"),
        ("accuracy=.7,robustness=.3", 1, "the best for the weights accuracy=0.7, robustness=0.3 of the front"),
        ("accuracy=0,robustness=1", 3, "the best for the weights accuracy=0, robustness=1 of the front"),
    ],
)
def test_a_pick_takes_the_candidate_that_its_rule_says(pick, index, how):
    choice = choose(build_options(memory_gb=MEMORY), pick)
    assert (choice.index, choice.how, choice.is_on_front) == (index, how, True)


def test_nine_tenths_less_five_thousandths_is_within_five_thousandths():
    assert choose(build_options([(0.9, 0.1), (0.895, 0.2)]), "lose<=.005").index == 1


def test_a_candidate_off_the_front_is_named_as_such_with_that_on_the_front():
    options = build_options(numbers=[10, 11, 12, 13, 14], memory_gb=MEMORY)
    choice = choose(options, "memory_gb<=9,robustness<=.5,most-robust")
    assert (choice.index, choice.is_on_front, choice.alternative) == (4, False, 0)
    assert describe_choice(options, choice) == [
        "Candidate 14 is the most robust of 2 candidates with memory_gb<=9 and robustness<=0.5.",
        "Candidate 14 is not on the front; on the front, the same pick is candidate 10.",
    ]
    choice = choose(options, "14")
    assert (choice.index, choice.is_on_front, choice.alternative) == (4, False, None)
    assert describe_choice(options, choice)[1] == "Candidate 14 is not on the front."


def test_a_candidate_that_another_one_dominates_is_never_chosen_by_a_condition():
    options = build_options([(0.9, 0.1), (0.6, 0.5), (0.7, 0.5)])
    assert choose(options, "accuracy>=.5").index == 2


def test_an_objective_to_minimise_is_bounded_from_above():
    objectives = (OBJECTIVES[0], Objective("robustness", "1", Direction.MINIMISE, 1.0))
    options = build_options([(0.9, 0.5), (0.8, 0.2), (0.7, 0.1)], objectives)
    assert choose(options, "most-robust").index == 2
    assert choose(options, "robustness<=.3").how == "the most accurate of 2 candidates with robustness<=0.3"
    assert choose(options, "robustness<=.3").index == 1


def test_conditions_on_one_of_three_objectives_leave_a_knee():
    objectives = (*OBJECTIVES, Objective("size", "1", Direction.MINIMISE, 10.0))
    points = [(0.9, 0.1, 5.0), (0.8, 0.7, 4.0), (0.5, 0.8, 3.0), (0.3, 0.2, 1.0)]
    assert choose(build_options(points, objectives), "accuracy>=.5").how.startswith("the knee of 3 ")
    assert choose(build_options(points, objectives), "accuracy>=.5,size<=4.5").index == 2


def test_weights_take_the_smallest_augmented_distance():
    generator = np.random.default_rng(0)
    for _ in range(20):
        options = build_options(generator.random((12, 2)))
        rows = np.flatnonzero(options.is_on_front)
        front = options.losses[rows]
        z = (front - front.min(axis=0)) / np.maximum(np.ptp(front, axis=0), 1e-300)
        brute = min(range(len(rows)), key=lambda row: max(0.6 * z[row, 0], 0.4 * z[row, 1]) + 0.001 * z[row].sum())
        assert choose(options, "accuracy=.6,robustness=.4").index == rows[brute]


def test_methods_that_disagree_on_the_knee_are_named():
    options = build_options([(1.0, 0.0), (0.95, 0.45), (0.7, 0.72), (0.0, 1.0)], numbers=[3, 5, 7, 9])
    choice = choose(options, "knee")
    assert (choice.index, choice.disagreements) == (2, {"bend angle": 1})
    assert describe_choice(options, choice)[1] == (
        "The knee depends on how it is defined: the distance from the chord picks 7, the bend angle picks 5."
    )
    assert choose(options, "most-robust").disagreements == {}
    assert choose(build_options(), "knee").disagreements == {}


@pytest.mark.parametrize(
    ("pick", "message"),
    [
        ("accuracy>=.95", "no candidate satisfies accuracy>=0.95; candidate 0 comes nearest: its accuracy of 0.9 is "
         "0.05 too low"),
        ("accuracy>=.85,robustness>=.6", "candidate 1 comes nearest: its accuracy of 0.8 is 0.05 too low"),
        ("memory_gb<=8,accuracy>=.5", "candidate 4 comes nearest: its accuracy of 0.4 is 0.1 too low"),
        ("memory_gb<=2", "candidate 4 comes nearest: its memory_gb of 4 is 2 too high"),
        ("parameters<=9e5", "its parameters of 1,000,000 is 100,000 too high"),
        ("seconds<=2", "no candidate satisfies seconds<=2; candidate 0 comes nearest: its seconds is not known"),
        ("7", "unknown pick '7': no candidate of this number has finished soundly; on the front: 0, 1, 2, 3; known: "),
    ],
)  # fmt: skip
def test_what_nothing_satisfies_is_explained(pick, message):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        choose(build_options(memory_gb=MEMORY, seconds=[np.nan] * 5, parameters=[1e6] * 5), pick)
    assert "\n" not in str(caught.value)


def test_no_candidates_are_refused():
    with pytest.raises(ValueError, match="the front is empty"):
        choose(build_options([]), "knee")


@pytest.mark.parametrize("pick", ["knee", "most-robust", "accuracy>=.62", "memory_gb<=8", "accuracy=.5,robustness=.5"])
def test_shares_are_those_of_choosing_again_in_every_draw(pick):
    generator = np.random.default_rng(1)
    memory = [9.0, 5.0, 10.0, 7.0]
    options = build_options([(0.9, 0.1), (0.6, 0.7), (0.5, 0.8), (0.1, 0.9)], memory_gb=memory)
    draws = options.losses + generator.normal(0.0, 0.1, (60, 4, 2))
    counted = np.zeros(4)
    for draw in draws:
        try:
            counted[choose(build_options(-draw, memory_gb=memory), pick).index] += 1
        except ValueError:
            continue
    np.testing.assert_allclose(share_of_draws(draws, options, pick), counted / 60)


def test_shares_of_a_number_and_of_what_nothing_satisfies():
    options = build_options()
    draws = np.stack([options.losses] * 2)
    assert share_of_draws(draws, options, "4").tolist() == [0, 0, 0, 0, 1]
    assert share_of_draws(draws, options, "accuracy>=.95").sum() == 0
    assert share_of_draws(draws, options, "knee").tolist() == [0, 1, 0, 0, 0]


def test_every_rule_picks_from_the_front_alone():
    generator = np.random.default_rng(2)
    picks = ["knee", "most-accurate", "most-robust", "accuracy=1,robustness=1", "accuracy>=.3", "lose<=.2"]
    for _, pick in itertools.product(range(20), picks):
        options = build_options(generator.random((15, 2)) * 0.5 + 0.4)
        assert choose(options, pick).is_on_front
