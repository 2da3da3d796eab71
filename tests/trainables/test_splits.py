"""Subjects are divided once: reproducibly, by share, domain by domain, and never across splits."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.listing import SPLITS, Entry, find_subject
from trainables.splits import draw_splits, find_conflicts, find_overlap

SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}


def entry(name: str, subject: str = "", domain: str = "", split: str = "") -> Entry:
    return Entry(name, Path(name), Path(name), domain, subject or name, split)


def entries_of(count: int, domain: str = "") -> list[Entry]:
    return [entry(f"{domain}{number}", domain=domain) for number in range(count)]


def test_five_subjects_are_divided_three_one_one_and_the_draw_is_pinned() -> None:
    splits = draw_splits(entries_of(5), SHARES, 0)
    assert Counter(splits.values()) == {"train": 3, "validation": 1, "test": 1}
    assert splits == draw_splits(list(reversed(entries_of(5))), SHARES, 0)
    assert splits == PINNED
    assert any(draw_splits(entries_of(5), SHARES, seed) != splits for seed in range(1, 5))


PINNED = {"0": "train", "1": "validation", "2": "train", "3": "train", "4": "test"}
"""Written down: every machine must draw the same."""


def test_every_domain_is_divided_like_the_whole() -> None:
    entries = [*entries_of(20, "a"), *entries_of(10, "b")]
    splits = draw_splits(entries, SHARES, 3)
    assert Counter((item.domain, splits[item.subject]) for item in entries) == {
        ("a", "train"): 12, ("a", "validation"): 4, ("a", "test"): 4,
        ("b", "train"): 6, ("b", "validation"): 2, ("b", "test"): 2,
    }  # fmt: skip


@given(
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from("abc")), min_size=1, max_size=40),
    st.integers(0, 5),
    st.floats(0.05, 0.4),
    st.floats(0.05, 0.4),
)
def test_shares_are_kept_and_subjects_stay_together(
    cases: list[tuple[int, str]], seed: int, validation: float, test: float
) -> None:
    entries = [entry(str(number), str(subject), domain) for number, (subject, domain) in enumerate(cases)]
    shares = {"train": 1.0 - validation - test, "validation": validation, "test": test}
    splits = draw_splits(entries, shares, seed)
    assert set(splits) == {item.subject for item in entries}
    counts = Counter(splits.values())
    if len(splits) >= 3:
        assert counts["validation"] == max(round(validation * len(splits)), 1)
        assert counts["test"] == max(round(test * len(splits)), 1)


def test_what_a_list_says_is_kept_and_a_split_that_it_names_gets_nobody_else() -> None:
    entries = [entry("t0", split="test"), entry("t1", split="test"), *entries_of(8)]
    splits = draw_splits(entries, SHARES, 0)
    assert Counter(splits.values()) == {"test": 2, "validation": 2, "train": 6}
    assert splits["t0"] == splits["t1"] == "test"


def test_a_split_that_a_complete_list_leaves_out_is_drawn_from_training() -> None:
    entries = [*(entry(f"a{number}", split="train") for number in range(8)), entry("t", split="test")]
    splits = draw_splits(entries, SHARES, 0)
    assert Counter(splits.values()) == {"train": 6, "validation": 2, "test": 1}
    assert splits["t"] == "test"


def test_one_subject_given_two_splits_is_found_with_both_cases() -> None:
    entries = [entry("a", "s", split="train"), entry("b", "s", split="test")]
    texts = [finding.text for finding in find_conflicts(entries, {"s": "test"})]
    assert texts[0] == (
        "subject 's' must be in one split, got 'train' for case 'a' and 'test' for case 'b'; give both the same"
    )


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_subjects_are_found(count: int) -> None:
    entries = entries_of(count)
    findings = find_conflicts(entries, draw_splits(entries, SHARES, 0))
    assert findings
    assert all(f"got none of {count}" in finding.text for finding in findings)


def test_three_subjects_are_enough() -> None:
    assert sorted(draw_splits(entries_of(3), SHARES, 0).values()) == sorted(SPLITS)


def test_a_subject_inside_and_outside_a_held_out_domain_is_found() -> None:
    (finding,) = find_overlap([entry("a", "s", "x")], [entry("b", "s", "y"), entry("c", "t", "y")])
    assert "subject 's' must not be seen in training, but case 'b' is in the held-out domain 'y'" in finding.text


def test_a_subject_is_the_first_group_or_the_whole_find_or_the_name() -> None:
    assert find_subject("sub-07_slice3", r"sub-(\d+)") == "07"
    assert find_subject("sub-07_slice3", r"sub-\d+") == "sub-07"
    assert find_subject("other", r"sub-\d+") == "other"
    assert find_subject("other", "") == "other"
