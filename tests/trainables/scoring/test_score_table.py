"""Tables of scores, and every kind of robustness for cases that count several times or not at all."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paretoseg.trainables.scoring.objectives import (
    RobustnessOver,
    RobustnessRule,
    measure_accuracy,
    measure_draws,
    measure_robustness,
)
from paretoseg.trainables.scoring.robustness_kinds import Robustness
from paretoseg.trainables.scoring.score_table import average_known, divide, tabulate
from paretoseg.trainables.trainable import CLEAN_CONDITION, CaseScore, Condition

CORRUPTIONS, SEVERITIES = ("blur", "noise"), (1, 3, 5)


def build_rows(seed: int = 0, num_cases: int = 7) -> list[CaseScore]:
    """Cases of two domains, clean and corrupted, and two shift sets."""
    generator = np.random.default_rng(seed)
    rows = []
    for index in range(num_cases):
        about = (f"case_{index}", "xy"[index % 2])
        rows.append(CaseScore(*about, "none", 0, "dice", generator.random()))
        for corruption in CORRUPTIONS:
            rows += [CaseScore(*about, corruption, level, "dice", generator.random()) for level in SEVERITIES]
    for shift, size in (("site", 3), ("small", 2)):
        for index in range(size):
            rows.append(CaseScore(f"{shift}_{index}", "z", "none", 0, "dice", generator.random(), shift=shift))
    return rows


def build_rule(kind: Robustness, over: RobustnessOver, excluded: tuple[str, ...] = ()) -> RobustnessRule:
    conditions = [Condition(name, level) for name in CORRUPTIONS for level in SEVERITIES]
    conditions += [Condition("none", 0, shift) for shift in ("site", "small")]
    errors = {condition: 0.2 + 0.05 * place for place, condition in enumerate(conditions)}
    return RobustnessRule(kind, over, excluded, errors if kind is Robustness.mean_corruption_error else {})


def test_a_table_has_a_row_a_case_and_a_column_a_condition_in_alphabetical_order() -> None:
    rows = [
        CaseScore("b", "x", "none", 0, "dice", 0.5),
        CaseScore("a", "x", "noise", 2, "dice", 0.25),
        CaseScore("s", "y", "none", 0, "dice", 0.75, shift="site"),
        CaseScore("b", "x", "noise", 2, "dice", 1.0),
    ]
    table = tabulate(rows)
    assert [case.name for case in table.cases] == ["a", "b", "s"]
    assert table.conditions == (Condition("noise", 2), CLEAN_CONDITION, Condition("none", 0, "site"))
    nan = np.nan
    np.testing.assert_array_equal(table.values, [[0.25, nan, nan], [1.0, 0.5, nan], [nan, nan, 0.75]])
    np.testing.assert_array_equal(table.average(table.once), [[0.625, 0.5, 0.75]])


def test_the_order_of_the_rows_changes_no_bit() -> None:
    rows = build_rows()
    one, other = tabulate(rows), tabulate(random.Random(0).sample(rows, len(rows)))
    assert (one.cases, one.conditions) == (other.cases, other.conditions)
    np.testing.assert_array_equal(one.values, other.values)


def test_cases_count_as_often_as_they_were_drawn() -> None:
    table = tabulate([CaseScore(name, "x", "none", 0, "dice", value) for name, value in (("a", 0.0), ("b", 1.0))])
    averages = table.average(np.array([[1.0, 1.0], [3.0, 1.0], [0.0, 2.0], [0.0, 0.0]]))
    np.testing.assert_array_equal(averages[:, 0], [0.5, 0.25, 1.0, np.nan])


def test_columns_are_selected_and_cases_stay() -> None:
    table = tabulate(build_rows())
    clean = table.select(lambda condition: condition == CLEAN_CONDITION)
    assert clean.conditions == (CLEAN_CONDITION,)
    assert clean.cases == table.cases


def test_nothing_divided_by_nothing_is_not_a_number_and_no_warning() -> None:
    np.testing.assert_array_equal(divide(np.array([1.0, 0.0]), np.array([2.0, 0.0])), [0.5, np.nan])
    np.testing.assert_array_equal(average_known(np.array([[1.0, np.nan], [np.nan, np.nan]])), [1.0, np.nan])


def repeat_rows(rows: list[CaseScore], times: dict[str, int]) -> list[CaseScore]:
    """The rows of every case as often as it counts, each time as a case of its own."""
    return [
        dataclasses.replace(row, case=f"{row.case} again {copy}") for row in rows for copy in range(times[row.case])
    ]


@pytest.mark.parametrize("over", RobustnessOver)
@pytest.mark.parametrize("kind", Robustness)
@given(seed=st.integers(0, 1000))
def test_a_case_that_counts_n_times_is_as_n_cases(kind: Robustness, over: RobustnessOver, seed: int) -> None:
    rows = build_rows(seed)
    table = tabulate(rows)
    times = np.random.default_rng(seed).integers(0, 4, size=len(table.cases)).astype(float)
    # A case of every domain and shift set counts: which groups and changes there are is another matter.
    times[[0, 1, -1, -3]] += 1
    rule = build_rule(kind, over, ("noise",))
    found = measure_draws(table, times[None], rule)
    repeated = repeat_rows(rows, {case.name: int(n) for case, n in zip(table.cases, times, strict=True)})
    assert found["accuracy"][0] == pytest.approx(measure_accuracy(repeated), abs=1e-12)
    assert found["robustness"][0] == pytest.approx(measure_robustness(repeated, rule=rule), abs=1e-12)


def test_a_group_of_which_no_case_was_drawn_is_no_group() -> None:
    rows = [CaseScore(name, domain, "blur", 1, "dice", value) for name, domain, value in
            (("a", "x", 0.9), ("b", "y", 0.1))]  # fmt: skip
    rule = RobustnessRule(Robustness.worst_group)
    table = tabulate(rows)
    np.testing.assert_allclose(rule.measure_draws(table, np.array([[1.0, 1.0], [2.0, 0.0]])), [0.1, 0.9])


def test_cases_that_were_not_measured_under_what_counts_are_not_in_the_tail() -> None:
    rows = [CaseScore("s", "z", "none", 0, "dice", 0.0, shift="site"), CaseScore("a", "x", "blur", 1, "dice", 0.5)]
    for kind in (Robustness.percentile_5, Robustness.cvar_5):
        assert measure_robustness(rows, rule=RobustnessRule(kind, RobustnessOver.corruptions)) == 0.5


@pytest.mark.parametrize("kind", Robustness)
def test_cases_that_were_not_corrupted_change_nothing_and_a_draw_of_these_alone_has_no_value(kind: Robustness) -> None:
    rows = [row for row in build_rows() if row.corruption == "none" or row.case in ("case_0", "case_1", "case_2")]
    few = [row for row in rows if row.case in ("case_0", "case_1", "case_2")]
    rule = build_rule(kind, RobustnessOver.corruptions)
    assert measure_robustness(rows, rule=rule) == pytest.approx(measure_robustness(few, rule=rule), abs=1e-12)
    table = tabulate(rows)
    others = np.array([[float(case.name not in ("case_0", "case_1", "case_2")) for case in table.cases]])
    assert np.isnan(rule.measure_draws(table, others)).all()
