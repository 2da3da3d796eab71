"""Subjects are divided once: reproducibly, by share, domain by domain, and never across splits."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paretoseg.trainables.data.listing import SPLITS, Entry, find_subject
from paretoseg.trainables.data.splits import (
    draw_shift_splits,
    draw_splits,
    find_conflicts,
    find_empty_splits,
    find_overlap,
    find_short_sets,
)

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


def test_what_a_list_says_is_kept_and_a_split_that_it_names_gets_no_other_subject() -> None:
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
    texts = [finding.text for finding in find_conflicts(entries)]
    assert texts == [
        "subject 's' must be in one split, got 'train' for case 'a' and 'test' for case 'b'; give both the same"
    ]


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_subjects_are_found(count: int) -> None:
    entries = entries_of(count)
    findings = find_empty_splits(draw_splits(entries, SHARES, 0))
    assert findings
    assert all(f"got none of {count}" in finding.text for finding in findings)


def test_three_subjects_are_enough() -> None:
    assert sorted(draw_splits(entries_of(3), SHARES, 0).values()) == sorted(SPLITS)


def shifted(count: int, shift: str, prefix: str = "") -> list[Entry]:
    return [replace(entry(f"{prefix or shift}{number}"), shift=shift) for number in range(count)]


def test_a_shift_set_is_halved_into_validation_and_test_and_the_draw_is_pinned() -> None:
    entries = shifted(5, "there")
    splits = draw_shift_splits(entries, SHARES, 0)
    assert splits == draw_shift_splits(list(reversed(entries)), SHARES, 0)
    assert splits == PINNED_SHIFT
    assert draw_shift_splits(entries, SHARES | {"test": 0.9}, 0) != splits


PINNED_SHIFT = {"there0": "test", "there1": "validation", "there2": "test", "there3": "test", "there4": "validation"}
"""Written down: every machine must draw the same."""


@given(st.lists(st.integers(2, 9), min_size=1, max_size=4), st.integers(0, 3), st.floats(0.05, 0.9))
def test_every_shift_set_has_somebody_to_choose_on_and_to_test_on(sizes: list[int], seed: int, share: float) -> None:
    entries = [item for place, size in enumerate(sizes) for item in shifted(size, f"set{place}")]
    splits = draw_shift_splits(entries, {"train": 0.05, "validation": share, "test": 0.95 - share}, seed)
    assert {(item.shift, splits[item.subject]) for item in entries} == {
        (f"set{place}", split) for place in range(len(sizes)) for split in SPLITS[1:]
    }
    assert find_short_sets(entries, splits) == []


def test_a_subject_of_two_shift_sets_is_in_one_split_and_given_splits_are_kept_but_for_training() -> None:
    entries = [*shifted(4, "x", prefix="p"), *shifted(4, "y", prefix="p")]
    assert set(draw_shift_splits(entries, SHARES, 0)) == {f"p{number}" for number in range(4)}
    given = [replace(entries[0], split="test"), replace(entries[1], split="train"), *entries[2:4]]
    splits = draw_shift_splits(given, SHARES, 0)
    assert splits["p0"] == "test"
    assert Counter(splits.values()) == {"validation": 2, "test": 2}


def test_a_shift_set_of_one_subject_is_found() -> None:
    entries = shifted(1, "there")
    (finding,) = find_short_sets(entries, draw_shift_splits(entries, SHARES, 0))
    assert finding.text.startswith("shift set 'there' must have at least one subject in validation, got none of 1")


def test_a_subject_inside_and_outside_a_shift_set_is_found() -> None:
    held_out = [replace(entry("b", "s"), shift="y"), replace(entry("c", "t"), shift="y")]
    (finding,) = find_overlap([entry("a", "s", "x")], held_out)
    assert "subject 's' must not be seen in training, but case 'b' is in shift set 'y' and case 'a'" in finding.text


def test_a_subject_is_the_first_group_or_the_whole_find_or_the_name() -> None:
    assert find_subject("sub-07_slice3", r"sub-(\d+)") == "07"
    assert find_subject("sub-07_slice3", r"sub-\d+") == "sub-07"
    assert find_subject("other", r"sub-\d+") == "other"
    assert find_subject("other", "") == "other"
