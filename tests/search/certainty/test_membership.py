"""The probability of being on the front: closed forms, what cancels, and how often it is right."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from paretoseg.search.candidates.seed_effects import SeedEffects
from paretoseg.search.certainty.membership import State, find_membership
from paretoseg.search.certainty.recalibration import recalibrate

SURE = SeedEffects(np.zeros((1, 2)), np.diag([0.01**2, 0.02**2]), 10**6)


def test_without_replicates_nothing_is_known() -> None:
    values = np.random.default_rng(0).normal(size=(10, 1, 2))
    assert find_membership(values, None, np.random.default_rng(0)) is None


def test_two_candidates_have_the_share_of_the_normal_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paretoseg.search.certainty.membership.MOST_BORROWED", 1e6)
    monkeypatch.setattr("paretoseg.search.certainty.membership.NUM_DRAWS", 40_000)
    values = np.array([[[0.10, 0.20]], [[0.11, 0.21]]])
    found = find_membership(values, None, np.random.default_rng(0), effects=SURE)
    assert found is not None
    better = norm.cdf([0.01, 0.01] / (np.array([0.01, 0.02]) * 2**0.5))
    expected = [1.0 - np.prod(1.0 - better), 1.0 - np.prod(better)]
    assert found.shares == pytest.approx(expected, abs=0.01)
    assert (found.probabilities != found.shares).all()


def test_further_seeds_shrink_the_noise() -> None:
    values = np.array([[[0.10, 0.20]], [[0.11, 0.21]]])
    few, many = (
        find_membership(values, None, np.random.default_rng(0), effects=SURE, further=np.array([number, number]))
        for number in (0, 200)
    )
    assert few is not None
    assert many is not None
    assert few.states == (State.ON_FRONT, State.UNDECIDED)
    assert many.states == (State.ON_FRONT, State.DOMINATED)


@pytest.mark.parametrize(("num_candidates", "is_shrunk"), [(7, False), (8, True)])
def test_the_probability_is_that_of_the_share_and_of_all_seeds_had_or_imagined(
    num_candidates: int, is_shrunk: bool
) -> None:
    values = np.random.default_rng(9).normal(0.3, 0.02, (num_candidates, 3, 2))
    values[1, 1:], values[2, 2:] = np.nan, np.nan
    further = np.arange(num_candidates) % 2
    found = find_membership(values, None, np.random.default_rng(0), further=further)
    assert found is not None
    seeds = np.concatenate([[3, 2, 2], 3 + further[3:]])
    assert np.array_equal(found.probabilities, recalibrate(found.shares, seeds, is_shrunk=is_shrunk))
    assert not np.array_equal(found.probabilities, recalibrate(found.shares, seeds, is_shrunk=not is_shrunk))


def test_what_subjects_do_to_all_candidates_cancels() -> None:
    generator = np.random.default_rng(1)
    values = generator.normal(0.3, 0.02, (12, 2, 2))
    own = 0.01 * generator.normal(size=(50, 12, 2))
    shared = own + generator.normal(size=(50, 1, 2))
    first, second = (find_membership(values, draws, np.random.default_rng(0)) for draws in (own, shared))
    assert first is not None
    assert second is not None
    assert first.probabilities == pytest.approx(second.probabilities, abs=1e-3)


def test_an_effect_of_a_seed_on_all_candidates_is_removed() -> None:
    generator = np.random.default_rng(2)
    values = generator.normal(0.3, 0.02, (30, 1, 2)) + 0.002 * generator.normal(size=(30, 3, 2))
    is_known = (np.arange(30)[:, None] % 3 == np.arange(3)) | (np.arange(30)[:, None] < 10)
    values = np.where(is_known[:, :, None], values, np.nan)
    moved = values + np.array([0.2, 0.0, -0.2])[:, None]
    first, second = (find_membership(one, None, np.random.default_rng(0)) for one in (values, moved))
    assert first is not None
    assert second is not None
    # Without the correction, only the ten candidates of the third seed could be on the front.
    assert np.abs(first.probabilities - second.probabilities).max() < 0.15


def test_an_objective_that_never_varies_keeps_its_values() -> None:
    generator = np.random.default_rng(3)
    values = np.empty((12, 3, 3))
    values[:, :, :2] = generator.normal(0.3, 0.02, (12, 1, 2)) + 0.02 * generator.normal(size=(12, 3, 2))
    values[:, :, 2] = 1e6 * np.arange(1, 13)[:, None]
    found = find_membership(values, None, np.random.default_rng(0))
    assert found is not None
    assert found.probabilities[0] == 1.0
    assert (found.probabilities[1:] < 1.0).any()


def test_probabilities_are_right_about_as_often_as_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paretoseg.search.certainty.membership.NUM_DRAWS", 300)
    generator = np.random.default_rng(4)
    said, seen = [], []
    for _ in range(60):
        truth = generator.normal(0.3, 0.03, (40, 2))
        values = truth[:, None] + 0.02 * generator.normal(size=(40, 3, 2))
        values[np.argsort(values[:, 0].sum(axis=1))[8:], 1:] = np.nan
        found = find_membership(values, None, generator)
        assert found is not None
        said += found.probabilities.tolist()
        seen += [not ((truth <= one).all(axis=1) & (truth < one).any(axis=1)).any() for one in truth]
    probabilities, is_on = np.array(said), np.array(seen)
    assert probabilities.sum() == pytest.approx(is_on.sum(), rel=0.2)
    for low, high in ((0.0, 0.1), (0.1, 0.3), (0.3, 0.6), (0.6, 1.0)):
        some = (probabilities >= low) & (probabilities < high)
        assert is_on[some].mean() == pytest.approx(probabilities[some].mean(), abs=0.1)


def test_an_objective_in_which_all_are_equal_changes_nothing() -> None:
    generator = np.random.default_rng(6)
    values = generator.normal(0.3, 0.02, (12, 1, 2)) + 0.02 * generator.normal(size=(12, 3, 2))
    more = np.concatenate([values, np.full((12, 3, 1), 7.3)], axis=2)
    first, second = (find_membership(one, None, np.random.default_rng(0)) for one in (values, more))
    assert first is not None
    assert second is not None
    assert first.probabilities == pytest.approx(second.probabilities, abs=1e-12)


def test_a_thousand_times_larger_unit_changes_nothing() -> None:
    values = np.random.default_rng(7).normal(0.3, 0.02, (12, 3, 2))
    first, second = (
        find_membership(values * unit, None, np.random.default_rng(0)) for unit in (np.ones(2), np.array([1.0, 1000.0]))
    )
    assert first is not None
    assert second is not None
    assert first.probabilities == pytest.approx(second.probabilities, abs=0.002)


def test_draws_of_subjects_without_any_case_are_left_out() -> None:
    generator = np.random.default_rng(8)
    values = generator.normal(0.3, 0.02, (12, 3, 2))
    draws = 0.01 * generator.normal(size=(50, 12, 2))
    gaps = np.concatenate([draws, np.full((3, 12, 2), np.nan)])
    first, second = (find_membership(values, one, np.random.default_rng(0)) for one in (draws, gaps))
    assert first is not None
    assert second is not None
    assert np.array_equal(first.probabilities, second.probabilities)
    assert find_membership(values, gaps[50:], np.random.default_rng(0)) is None
