"""Attribution is checked against functions whose shares of variance are known in closed form."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from paretoseg.search.attribution.attribution import RULE, Attribution, Conclusion, attribute
from paretoseg.search.fronts.front import find_front
from paretoseg.spaces.search_space import Candidate, SearchSpace
from tests.search.attribution.studies import OBJECTIVES, Truth, build_results

SPACE = SearchSpace(
    dict.fromkeys(("skip", "attention", "foreground_ratio", "mirroring"), "all")
    | {"depth": 4, "width": 16, "patch": 32, "augmentation": "none", "learning_rate": 0.01}
)
SKIPS = {"none": -0.04, "concatenation": 0.04, "addition": 0.0, "attention_gate": 0.0, "dense": 0.0}


def additive(candidate: Candidate) -> tuple[float, float]:
    """Accuracy falls and robustness rises with the foreground ratio; skips move both alike; mirroring only accuracy."""
    ratio, both = candidate.recipe.foreground_ratio, SKIPS[candidate.architecture.skip]
    mirrored = 0.02 if candidate.recipe.mirroring == "on" else -0.02
    return 0.7 - 0.1 * ratio + both + mirrored, 0.6 + 0.1 * ratio + both


def look(truth: Truth, num_candidates: int, noise: float = 0.0, space: SearchSpace = SPACE) -> Attribution:
    results = build_results(space, truth, num_candidates, noise)
    return attribute("made up", results, find_front(results, OBJECTIVES), OBJECTIVES, space, 0)


@pytest.fixture(scope="module")
def found() -> Attribution:
    return look(additive, 80)


def test_shares_of_an_additive_function_are_those_of_its_variances(found: Attribution) -> None:
    # Uniform ratio: 0.1^2 / 12; the skips: mean of squares, as their mean is 0; mirroring: +-0.02.
    variances = {"foreground_ratio": 0.01 / 12, "skip": 2 * 0.04**2 / 5, "mirroring": 0.02**2, "attention": 0.0}
    for objective, names in (("accuracy", variances), ("robustness", variances | {"mirroring": 0.0})):
        whole = sum(names.values())
        for one in found.dimensions:
            importance = one.importances[objective]
            # Levels of a number are the middles of six cells: they have 35/36 of the variance.
            assert importance.share == pytest.approx(names[one.name] / whole, abs=0.03)
            assert importance.low <= importance.share <= importance.high


def test_what_trades_what_improves_both_and_what_moves_one_are_told_apart(found: Attribution) -> None:
    assert {one.name: one.conclusion for one in found.dimensions} == {
        "foreground_ratio": Conclusion.TRADES,
        "skip": Conclusion.BOTH,
        "mirroring": Conclusion.FIRST,
        "attention": Conclusion.UNKNOWN,
    }
    assert not any(pair.is_told for pair in found.pairs)


def test_a_choice_that_moves_both_each_its_own_way_is_neither_a_trade_nor_better_in_both() -> None:
    def truth(candidate: Candidate) -> tuple[float, float]:
        ratio = candidate.recipe.foreground_ratio
        return 0.7 - 0.1 * ratio, 0.6 - 0.4 * (ratio - 0.5) ** 2

    found = look(truth, 40)
    [ratio] = [one for one in found.dimensions if one.name == "foreground_ratio"]
    assert ratio.conclusion is Conclusion.MIXED
    assert 0.025 < ratio.agreement < 0.975


def test_marginals_are_the_means_over_all_else_in_the_unit_of_the_objective(found: Attribution) -> None:
    by_name = {one.name: one for one in found.dimensions}
    for level in by_name["foreground_ratio"].levels:
        mean, low, high = level.marginals["robustness"]
        assert mean == pytest.approx(0.6 + 0.1 * float(level.value), abs=0.004)
        assert low <= mean <= high
    assert by_name["skip"].find_best(OBJECTIVES[0]) == "concatenation"
    assert by_name["foreground_ratio"].find_best(OBJECTIVES[0]) < 0.1
    assert by_name["foreground_ratio"].find_best(OBJECTIVES[1]) > 0.9


def test_along_the_front_the_trade_counts_and_towards_it_what_improves_both(found: Attribution) -> None:
    by_name = {one.name: one for one in found.dimensions}
    assert len(found.pieces) == 3
    for place in range(3):
        assert by_name["foreground_ratio"].along[place] > 0.6
        assert by_name["skip"].towards[place] > 0.5
        assert by_name["skip"].along[place] < 0.1


def test_an_interaction_without_main_effects_is_found_as_such() -> None:
    def truth(candidate: Candidate) -> tuple[float, float]:
        signs = [candidate.recipe.mirroring == "on", candidate.architecture.attention == "none"]
        return 0.7 + (0.1 if signs[0] == signs[1] else -0.1), 0.6 + 0.05 * candidate.recipe.foreground_ratio

    found = look(truth, 80)
    [first] = [pair for pair in found.pairs if pair.importances["accuracy"].is_told]
    assert set(first.names) == {"mirroring", "attention"}
    # z = s t with s = +-1 and t = 1 in a quarter of the space: the variance of t is 3/4, and s alone does t's mean.
    assert first.importances["accuracy"].share == pytest.approx(0.75, abs=0.06)


def test_dimensions_at_rest_get_no_importance() -> None:
    """Without skips, every level rests at 'on', so 'on' is what the bad networks have; it does nothing by itself."""
    space = SearchSpace(
        {"skip": ["none", "concatenation"], "skip_level_1": "all", "skip_level_2": "all", "foreground_ratio": "all"}
        | {"depth": 3, "width": 16, "patch": 32, "augmentation": "none", "learning_rate": 0.01, "attention": "none"}
        | {"mirroring": "off"}
    )

    def truth(candidate: Candidate) -> tuple[float, float]:
        return (0.6 if candidate.architecture.skip == "none" else 0.7), 0.5 + 0.1 * candidate.recipe.foreground_ratio

    results = build_results(space, truth, 60)
    levels = [one.candidate.architecture.skip_level_1 for one in results if one.candidate.architecture.skip == "none"]
    assert set(levels) == {"on"}
    found = attribute("made up", results, find_front(results, OBJECTIVES), OBJECTIVES, space, 0)
    by_name = {one.name: one for one in found.dimensions}
    # Of the space, 3/8 have skips; if skips are asked for, 3/4, as both levels off is no skip at all.
    whole = 3 / 8 * 5 / 8
    assert by_name["skip"].importances["accuracy"].share == pytest.approx((3 / 8) ** 2 / whole, abs=0.02)
    for name in ("skip_level_1", "skip_level_2"):
        # With the level on, 1/2 have skips; with it off, 1/4.
        assert by_name[name].importances["accuracy"].share == pytest.approx((1 / 8) ** 2 / whole, abs=0.02)
        assert by_name[name].active_share == pytest.approx(0.5, abs=0.05)


def test_few_candidates_say_nothing_and_say_so() -> None:
    found = look(additive, RULE.least_candidates - 1)
    assert {one.conclusion for one in found.dimensions} == {Conclusion.UNKNOWN}
    assert found.gaps == ("It has 19 candidates; 20 are the least that say something.",)


def test_noise_alone_says_nothing_and_says_so() -> None:
    found = look(lambda _: (0.7, 0.6), 30, noise=0.02)
    assert {one.conclusion for one in found.dimensions} == {Conclusion.UNKNOWN}
    assert not any(pair.is_told for pair in found.pairs)


def test_a_study_that_cannot_be_looked_at_is_refused() -> None:
    with pytest.raises(ValueError, match="needs three finished candidates to say what choices do, and has 2"):
        look(additive, 2)


def test_networks_that_learned_nothing_count_as_bad_and_no_more(found: Attribution) -> None:
    def truth(candidate: Candidate) -> tuple[float, float]:
        accuracy, robustness = additive(candidate)
        return (accuracy if candidate.recipe.foreground_ratio > 0.04 else 0.01), robustness

    capped = look(truth, 80)
    assert capped.num_capped["accuracy"] > 0
    assert capped.num_capped["robustness"] == 0
    shares = [{one.name: one.importances["robustness"].share for one in each.dimensions} for each in (found, capped)]
    assert shares[0] == pytest.approx(shares[1])


def test_it_agrees_with_the_functional_anova_of_optuna_on_what_matters_most() -> None:
    optuna = pytest.importorskip("optuna")
    pytest.importorskip("sklearn")
    results = build_results(SPACE, additive, 80)
    names = ("skip", "attention", "foreground_ratio", "mirroring")
    domains = {name: SPACE.searched[name] for name in names}
    distributions = {
        name: optuna.distributions.FloatDistribution(0.0, 1.0)
        if name == "foreground_ratio"
        else optuna.distributions.CategoricalDistribution(domains[name].options)
        for name in names
    }
    study = optuna.create_study(direction="maximize")
    for result in results:
        params = {name: result.candidate.as_dict()[name] for name in names}
        value = result.objectives["accuracy"]
        study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions, value=value))
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    others = optuna.importance.get_param_importances(study, evaluator=evaluator)
    ours = {one.name: one.importances["accuracy"].share for one in look(additive, 80).dimensions}
    assert sorted(names, key=others.get)[1:] == sorted(names, key=ours.get)[1:]
    assert np.abs([others[name] - ours[name] for name in names]).max() < 0.15


def test_a_choice_that_moves_a_third_objective_alone_is_not_unknown() -> None:
    space = SearchSpace({"foreground_ratio": "all", "mirroring": "all"} | {"skip": "none", "depth": 4, "width": 16})
    objectives = (*OBJECTIVES, dataclasses.replace(OBJECTIVES[0], name="third"))
    results = [
        dataclasses.replace(
            one, objectives={**one.objectives, "third": 0.1 * float(one.candidate.recipe.mirroring == "on")}
        )
        for one in build_results(space, lambda it: (0.7 - 0.1 * it.recipe.foreground_ratio, 0.6), 60)
    ]
    found = attribute("made up", results, find_front(results, objectives), objectives, space, 0)
    by_name = {one.name: one.conclusion for one in found.dimensions}
    assert by_name["mirroring"] is Conclusion.OTHERS
    assert by_name["foreground_ratio"] is Conclusion.FIRST
    assert found.pieces == ()


def test_the_same_study_gives_the_same_answer() -> None:
    first, second = look(additive, 25, 0.01), look(additive, 25, 0.01)
    assert [dataclasses.replace(one, towards=(), along=()) for one in first.dimensions] == [
        dataclasses.replace(one, towards=(), along=()) for one in second.dimensions
    ]
    assert all(math.isfinite(share) for one in first.dimensions for share in (*one.towards, *one.along))
