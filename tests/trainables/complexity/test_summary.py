"""The summary of the measures of a dataset's cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap

from paretoseg.trainables.complexity.complexity import COMPLEXITY, ComplexityRow
from paretoseg.trainables.complexity.summary import find_interval, summarise


def build_rows(values: list[float], subjects: str, shift: str = "") -> list[ComplexityRow]:
    return [
        ComplexityRow(f"{shift}{index}", subject, "site", "train", shift, "organ", "edginess", value)
        for index, (value, subject) in enumerate(zip(values, subjects, strict=True))
    ]


def test_a_summary_counts_and_describes_the_cases() -> None:
    rows = build_rows([1.0, 2.0, 3.0, 4.0, 10.0], "aabcd")
    found = {item.measure: item for item in summarise(rows, [("", 7)], ["organ"])}
    assert list(found) == list(COMPLEXITY)
    edginess = found["edginess"]
    assert (edginess.num_cases, edginess.num_left_out, edginess.num_subjects) == (5, 2, 4)
    assert (edginess.mean, edginess.median, edginess.quartile_1, edginess.quartile_3) == (4.0, 3.0, 2.0, 4.0)
    assert edginess.low is not None
    assert edginess.high is not None
    assert edginess.low < 4.0 < edginess.high
    empty = found["texture_kl_bits"]
    assert (empty.num_cases, empty.num_left_out, empty.mean, empty.low, empty.median) == (0, 7, None, None, None)


def test_shift_sets_are_summarised_on_their_own() -> None:
    rows = build_rows([1.0, 2.0], "ab") + build_rows([5.0, 7.0], "ab", "site_b")
    found = summarise(rows, [("", 2), ("site_b", 2)], ["organ"])
    assert [(item.shift, item.mean) for item in found if item.measure == "edginess"] == [("", 1.5), ("site_b", 6.0)]


def test_the_interval_is_that_of_scipy_where_every_subject_has_one_case() -> None:
    values = np.random.default_rng(0).exponential(size=30)
    low, high = find_interval(values, [f"{n}" for n in range(30)], np.random.default_rng(1)) or (0.0, 0.0)
    reference = bootstrap((values,), np.mean, n_resamples=20000, method="percentile", rng=np.random.default_rng(2))
    assert low == pytest.approx(reference.confidence_interval.low, abs=0.02)
    assert high == pytest.approx(reference.confidence_interval.high, abs=0.02)


def test_cases_of_one_subject_do_not_make_the_interval_narrower() -> None:
    values = np.random.default_rng(0).random(8)
    subjects = [f"{n}" for n in range(8)]
    once = find_interval(values, subjects, np.random.default_rng(1))
    often = find_interval(np.tile(values, 20), subjects * 20, np.random.default_rng(1))
    assert once == pytest.approx(often)


def test_one_subject_has_no_interval_and_the_same_call_gives_the_same() -> None:
    assert find_interval(np.array([1.0, 2.0]), ["a", "a"], np.random.default_rng(0)) is None
    first, again = (summarise(build_rows([1.0, 2.0, 4.0], "abc"), [("", 3)], ["organ"]) for _ in range(2))
    assert first == again
