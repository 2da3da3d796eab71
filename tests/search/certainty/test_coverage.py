"""The measured coverage is found, and said only where it is too low."""

from __future__ import annotations

import json

import numpy as np
import pytest

from paretoseg.search.certainty.coverage import ENOUGH, PATH, Kind, find_coverage
from paretoseg.search.certainty.estimates import SeedVariance, estimate
from paretoseg.search.certainty.tails import MINIMA, describe_kind
from paretoseg.search.certainty.tails import TAILS as TAIL_KINDS
from paretoseg.trainables.scoring.robustness_kinds import Robustness

MEASURED = json.loads(PATH.read_text())["coverage"]
TAILS = json.loads(PATH.read_text())["tails"]["coverage"]


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("source", ["own", "borrowed"])
def test_every_measured_design_is_found(kind: Kind, source: str) -> None:
    for num_seeds, by_subjects in MEASURED[kind.value][source].items():
        for num_subjects, share in by_subjects.items():
            expected = share if share < ENOUGH else None
            assert find_coverage(kind, int(num_seeds), int(num_subjects), source == "borrowed") == expected


def test_between_measured_numbers_the_next_smaller_one_counts() -> None:
    for more, measured in (((9, 9), (5, 8)), ((2, 100), (2, 60)), ((2, 15), (2, 12))):
        assert find_coverage(Kind.DIFFERENCE, *more, False) == find_coverage(Kind.DIFFERENCE, *measured, False)


def test_two_seeds_that_borrow_nothing_are_known_to_be_too_few() -> None:
    assert (find_coverage(Kind.DIFFERENCE, 2, 40, False) or 1.0) < ENOUGH
    assert find_coverage(Kind.DIFFERENCE, 2, 40, True) is None


@pytest.mark.parametrize("kind", list(Kind))
def test_a_tail_has_a_coverage_of_its_own(kind: Kind) -> None:
    for source, by_seeds in TAILS[kind.value].items():
        for num_seeds, by_subjects in by_seeds.items():
            for num_subjects, share in by_subjects.items():
                expected = share if share < ENOUGH else None
                found = find_coverage(kind, int(num_seeds), int(num_subjects), source == "borrowed", is_tail=True)
                assert found == expected


def test_the_interval_of_a_tail_of_few_subjects_says_that_it_holds_the_truth_rarely() -> None:
    assert (find_coverage(Kind.OBJECTIVE, 3, 8, True, is_tail=True) or 1.0) < 0.6
    assert find_coverage(Kind.OBJECTIVE, 3, 8, True) is None
    assert find_coverage(Kind.DIFFERENCE, 3, 8, True, is_tail=True) is None


def test_below_the_smallest_measured_number_that_one_counts() -> None:
    for number in (2, 3):
        found = find_coverage(Kind.OBJECTIVE, 3, number, True, is_tail=True)
        assert found == find_coverage(Kind.OBJECTIVE, 3, 4, True, is_tail=True)


def test_an_interval_carries_the_coverage_of_its_kind() -> None:
    table = np.random.default_rng(0).normal(0.6, 0.05, (3, 8))
    pooled = SeedVariance(1e-4, 20.0)
    mean, tail = estimate(table, pooled), estimate(table, pooled, is_tail=True)
    assert mean is not None
    assert tail is not None
    assert (mean.low, mean.high, mean.coverage) == (tail.low, tail.high, None)
    assert tail.coverage == TAILS["objective"]["borrowed"]["3"]["8"]


@pytest.mark.parametrize("kind", list(Robustness))
def test_every_kind_that_is_no_mean_is_remarked_on(kind: Robustness) -> None:
    text = describe_kind(kind)
    assert bool(text) == (kind in TAIL_KINDS | MINIMA)
    assert ("not simulated" in text) == (kind in MINIMA)
    assert ("tend to lie too high" in text) == (kind in TAIL_KINDS)
