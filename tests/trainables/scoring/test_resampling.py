"""Draws of subjects, and the intervals that they give."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap

from paretoseg.trainables.scoring.resampling import COVERAGE, NUM_DRAWS, draw_cases, find_bounds


def test_every_draw_takes_as_many_subjects_as_there_are_each_with_all_its_cases() -> None:
    times = draw_cases(["a", "b", "a", "c"], np.random.default_rng(0))
    assert times.shape == (NUM_DRAWS, 4)
    np.testing.assert_array_equal(times[:, 0], times[:, 2])
    np.testing.assert_array_equal(times[:, [0, 1, 3]].sum(axis=1), np.full(NUM_DRAWS, 3.0))
    np.testing.assert_allclose(times.mean(axis=0), 1.0, atol=0.05)


def test_what_is_drawn_does_not_depend_on_the_order_of_the_cases() -> None:
    one, other = (draw_cases(names, np.random.default_rng(0)) for names in (["a", "b", "c"], ["c", "a", "b"]))
    np.testing.assert_array_equal(one, other[:, [1, 2, 0]])


def test_bounds_leave_the_same_share_out_on_both_sides() -> None:
    low, high = find_bounds(np.arange(1001.0))
    assert (low, high) == pytest.approx((25.0, 975.0))
    assert COVERAGE == 0.95


def test_the_interval_of_a_mean_is_that_of_scipy() -> None:
    values = np.random.default_rng(0).random(25)
    times = draw_cases([f"{index:02}" for index in range(25)], np.random.default_rng(1))
    reference = bootstrap((values,), np.mean, n_resamples=20000, method="percentile", rng=np.random.default_rng(2))
    assert find_bounds(times @ values / 25) == pytest.approx(tuple(reference.confidence_interval), abs=0.01)


def test_a_draw_without_a_value_is_left_out() -> None:
    values = np.linspace(0.0, 1.0, 41)
    assert find_bounds(np.insert(values, [0, 20, 41], np.nan)) == find_bounds(values)
