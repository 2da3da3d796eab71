import numpy as np
import pytest
from scipy.stats import kendalltau, rankdata, spearmanr

from paretoseg.search.fronts import ranks
from paretoseg.search.fronts.ranks import measure_kendall, measure_spearman, rank


@pytest.mark.parametrize("seed", range(6))
def test_ranks_and_correlations_are_those_of_scipy_with_and_without_ties(seed, monkeypatch):
    generator = np.random.default_rng(seed)
    first, second = generator.normal(size=(2, 40)) if seed % 2 else generator.integers(0, 7, (2, 40)).astype(float)
    monkeypatch.setattr(ranks, "_ROWS_AT_ONCE", (3, 1024)[seed > 2])
    assert np.array_equal(rank(first), rankdata(first))
    assert measure_spearman(first, second) == pytest.approx(spearmanr(first, second).statistic, abs=1e-12)
    assert measure_kendall(first, second) == pytest.approx(kendalltau(first, second).statistic, abs=1e-12)


def test_a_perfect_order_and_its_reverse_are_one_and_minus_one():
    values = np.array([3.0, 1.0, 2.0, 2.0])
    assert measure_kendall(values, values * 2) == pytest.approx(1.0)
    assert measure_kendall(values, -values) == measure_spearman(values, -values) == pytest.approx(-1.0)
