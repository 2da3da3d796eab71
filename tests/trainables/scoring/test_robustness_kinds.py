"""Every kind of robustness computed by hand, and what holds for all of them."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paretoseg.spaces.objective import Direction
from paretoseg.trainables.scoring.measures import DICE
from paretoseg.trainables.scoring.objectives import RobustnessRule, measure_robustness
from paretoseg.trainables.scoring.robustness_kinds import ROBUSTNESS_KINDS, Robustness
from paretoseg.trainables.trainable import CaseScore, Condition

# Two cases in two domains, two corruptions at two severities, and a shift set with two cases of its own.
# Severities 1 and 2 weigh 0.6 and 0.4.
SCORES = {
    ("a", "x"): {("blur", 1): 1.0, ("blur", 2): 0.5, ("noise", 1): 0.4, ("noise", 2): 0.4},
    ("b", "y"): {("blur", 1): 0.6, ("blur", 2): 0.6, ("noise", 1): 0.2, ("noise", 2): 0.2},
}
ROWS = [
    *(
        CaseScore(*case, *condition, "dice", value)
        for case, scores in SCORES.items()
        for condition, value in scores.items()
    ),
    *(CaseScore(name, "z", "none", 0, "dice", value, shift="site") for name, value in (("c", 0.9), ("d", 0.5))),
    CaseScore("a", "x", "none", 0, "dice", 0.0),
]
BLUR = 0.6 * 0.8 + 0.4 * 0.55
NOISE, SITE = 0.3, 0.7
BY_CASE = {"a": ((0.6 * 1.0 + 0.4 * 0.5) + 0.4) / 2, "b": (0.6 + 0.2) / 2, "c": 0.9, "d": 0.5}
REFERENCE = {
    Condition("blur", 1): 0.4,
    Condition("blur", 2): 0.45,
    Condition("noise", 1): 1.0,
    Condition("noise", 2): 1.0,
    Condition("none", 0, "site"): 0.6,
}
KNOWN = {
    "weighted_mean": (BLUR + NOISE + SITE) / 3,
    "worst_corruption": NOISE,
    "percentile_5": float(np.percentile(list(BY_CASE.values()), 5)),
    "cvar_5": BY_CASE["b"],
    "worst_group": BY_CASE["b"],
    # blur: (0.2 + 0.45) / 0.85; noise: (0.7 + 0.7) / 2; site: 0.3 / 0.6
    "mean_corruption_error": (0.65 / 0.85 + 0.7 + 0.5) / 3,
    # Below 0.5: no blur (0.5 itself is none), all noise, and neither case of the site.
    "failure_rate": (0.0 + 1.0 + 0.0) / 3,
}
ERRORS = {Robustness.mean_corruption_error, Robustness.failure_rate}


def rule(kind: str) -> RobustnessRule:
    return RobustnessRule(Robustness(kind), reference=REFERENCE)


@pytest.mark.parametrize(("kind", "value"), KNOWN.items())
def test_every_kind_is_what_it_is_by_hand(kind: str, value: float) -> None:
    assert measure_robustness(ROWS, rule=rule(kind)) == pytest.approx(value, abs=1e-12)


def test_every_kind_is_tested_by_hand() -> None:
    assert set(KNOWN) == set(Robustness)


def test_the_percentile_is_interpolated_between_the_two_worst_cases() -> None:
    # Sorted 0.4, 0.5, 0.6, 0.9: 5 percent of the way over three gaps is 0.15 of the first gap.
    assert KNOWN["percentile_5"] == pytest.approx(0.4 + 0.15 * 0.1)


@pytest.mark.parametrize(("num_cases", "num_tail"), [(1, 1), (20, 1), (21, 2), (40, 2), (41, 3)])
def test_the_tail_holds_five_percent_of_the_cases_rounded_up(num_cases: int, num_tail: int) -> None:
    rows = [CaseScore(f"c{index}", "x", "blur", 1, "dice", index / 100) for index in range(num_cases)]
    expected = sum(range(num_tail)) / num_tail / 100
    assert measure_robustness(rows, rule=rule("cvar_5")) == pytest.approx(expected)


def test_the_objective_says_that_the_tail_of_few_cases_is_the_worst_one() -> None:
    assert "of up to 20 cases the worst one" in rule("cvar_5").define(DICE).description


def test_the_worst_group_may_be_a_shift_set_and_domains_of_shift_sets_are_no_groups_of_their_own() -> None:
    rows = [
        *(CaseScore(f"c{index}", "x", "blur", 1, "dice", 0.8) for index in range(3)),
        CaseScore("s", "p", "none", 0, "dice", 0.1, shift="small"),
        CaseScore("t", "q", "none", 0, "dice", 0.5, shift="small"),
    ]
    assert measure_robustness(rows, rule=rule("worst_group")) == pytest.approx(0.3)


def test_the_reference_compared_with_itself_is_one_and_half_its_errors_is_a_half() -> None:
    def score(errors: dict[Condition, float]) -> float:
        rows = [
            CaseScore("a", "x", one.corruption, one.severity, "dice", 1 - error, shift=one.shift)
            for one, error in errors.items()
        ]
        return measure_robustness(rows, rule=rule("mean_corruption_error"))

    assert score(REFERENCE) == pytest.approx(1.0)
    assert score({key: error / 2 for key, error in REFERENCE.items()}) == pytest.approx(0.5)


def test_errors_are_minimised_up_to_those_of_a_network_without_any_overlap() -> None:
    objective = rule("mean_corruption_error").define(DICE)
    worst = [CaseScore("a", "x", one.corruption, one.severity, "dice", 0.0, shift=one.shift) for one in REFERENCE]
    assert (objective.direction, objective.unit) == (Direction.MINIMISE, "1")
    assert objective.reference == pytest.approx(measure_robustness(worst, rule=rule("mean_corruption_error")))


def test_failures_are_minimised_from_one_and_the_limit_is_in_the_description() -> None:
    objective = RobustnessRule(Robustness.failure_rate, failure_below=0.75).define(DICE)
    assert (objective.direction, objective.unit, objective.reference) == (Direction.MINIMISE, "1", 1.0)
    assert "Share of changed images with Dice below 0.75" in objective.description


@pytest.mark.parametrize(
    ("limit", "value"),
    # Below 0.6: of blur, case a at severity 2; of the site, case d. Severity 2 weighs 0.4, and half of its cases fail.
    [(0.2, 0.0), (0.4, 0.5 / 3), (0.6, (0.4 * 0.5 + 1.0 + 0.5) / 3), (1.0, (0.6 * 0.5 + 0.4 + 1.0 + 1.0) / 3)],
)
def test_a_failure_is_a_score_below_the_limit(limit: float, value: float) -> None:
    failures = RobustnessRule(Robustness.failure_rate, failure_below=limit)
    assert measure_robustness(ROWS, rule=failures) == pytest.approx(value)


@pytest.mark.parametrize("kind", sorted(set(Robustness) - ERRORS))
def test_scores_are_maximised_from_nothing(kind: Robustness) -> None:
    objective = rule(kind).define(DICE)
    assert (objective.direction, objective.unit, objective.reference) == (Direction.MAXIMISE, "Dice", 0.0)
    assert ROBUSTNESS_KINDS[kind].source in objective.description


@pytest.mark.parametrize("kind", Robustness)
@given(values=st.lists(st.floats(0.0, 1.0), min_size=10, max_size=10), seed=st.integers(0, 99))
def test_a_better_network_is_never_worse_in_any_kind_whatever_the_order_of_its_rows(
    kind: Robustness, values: list[float], seed: int
) -> None:
    rows = [CaseScore(**{**vars(row), "value": value}) for row, value in zip(ROWS[:10], values, strict=True)]
    better = [CaseScore(**{**vars(row), "value": min(row.value + 0.1, 1.0)}) for row in rows]
    one, other = (measure_robustness(some, rule=rule(kind)) for some in (rows, better))
    sign = 1 if ROBUSTNESS_KINDS[kind].is_score else -1
    assert sign * other >= sign * one - 1e-12
    shuffled = random.Random(seed).sample(rows, len(rows))
    assert measure_robustness(shuffled, rule=rule(kind)) == pytest.approx(one)


@pytest.mark.parametrize("kind", Robustness)
def test_a_constant_score_is_itself_in_every_kind_that_is_a_score(kind: Robustness) -> None:
    rows = [CaseScore(**{**vars(row), "value": 0.25}) for row in ROWS]
    if ROBUSTNESS_KINDS[kind].is_score:
        assert measure_robustness(rows, rule=rule(kind)) == pytest.approx(0.25)
