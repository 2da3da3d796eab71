"""How neighbours differ from a candidate, against the means computed by hand and simulated truths."""

from __future__ import annotations

import numpy as np
import pytest

from paretoseg.search.ablation.effects import (
    NO_IMAGES,
    Cases,
    Conclusion,
    Effect,
    Training,
    Trainings,
    find_effects,
    list_failed,
    list_seeds,
)
from paretoseg.search.ablation.neighbours import Change, Neighbour
from paretoseg.search.trials.trial import Failure, FailureKind, State
from paretoseg.spaces.objective import Direction, Objective
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.scoring.measures import DICE
from paretoseg.trainables.scoring.objectives import RobustnessRule, measure_draws
from paretoseg.trainables.scoring.score_table import tabulate
from paretoseg.trainables.toy import ToyTask
from paretoseg.trainables.trainable import CaseScore
from tests.builders import build_trial
from tests.scores import summarise

OBJECTIVES = ToyTask().objectives()
RULE = RobustnessRule()
CASES = Cases({}, RULE, 0)
NUM_CASES = 12


def train(
    seed: int, accuracy: float, robustness: float, *, num_cases: int = NUM_CASES, draw: int = 0, **changes: object
) -> Training:
    """A network whose cases all score the same but for how hard they are, a little luck of the training, and noise."""
    generator = np.random.default_rng([seed, round(accuracy * 1000), round(robustness * 1000), draw])
    accuracy, robustness = (value + generator.normal(0.0, 0.002) for value in (accuracy, robustness))
    ease = np.random.default_rng(0).normal(0.0, 0.03, num_cases)
    rows = [
        CaseScore(
            f"case-{case}", "", *condition, metric="dice", value=value + ease[case] + generator.normal(0.0, 0.005)
        )
        for case in range(num_cases)
        for condition, value in ((("none", 0), accuracy), (("gaussian_blur", 3), robustness))
    ]
    values = dict(summarise(rows, DICE, RULE).values)
    costs = {"parameters": 1000.0 + 100.0 * round(accuracy * 10)}
    trial = build_trial(seed, values["accuracy"], values["robustness"], seed=seed, **({"costs": costs} | changes))
    return Training(trial, tabulate(rows) if trial.is_eligible else None)


def train_all(accuracy: float, robustness: float, seeds: int = 3, num_cases: int = NUM_CASES) -> dict[int, Training]:
    return {seed: train(seed, accuracy, robustness, num_cases=num_cases) for seed in range(seeds)}


def neighbour(ratio: float) -> Neighbour:
    return Neighbour(Candidate(recipe=Recipe(foreground_ratio=ratio)), Change("foreground_ratio", 0.5, ratio))


def find(candidate: Trainings, *others: Trainings, cases: Cases | None = CASES) -> tuple[Effect, ...]:
    listed = [(neighbour(round(0.1 * place, 1)), one) for place, one in enumerate(others, start=1)]
    return find_effects(candidate, listed, OBJECTIVES, cases)[0]


def test_differences_are_paired_means_and_clear_ones_are_more_than_noise() -> None:
    candidate, worse, same = train_all(0.8, 0.6), train_all(0.7, 0.6), train_all(0.801, 0.6)
    effects = find(candidate, worse, same)
    for effect, trainings in zip(effects, (worse, same), strict=True):
        assert effect.seeds == (0, 1, 2)
        for name, known in effect.differences.items():
            by_hand = np.mean(
                [trainings[seed].trial.objectives[name] - candidate[seed].trial.objectives[name] for seed in range(3)]
            )
            assert known.value == pytest.approx(by_hand, abs=1e-12)
            assert known.low is not None
            assert known.high is not None
            assert (known.low + known.high) / 2 == pytest.approx(by_hand, abs=1e-9)
    conclusions = [{name: one.conclusion for name, one in effect.differences.items()} for effect in effects]
    assert conclusions[0] == {"accuracy": Conclusion.MORE, "robustness": Conclusion.WITHIN}
    assert set(conclusions[1].values()) == {Conclusion.WITHIN}
    assert effects[0].costs == {"parameters": -100.0}


def test_the_worst_group_has_a_verdict_if_it_is_an_objective_and_robustness_has_none_if_it_is_not() -> None:
    """Two domains, of which one is worse under corruptions; the neighbour is worse there."""
    objectives = (OBJECTIVES[0], Objective("worst_group", "Dice", Direction.MAXIMISE, 0.0))

    def train_in_domains(worst: float) -> dict[int, Training]:
        found = {}
        for seed in range(3):
            generator = np.random.default_rng([seed, round(worst * 100)])
            rows = [
                CaseScore(f"case-{case}", domain, *condition, metric="dice", value=value + generator.normal(0.0, 0.005))
                for case in range(NUM_CASES)
                for domain, low in [("north", 0.6) if case % 2 else ("south", worst)]
                for condition, value in ((("none", 0), 0.8), (("gaussian_blur", 3), low))
            ]
            table = tabulate(rows)
            draws = measure_draws(table, table.once, RULE, ("accuracy", "worst_group"))
            values = {name: float(values[0]) for name, values in draws.items()}
            found[seed] = Training(build_trial(seed, seed=seed, objectives=values), table)
        return found

    candidate, other = train_in_domains(0.5), train_in_domains(0.3)
    [effect], gaps = find_effects(candidate, [(neighbour(0.1), other)], objectives, CASES)
    assert gaps == {}
    assert effect.differences["worst_group"].conclusion is Conclusion.MORE
    assert effect.differences["worst_group"].value == pytest.approx(-0.2, abs=0.02)
    assert effect.differences["accuracy"].conclusion is Conclusion.WITHIN


