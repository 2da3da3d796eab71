"""Verdicts: when there are none, how they are corrected, and how often they are false."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from paretoseg.search.certainty.comparisons import judge
from paretoseg.search.certainty.estimates import SeedVariance, compare

ACCURACY = "accuracy"


def draw_table(generator: np.random.Generator, num_members: int, num_seeds: int, num_subjects: int) -> np.ndarray:
    sizes = (num_members, num_seeds, num_subjects)
    return (
        0.8
        + 0.05 * generator.normal(size=(1, 1, num_subjects))
        + 0.02 * generator.normal(size=(num_members, num_seeds, 1))
        + 0.03 * generator.normal(size=(num_members, 1, num_subjects))
        + 0.02 * generator.normal(size=sizes)
    )


def test_two_common_seeds_give_no_verdict() -> None:
    table = draw_table(np.random.default_rng(0), 3, 3, 12)
    table[1, 2] = np.nan
    found = judge({ACCURACY: table}, [(0, 1), (1, 2), (0, 2)], np.random.default_rng(0))
    assert [(one.first, one.second) for one in found] == [(0, 2)]


def test_one_subject_gives_no_verdict() -> None:
    table = draw_table(np.random.default_rng(0), 2, 3, 1)
    assert judge({ACCURACY: table}, [(0, 1)], np.random.default_rng(0)) == ()


def test_an_objective_with_a_verdict_does_not_need_the_other() -> None:
    tables = {ACCURACY: draw_table(np.random.default_rng(0), 2, 3, 9)}
    tables["robustness"] = tables[ACCURACY][:, :, :1]
    found = judge(tables, [(0, 1)], np.random.default_rng(0))
    assert [one.objective for one in found] == [ACCURACY]


def test_a_single_comparison_is_hardly_corrected() -> None:
    table = draw_table(np.random.default_rng(1), 2, 4, 20)
    (found,) = judge({ACCURACY: table}, [(0, 1)], np.random.default_rng(0), {ACCURACY: SeedVariance(0.0008, 20.0)})
    alone = compare(table[0], table[1], SeedVariance(0.0008, 20.0))
    assert found.estimate == alone
    assert found.high - found.low == pytest.approx(found.estimate.high - found.estimate.low, rel=0.04)
    expected = 2.0 * t.sf(abs(found.estimate.value) / found.estimate.error, found.estimate.dof)
    assert found.p_value == pytest.approx(expected)


def test_many_comparisons_are_longer_and_a_pair_listed_twice_counts_once() -> None:
    table = draw_table(np.random.default_rng(1), 8, 4, 20)
    pairs = [(place, place + 1) for place in range(7)]
    found = judge({ACCURACY: table}, [*pairs, *pairs], np.random.default_rng(0))
    assert len(found) == 7
    assert all(one.low < one.estimate.low and one.high > one.estimate.high for one in found)


def test_holm_multiplies_the_smallest_by_all_and_never_falls() -> None:
    table = draw_table(np.random.default_rng(2), 5, 4, 20)
    table[2] += 0.03
    found = judge({ACCURACY: table}, [(0, 1), (1, 2), (3, 4)], np.random.default_rng(0))
    raw = np.array([2.0 * t.sf(abs(one.estimate.value) / one.estimate.error, one.estimate.dof) for one in found])
    order = np.argsort(raw)
    expected, largest = np.empty(3), 0.0
    for factor, place in zip((3, 2, 1), order, strict=True):
        largest = max(largest, factor * raw[place])
        expected[place] = min(largest, 1.0)
    assert [one.p_value for one in found] == pytest.approx(expected)


def test_a_clear_difference_is_more_than_noise_and_equal_members_are_not() -> None:
    table = draw_table(np.random.default_rng(3), 3, 4, 20)
    table[1] = table[0]
    table[2] = table[0] - 0.5 + 0.01 * np.random.default_rng(4).normal(size=table[0].shape)
    found = judge({ACCURACY: table}, [(0, 1), (1, 2)], np.random.default_rng(0))
    assert [one.is_more_than_noise for one in found] == [False, True]
    assert found[0].p_value == 1.0


def test_members_that_never_vary_differ_if_they_differ() -> None:
    table = np.broadcast_to(np.array([0.5, 0.5, 0.75])[:, None, None], (3, 3, 4)).copy()
    found = judge({"size": table}, [(0, 1), (1, 2)], np.random.default_rng(0))
    assert [one.is_more_than_noise for one in found] == [False, True]


def test_studies_without_a_difference_get_few_false_verdicts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paretoseg.search.certainty.comparisons.NUM_DRAWS", 1000)
    generator = np.random.default_rng(5)
    pairs = [(0, 1), (1, 2), (2, 3), (3, 4), (0, 4)]
    false = single = 0
    for _ in range(100):
        tables = {name: draw_table(generator, 5, 3, 12) for name in (ACCURACY, "robustness")}
        found = judge(tables, pairs, generator)
        false += any(one.is_more_than_noise for one in found)
        single += any(one.estimate.low > 0.0 or one.estimate.high < 0.0 for one in found)
    assert false <= 9
    assert single >= 15
