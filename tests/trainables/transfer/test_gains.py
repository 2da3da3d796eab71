"""The interval of a gain counts chance in seeds and in subjects."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import stdtrit

from paretoseg.trainables.transfer.gains import estimate_gain


def test_an_interval_over_equal_subjects_is_the_t_interval_over_seeds() -> None:
    table = np.repeat([[1.0], [2.0], [6.0]], 4, axis=1)
    gain = estimate_gain(table)
    half = stdtrit(2, 0.975) * np.std([1, 2, 6], ddof=1) / np.sqrt(3)
    assert (gain.points, gain.by_seed) == (3.0, (1.0, 2.0, 6.0))
    assert (gain.low, gain.high) == pytest.approx((3 - half, 3 + half))


def test_an_interval_over_equal_seeds_is_the_t_interval_over_subjects() -> None:
    table = np.repeat([[1.0, 2.0, 6.0, 7.0]], 3, axis=0)
    gain = estimate_gain(table)
    half = stdtrit(3, 0.975) * np.std([1, 2, 6, 7], ddof=1) / np.sqrt(4)
    assert (gain.low, gain.high) == pytest.approx((4 - half, 4 + half))


def test_chance_in_both_makes_a_wider_interval_than_chance_in_subjects_alone() -> None:
    subjects = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    one, both = (estimate_gain(subjects + np.array(seeds)[:, None]) for seeds in ([0.0, 0.0, 0.0], [-2.0, 0.0, 2.0]))
    assert one.points == both.points
    assert both.high - both.low > one.high - one.low


def test_a_gain_without_any_spread_is_exact() -> None:
    gain = estimate_gain(np.full((2, 3), 0.7))
    assert (gain.points, gain.low, gain.high) == pytest.approx((0.7, 0.7, 0.7))


@pytest.mark.parametrize("spread", [(1.0, 0.3, 0.3), (0.3, 1.0, 0.3), (1.0, 2.0, 1.0), (0.3, 0.3, 1.0)])
def test_an_interval_of_three_seeds_and_eight_skewed_subjects_holds_the_truth_about_as_often_as_it_says(
    spread: tuple[float, float, float],
) -> None:
    """With three seeds, the lowest coverage in the whole simulation, `benchmarks/transfer_intervals.py`, is .926."""
    generator, num = np.random.default_rng(1), 600
    seeds, subjects = generator.normal(size=(num, 3, 1)), 1.0 - generator.exponential(size=(num, 1, 8))
    tables = spread[0] * seeds + spread[1] * subjects + spread[2] * generator.normal(size=(num, 3, 8))
    gains = [estimate_gain(table) for table in tables]
    assert np.mean([gain.low <= 0 <= gain.high for gain in gains]) > 0.9
    assert np.mean([gain.high >= 0 for gain in gains]) > 0.94
