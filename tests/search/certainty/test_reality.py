import numpy as np
import pytest
from scipy.stats import pearsonr, rankdata, spearmanr

from paretoseg.search.certainty.reality import ALL_SHIFTS, correlate_ranks, measure_reality


def simulate(generator, num, correlation):
    first = generator.normal(size=num)
    return first, correlation * first + np.sqrt(1 - correlation**2) * generator.normal(size=num)


@pytest.mark.parametrize("seed", range(5))
def test_the_correlation_is_that_of_scipy(seed):
    first, second = np.random.default_rng(seed).integers(0, 6, (2, 12)).astype(float)
    assert correlate_ranks(first, second).value == pytest.approx(spearmanr(first, second).statistic)


def test_the_interval_is_that_of_bonett_and_wright():
    first = np.arange(10.0)
    second = np.array([1.0, 0.0, 3.0, 2.0, 6.0, 5.0, 4.0, 9.0, 8.0, 7.0])
    found = correlate_ranks(first, second)
    value = 1 - 6 * ((first - second) ** 2).sum() / (1000 - 10)
    margin = 1.959964 * np.sqrt((1 + value**2 / 2) / 7)
    assert found.value == pytest.approx(value)
    np.testing.assert_allclose(np.arctanh([found.low, found.high]), np.arctanh(value) + np.array([-margin, margin]))


def test_the_partial_correlation_is_that_of_what_the_ranks_leave():
    first, second, given = np.random.default_rng(0).normal(size=(3, 15))
    ranks = np.column_stack([np.ones(15), rankdata(given)])
    rests = [rankdata(one) - ranks @ np.linalg.lstsq(ranks, rankdata(one), rcond=None)[0] for one in (first, second)]
    found = correlate_ranks(first, second, given)
    assert found.value == pytest.approx(pearsonr(*rests).statistic)
    assert found.high - found.low > 0.8


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_perfect_order_is_not_certain(sign):
    found = correlate_ranks(np.arange(8.0), sign * np.arange(8.0) ** 3)
    swapped = correlate_ranks(np.arange(8.0), sign * np.array([1.0, 0.0, *range(2, 8)]))
    assert found.value == pytest.approx(sign)
    if sign > 0:
        assert (found.low, found.high) == (pytest.approx(swapped.low), 1.0)
    else:
        assert (found.low, found.high) == (-1.0, pytest.approx(swapped.high))


def test_few_candidates_equal_values_and_copies_of_accuracy_are_unknown():
    first, second = np.random.default_rng(0).normal(size=(2, 8))
    assert correlate_ranks(first, second) is not None
    assert correlate_ranks(first[:7], second[:7]) is None
    assert correlate_ranks(first, np.full(8, 0.3)) is None
    assert correlate_ranks(first, np.full(8, 0.3) + 1e-14 * second) is None
    assert correlate_ranks(2 * first, second, first) is None


@pytest.mark.parametrize(("num", "correlation"), [(8, 0.0), (8, 0.8), (20, 0.5), (20, 0.9)])
def test_the_intervals_cover_as_well_as_they_say_and_a_bootstrap_does_not_better(num, correlation):
    generator = np.random.default_rng(1)
    truth = 6 / np.pi * np.arcsin(correlation / 2)
    pairs = [simulate(generator, num, correlation) for _ in range(400)]
    found = [correlate_ranks(*pair) for pair in pairs]
    assert 0.92 <= np.mean([one.low <= truth <= one.high for one in found]) <= 0.985
    widths = []
    for first, second in pairs[:40]:
        drawn = generator.integers(0, num, (100, num))
        ranks = [rankdata(one[drawn], axis=1) - (num + 1) / 2 for one in (first, second)]
        spread = np.sqrt((ranks[0] ** 2).sum(axis=1) * (ranks[1] ** 2).sum(axis=1))
        widths.append(np.ptp(np.quantile((ranks[0] * ranks[1]).sum(axis=1) / spread, [0.025, 0.975])))
    assert np.mean([one.high - one.low for one in found]) < 1.1 * np.mean(widths)


def test_what_accuracy_says_already_is_taken_from_robustness():
    generator = np.random.default_rng(4)
    accuracy = generator.normal(size=40)
    robustness, site = (accuracy + 0.3 * generator.normal(size=40) for _ in range(2))
    [prediction] = measure_reality(robustness, accuracy, {"site": site}).shifts.values()
    assert prediction.robustness.low > 0.5
    assert prediction.robustness_given_accuracy.low < 0.0 < prediction.robustness_given_accuracy.high
    site = robustness + 0.1 * generator.normal(size=40)
    [prediction] = measure_reality(robustness, accuracy, {"site": site}).shifts.values()
    assert prediction.robustness_given_accuracy.low > 0.5


def test_several_shift_sets_have_a_mean_and_missing_scores_are_left_out():
    robustness, accuracy, one, other = np.random.default_rng(0).normal(size=(4, 9))
    other[0] = np.nan
    reality = measure_reality(robustness, accuracy, {"b": one, "a": other})
    assert list(reality.shifts) == [ALL_SHIFTS, "b", "a"]
    assert reality.shifts["a"].robustness == correlate_ranks(robustness[1:], other[1:])
    assert reality.shifts[ALL_SHIFTS].accuracy == correlate_ranks(accuracy[1:], (one + other)[1:] / 2)
    assert reality.columns["rho_b_given_accuracy_low"] == reality.shifts["b"].robustness_given_accuracy.low
    assert [name for name in reality.columns if "low" not in name and "high" not in name] == [
        f"rho_{shift}{end}" for shift in ("all_shifts", "b", "a") for end in ("", "_accuracy", "_given_accuracy")
    ]
    few = measure_reality(robustness[:8], accuracy[:8], {"a": other[:8]})
    assert few.has_enough
    assert set(few.columns.values()) == {None}
