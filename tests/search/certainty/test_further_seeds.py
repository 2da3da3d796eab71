"""What would settle a front: seeds for those whom seeds can settle, and a plain no for the others."""

from __future__ import annotations

import numpy as np

from paretoseg.search.certainty.further_seeds import FurtherSeeds, find_further_seeds
from paretoseg.search.certainty.membership import State, find_membership


def build_values(gap: float) -> np.ndarray:
    """A clear front of two, and a candidate that lies behind the first by a gap; three seeds each."""
    means = np.array([[0.1, 0.5], [0.5, 0.1], [0.1 + gap, 0.5 + gap]])
    noise = 0.02 * np.array([[1.0, -1.0], [-1.0, 0.0], [0.0, 1.0]])
    return np.stack([mean + np.roll(noise, place, axis=0) for place, mean in enumerate(means)])


def test_a_candidate_close_behind_the_front_needs_seeds_and_so_does_its_rival_alone() -> None:
    values = build_values(0.025)
    membership = find_membership(values, None, np.random.default_rng(0))
    assert membership is not None
    assert membership.states[2] is State.UNDECIDED
    rival, found = find_further_seeds(values, None, membership.states, np.random.default_rng(0))
    assert (rival.candidate, found.candidate) == (0, 2)
    assert found.number is not None
    assert rival.number == found.number


def test_a_nearer_candidate_needs_more_and_an_equal_one_is_never_settled() -> None:
    numbers = []
    for gap in (0.03, 0.025, 0.0):
        values = build_values(gap)
        states = [State.ON_FRONT, State.ON_FRONT, State.UNDECIDED]
        found = find_further_seeds(values, None, states, np.random.default_rng(0))
        numbers.append(found[-1].number)
    assert numbers[0] is not None
    assert numbers[1] is not None
    assert numbers[1] > numbers[0]
    assert numbers[2] is None


def test_seeds_do_not_settle_what_subjects_leave_open() -> None:
    values = build_values(0.025)
    draws = 0.1 * np.random.default_rng(1).normal(size=(500, 3, 2))
    states = [State.ON_FRONT, State.ON_FRONT, State.UNDECIDED]
    assert find_further_seeds(values, draws, states, np.random.default_rng(0)) == (FurtherSeeds(2, None),)


def test_a_decided_front_needs_nothing() -> None:
    values = build_values(0.2)
    assert find_further_seeds(values, None, [State.ON_FRONT] * 2 + [State.DOMINATED], np.random.default_rng(0)) == ()