def test_more_neighbours_make_wider_intervals() -> None:
    candidate, other = train_all(0.8, 0.6), train_all(0.79, 0.59)
    alone = find(candidate, other)[0].differences["accuracy"]
    crowd = [train_all(0.75 + 0.002 * number, 0.6) for number in range(10)]
    among = find(candidate, other, *crowd)[0].differences["accuracy"]
    assert alone.low is not None
    assert among.low is not None
    assert among.value == alone.value
    assert among.low < alone.low


def test_two_seeds_or_one_subject_leave_the_verdict_unknown() -> None:
    few = find(train_all(0.8, 0.6, seeds=2), train_all(0.7, 0.6, seeds=2))[0]
    assert len(few.seeds) == 2
    single = find_effects(
        train_all(0.8, 0.6, num_cases=1), [(neighbour(0.1), train_all(0.7, 0.6, num_cases=1))], OBJECTIVES, CASES
    )
    for effect in (few, single[0][0]):
        assert {one.conclusion for one in effect.differences.values()} == {Conclusion.UNKNOWN}
        assert {one.low for one in effect.differences.values()} == {None}
        assert effect.differences["accuracy"].value < -0.05
    assert single[1]["accuracy"] == "the validation split holds only one case"
    subjects = {f"case-{case}": "one" for case in range(NUM_CASES)}
    effects = find(train_all(0.8, 0.6), train_all(0.7, 0.6), cases=Cases(subjects, RULE, 0))
    assert effects[0].differences["accuracy"].conclusion is Conclusion.UNKNOWN


def test_broken_and_failed_networks_are_named_and_left_out() -> None:
    candidate, other = train_all(0.8, 0.6, seeds=5), train_all(0.7, 0.6, seeds=5)
    other[1] = train(1, 0.1, 0.1, degenerate="empty")
    failure = Failure(FailureKind.NAN, "nan")
    other[4] = train(4, 0.7, 0.6, state=State.FAILED, failure=failure, objectives={}, costs={})
    effect = find(candidate, other)[0]
    assert (effect.seeds, effect.collapsed, effect.failed) == ((0, 2, 3), (1,), (4,))
    assert list_seeds(other, are_sound=False) == (1,)
    assert list_failed(other) == (4,)
    by_hand = np.mean([other[seed].trial.objectives["accuracy"] for seed in (0, 2, 3)])
    assert effect.means["accuracy"] == pytest.approx(by_hand)
    assert effect.differences["accuracy"].conclusion is Conclusion.MORE
    candidate[0] = train(0, 0.1, 0.1, degenerate="empty")
    assert find(candidate, other)[0].seeds == (2, 3)


def test_a_neighbour_that_always_breaks_has_no_difference() -> None:
    broken = {seed: train(seed, 0.1, 0.1, degenerate="empty") for seed in range(3)}
    effect = find(train_all(0.8, 0.6), broken)[0]
    assert effect.differences == effect.means == {}
    assert effect.collapsed == (0, 1, 2)
    assert effect.costs == {"parameters": -700.0}


def test_without_images_the_means_remain_and_intervals_are_unknown() -> None:
    bare = [
        {seed: Training(one.trial, None) for seed, one in trainings.items()}
        for trainings in (train_all(0.8, 0.6), train_all(0.7, 0.6))
    ]
    effects, gaps = find_effects(bare[0], [(neighbour(0.1), bare[1])], OBJECTIVES, None)
    assert effects[0].differences["accuracy"].conclusion is Conclusion.UNKNOWN
    assert effects[0].differences["accuracy"].value == pytest.approx(-0.1, abs=0.01)
    assert gaps == {"accuracy": NO_IMAGES, "robustness": NO_IMAGES}


def test_networks_of_other_cases_are_refused() -> None:
    with pytest.raises(ValueError, match="was not measured on the same validation cases"):
        find(train_all(0.8, 0.6), train_all(0.7, 0.6, num_cases=5))


def test_under_no_difference_few_ablations_find_one() -> None:
    """Ten ablations of three neighbours that are the candidate itself, trained and measured once more."""
    found = 0
    for study in range(10):
        everyone = [{seed: train(seed, 0.8, 0.6, draw=10 * study + member) for seed in range(3)} for member in range(4)]
        effects = find(*everyone)
        found += any(one.conclusion is Conclusion.MORE for effect in effects for one in effect.differences.values())
    assert found <= 2
