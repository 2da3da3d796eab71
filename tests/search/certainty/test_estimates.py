"""Intervals over seeds and subjects: hand-made tables, formulas written out, and how often they hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from paretoseg.search.candidates.seed_effects import SeedEffects
from paretoseg.search.certainty.estimates import (
    MOST_BORROWED,
    SeedVariance,
    compare,
    estimate,
    pool_differences,
    pool_seeds,
)

TABLE = np.array([[0.9, 0.8, 0.7, 0.95], [0.85, 0.75, 0.72, 0.9], [0.92, 0.85, 0.6, 0.99]])


def satterthwaite(table: np.ndarray) -> tuple[float, float]:
    """The interval written out for a table whose own seeds are all there is."""
    rows, columns = table.mean(axis=1), table.mean(axis=0)
    first, second = rows.var(ddof=1) / len(rows), columns.var(ddof=1) / len(columns)
    dof = (first + second) ** 2 / (first**2 / (len(rows) - 1) + second**2 / (len(columns) - 1))
    low, high = t.interval(0.95, dof, table.mean(), (first + second) ** 0.5)
    return float(low), float(high)


def test_a_difference_has_the_crossed_t_interval_of_the_paired_table() -> None:
    found = compare(TABLE, TABLE[::-1] * 0.9)
    assert found is not None
    assert (found.low, found.high) == pytest.approx(satterthwaite(TABLE - TABLE[::-1] * 0.9))


def test_what_both_candidates_share_cancels() -> None:
    shared = np.array([[0.3], [-0.2], [0.1]]) + np.array([0.5, -0.5, 0.2, 0.1])
    first, second = compare(TABLE, TABLE**2), compare(TABLE + shared, TABLE**2 + shared)
    assert first is not None
    assert second is not None
    assert (first.low, first.high) == pytest.approx((second.low, second.high))


def test_the_interval_of_an_objective_is_that_of_its_logit() -> None:
    found = estimate(TABLE)
    assert found is not None
    low, high = satterthwaite(TABLE)
    half = (high - low) / 2.0 / (found.value * (1.0 - found.value))
    odds = found.value / (1.0 - found.value)
    assert found.low == pytest.approx(1.0 / (1.0 + np.exp(half) / odds))
    assert found.high == pytest.approx(1.0 / (1.0 + np.exp(-half) / odds))
    assert found.value - found.low > found.high - found.value


def test_an_interval_stays_between_0_and_1() -> None:
    found = estimate(np.array([[0.99, 0.2, 0.999], [0.6, 0.98, 0.97]]))
    assert found is not None
    assert 0.0 < found.low < found.high < 1.0


@pytest.mark.parametrize("table", [TABLE[:, :1], TABLE[:1]], ids=["one subject", "one seed"])
def test_without_a_spread_nothing_is_known(table: np.ndarray) -> None:
    assert estimate(table) is None
    assert compare(table, table) is None


def test_one_seed_borrows_what_other_candidates_show() -> None:
    found = estimate(TABLE[:1], SeedVariance(0.01, 30.0))
    assert found is not None
    assert found.seeds.variance == pytest.approx(0.01)
    assert found.seeds.dof == MOST_BORROWED
    assert found.error == pytest.approx((0.01 + TABLE[0].var(ddof=1) / 4) ** 0.5)


def test_one_subject_stays_unknown_even_with_borrowing() -> None:
    assert estimate(TABLE[:, :1], SeedVariance(0.01, 30.0)) is None


def test_own_and_borrowed_variance_count_by_their_degrees_of_freedom() -> None:
    found = estimate(TABLE, SeedVariance(0.01, 4.0))
    assert found is not None
    own = TABLE.mean(axis=1).var(ddof=1)
    assert found.seeds.variance == pytest.approx((2 * own + 4 * 0.01) / 6 / 3)
    assert found.seeds.dof == 6


def test_equal_scores_have_no_spread() -> None:
    found = compare(TABLE, TABLE)
    assert found is not None
    assert (found.low, found.value, found.high) == (0.0, 0.0, 0.0)


def test_what_is_borrowed_of_an_objective_and_of_a_difference() -> None:
    effects = SeedEffects(np.array([[0.1, 0.0], [-0.1, 0.0]]), np.diag([0.04, 0.09]), 12)
    one, other = pool_seeds(effects, 0), pool_seeds(effects, 1)
    assert one is not None
    assert one.variance == pytest.approx(0.04 + 0.02)
    assert one.dof == pytest.approx(0.06**2 / (0.04**2 / 12 + 0.02**2 / 1))
    assert other == SeedVariance(0.09, 12.0)
    assert pool_differences(effects, 1) == SeedVariance(0.18, 12.0)
    assert pool_seeds(SeedEffects(np.zeros((1, 2)), None, 0), 0) is None
    assert pool_differences(SeedEffects(np.zeros((1, 2)), None, 0), 0) is None


def test_intervals_of_differences_hold_the_truth() -> None:
    generator = np.random.default_rng(1)
    size = (1000, 3, 12)
    tables = generator.normal(size=(1000, 3, 1)) + (1 - generator.exponential(size=(1000, 1, 12)))
    tables = tables + 0.5 * generator.normal(size=size)
    found = [compare(table, np.zeros((3, 12)), SeedVariance(1.02, 20.0)) for table in tables]
    share = np.mean([one is not None and one.low <= 0.0 <= one.high for one in found])
    assert 0.935 <= share <= 0.985
