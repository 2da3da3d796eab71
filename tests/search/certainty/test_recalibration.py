"""The map from shares to probabilities: its formula, its limits, that it rises, and which one is used."""

from __future__ import annotations

import json

import numpy as np
import pytest

from paretoseg.search.certainty.recalibration import PATH, find_doubt, recalibrate

SHIPPED = json.loads(PATH.read_text())["maps"]
SHARES = np.array([0.0, 1e-6, 0.0005, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 0.9995, 1.0 - 1e-6, 1.0])


def build_shares(doubt: str) -> np.ndarray:
    """`SHARES`, among candidates that are sure or of whom none is likely."""
    return np.concatenate([SHARES, np.full(200, 1.0 if doubt == "little" else 0.004)])


@pytest.mark.parametrize("doubt", ["little", "much"])
@pytest.mark.parametrize("is_shrunk", [True, False])
@pytest.mark.parametrize("number", [1, 2, 3, 7])
def test_a_map_rises_and_is_certain_in_the_limit_alone(number: int, is_shrunk: bool, doubt: str) -> None:
    shares = build_shares(doubt)
    found = recalibrate(shares, np.full(shares.size, number), is_shrunk=is_shrunk)[: SHARES.size]
    assert (np.diff(found) > 0.0).all()
    assert (found[0], found[-1]) == (0.0, 1.0)
    assert 0.0 < found[1] < 0.01
    assert 0.99 < found[-2] < 1.0


def test_the_formula_by_hand() -> None:
    shares = np.array([0.8, 0.6, 0.3])
    doubt = 1.0 - (0.64 + 0.36 + 0.09) / 1.7
    assert find_doubt(shares) == pytest.approx(doubt)
    found = recalibrate(shares, np.array([1, 2, 5]), is_shrunk=True)
    for share, number, probability in zip(shares, "123", found, strict=True):
        sure, unsure = (np.array(SHIPPED["many candidates"][number][key]) for key in ("without_doubt", "in_full_doubt"))
        a, b, c = (1.0 - doubt) * sure + doubt * unsure
        odds = share**a / (1.0 - share) ** b * np.exp(c)
        assert probability == pytest.approx(odds / (1.0 + odds))


def test_a_front_that_is_the_same_in_all_draws_leaves_no_doubt() -> None:
    assert find_doubt(np.array([1.0, 0.0, 1.0, 0.0])) == 0.0
    assert find_doubt(np.zeros(3)) == 0.0
    assert find_doubt(np.full(100, 0.01)) == pytest.approx(0.99)


def test_few_candidates_have_a_map_of_their_own() -> None:
    shares, seeds = np.array([0.5, 0.6, 0.4]), np.array([3, 3, 3])
    few, many = (recalibrate(shares, seeds, is_shrunk=is_shrunk) for is_shrunk in (False, True))
    # Among few, nothing is shrunk, so the draws spread further than the truth: shares are too near to a half.
    assert (few > many).all()


@pytest.mark.parametrize("kind", ["many candidates", "few candidates"])
def test_all_shipped_slopes_are_positive(kind: str) -> None:
    for one in SHIPPED[kind].values():
        for a, b, _ in one.values():
            assert a > 0.0
            assert b > 0.0
