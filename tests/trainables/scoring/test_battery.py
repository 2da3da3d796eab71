"""What is measured: the whole battery, and the quick part of it that is the same for all trials."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest

from paretoseg.trainables.scoring.battery import Battery, choose_quick, draw_subset
from paretoseg.trainables.severities.levels import LEVELS, default_strengths
from paretoseg.trainables.trainable import CaseScore, Condition

MANY = list(LEVELS)


def test_a_battery_is_clean_then_every_pair_then_the_shift_sets() -> None:
    battery = Battery.of(["gaussian_noise", "gaussian_blur"], [1, 5], seed=3, shifts=["other"])
    assert [condition.describe() for condition in battery.conditions] == [
        "clean", "gaussian_noise 1", "gaussian_noise 5", "gaussian_blur 1", "gaussian_blur 5", "shift other"
    ]  # fmt: skip
    assert battery.conditions[-1] == Condition("none", 0, "other")
    assert battery.strengths == default_strengths()


@dataclass(frozen=True)
class Named:
    name: str
    domain: str = "home"


def test_cases_are_drawn_by_name_in_the_order_given_and_fewer_are_a_part_of_more() -> None:
    cases = [Named(f"case_{number}") for number in range(9)]
    for number in range(1, 9):
        drawn = draw_subset(cases, number, seed=0)
        assert len(drawn) == number
        assert drawn == [case for case in cases if case in drawn]
        assert set(drawn) < set(draw_subset(cases, number + 1, seed=0))
        assert set(draw_subset(cases[::-1], number, seed=0)) == set(drawn)
    assert draw_subset(cases, 0, seed=0) == draw_subset(cases, 9, seed=0) == draw_subset(cases, 99, seed=0) == cases
    assert draw_subset(cases, 4, seed=0) != draw_subset(cases, 4, seed=1)


@pytest.mark.parametrize("seed", range(20))
def test_no_domain_is_missing_among_as_many_cases_or_more(seed: int) -> None:
    domains = ["large"] * 54 + ["small"] * 4 + ["rare"] * 2
    cases = [Named(f"case_{number}", domain) for number, domain in enumerate(domains)]
    for number in (3, 16):
        drawn = draw_subset(cases, number, seed)
        assert len(drawn) == number
        assert {case.domain for case in drawn} == {"large", "small", "rare"}
    assert set(draw_subset(cases, 2, seed)) < set(draw_subset(cases, 3, seed)) < set(draw_subset(cases, 16, seed))


@pytest.mark.parametrize("seed", range(5))
def test_the_quick_part_holds_every_corruption_once_and_all_severities_evenly(seed: int) -> None:
    quick = choose_quick(MANY, [2, 4, 5], seed)
    assert [condition.corruption for condition in quick] == MANY
    counts = Counter(condition.severity for condition in quick)
    assert set(counts) == {2, 4, 5}
    assert max(counts.values()) - min(counts.values()) <= 1


def test_the_quick_part_depends_on_the_seed_and_on_nothing_else() -> None:
    assert choose_quick(MANY, [2, 4], 0) == choose_quick(MANY, [4, 2], 0)
    assert {item.corruption: item.severity for item in choose_quick(MANY[::-1], [2, 4], 0)} == {
        item.corruption: item.severity for item in choose_quick(MANY, [2, 4], 0)
    }
    assert choose_quick(MANY, [2, 4], 0) != choose_quick(MANY, [2, 4], 1)
    assert choose_quick([], [], 0) == []


def test_conditions_are_keys_in_alphabetical_order_and_every_row_names_its_own() -> None:
    shifted, mild, strong = Condition("none", 0, "site"), Condition("blur", 2), Condition("blur", 10)
    assert sorted({shifted, strong, mild}) == [mild, strong, shifted]
    assert CaseScore("a", "x", "none", 0, "dice", 0.5, shift="site").condition == shifted
    assert mild.change == strong.change != shifted.change
