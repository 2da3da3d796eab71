"""Ratios of taken to estimated memory: medians by hand, and none from after the trial was proposed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paretoseg.search.trials.memory_factors import BOUNDS, LEAST_GB, LEAST_TRIALS, MemoryFactors
from paretoseg.search.trials.trial import State, Trial
from paretoseg.trainables.trainable import ESTIMATED_MEMORY, TAKEN_MEMORY
from tests.builders import build_trial


def trial_that_took(taken: float, estimated: float = 1.0, *, number: int = 0, ended_at: float = 1.0) -> Trial:
    costs = {ESTIMATED_MEMORY: estimated, TAKEN_MEMORY: taken}
    return build_trial(number, costs=costs, device="a card", ended_at=ended_at)


def find_memory_factors(trials: Sequence[Trial], until: float) -> dict[str, float]:
    factors = MemoryFactors()
    for trial in trials:
        factors.add(trial)
    return factors.find(until)


def test_the_factor_is_the_median_of_taken_over_estimated() -> None:
    trials = [trial_that_took(*pair) for pair in ((1.2, 1.0), (3.0, 2.0), (0.9, 0.5), (30.0, 10.0))]
    assert find_memory_factors(trials, until=1.0) == {"a card": pytest.approx((1.5 + 1.8) / 2)}


def test_every_device_has_its_own() -> None:
    here = [trial_that_took(1.5)] * LEAST_TRIALS
    there = [
        dataclasses.replace(trial, device="another", costs={ESTIMATED_MEMORY: 1.0, TAKEN_MEMORY: 2.0}) for trial in here
    ]
    assert find_memory_factors([*here, *there], until=1.0) == {"a card": 1.5, "another": 2.0}


def test_what_had_not_finished_by_then_does_not_count() -> None:
    trials = [trial_that_took(1.5, ended_at=float(second)) for second in range(10)]
    later = [trial_that_took(3.0, ended_at=20.0)] * 50
    running = [
        dataclasses.replace(trials[0], state=state) for state in (State.RUNNING, State.STOPPED, State.FAILED)
    ] * 50
    assert find_memory_factors([*trials, *later, *running], until=10.0) == {"a card": 1.5}


@pytest.mark.parametrize(
    "trials",
    [
        [],
        [trial_that_took(1.5)] * (LEAST_TRIALS - 1),
        [trial_that_took(1.5, estimated=0.9 * LEAST_GB)] * 9,
        [trial_that_took(0.0)] * 9,
        [build_trial(costs={"parameters": 1.0}, ended_at=1.0)] * 9,
    ],
    ids=["none", "too few", "too small", "not measured", "a task without the costs"],
)
def test_without_enough_that_tells_anything_there_is_no_factor(trials: list[Trial]) -> None:
    assert find_memory_factors(trials, until=math.inf) == {}


@pytest.mark.parametrize(("taken", "bound"), [(0.01, BOUNDS[0]), (100.0, BOUNDS[1])])
def test_odd_measurements_correct_only_so_far(taken: float, bound: float) -> None:
    assert find_memory_factors([trial_that_took(taken)] * LEAST_TRIALS, until=1.0) == {"a card": bound}


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(5, 40)), max_size=15), st.integers(-1, 10))
def test_every_moment_has_the_median_of_what_had_finished_whatever_the_clock_did(
    ends: list[tuple[int, int]], until: int
) -> None:
    """The clock of a machine can be set back, so the order of the ends need not be that of their times."""
    trials = [trial_that_took(ratio / 10, ended_at=float(ended_at)) for ended_at, ratio in ends]
    known = [ratio / 10 for ended_at, ratio in ends if ended_at <= until]
    expected = {"a card": pytest.approx(median(known))} if len(known) >= LEAST_TRIALS else {}
    assert find_memory_factors(trials, until=float(until)) == expected
