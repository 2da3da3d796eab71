"""What is reported beside robustness: families, held-out corruptions, the two scores of the drop, the worst case."""

from __future__ import annotations

import pytest

from paretoseg.trainables.scoring.measures import DICE
from paretoseg.trainables.scoring.objectives import RobustnessOver, RobustnessRule
from paretoseg.trainables.scoring.profile import measure_profile
from paretoseg.trainables.scoring.robustness_kinds import Robustness
from paretoseg.trainables.trainable import CaseScore, RobustnessProfile
from tests.scores import summarise


def row(case: str, corruption: str, value: float, shift: str = "") -> CaseScore:
    return CaseScore(case, "x", corruption, 0 if corruption == "none" else 2, "dice", value, shift=shift)


# Case c is easy, and never corrupted.
ROWS = [
    *(row(case, "none", value) for case, value in (("a", 0.8), ("b", 0.6), ("c", 1.0))),
    *(row("a", name, value) for name, value in (("gaussian_noise", 0.1), ("speckle_noise", 0.3), ("motion", 0.7))),
    *(row("b", name, value) for name, value in (("gaussian_noise", 0.2), ("speckle_noise", 0.2), ("motion", 0.5))),
    row("s", "none", 0.3, "site"),
]


def profile(**changes: object) -> RobustnessProfile:
    return measure_profile(ROWS, "dice", RobustnessRule(**changes))  # type: ignore[arg-type]


def test_a_family_has_the_mean_of_its_corruptions_whether_or_not_they_count() -> None:
    for changes in ({}, {"excluded": ("gaussian_noise", "speckle_noise")}, {"over": RobustnessOver.shifts}):
        found = profile(**changes)
        assert found.families == pytest.approx({"noise": 0.2, "motion": 0.6, "shift site": 0.3})
        assert found.worst_family == "noise"


def test_a_corruption_that_gives_the_reference_away_is_in_no_family() -> None:
    rows = [*ROWS, row("a", "legacy_leaking_blur", 0.0), row("b", "legacy_leaking_blur", 0.0)]
    found = measure_profile(rows, "dice", RobustnessRule(excluded=("legacy_leaking_blur",)))
    assert "blur" not in found.families


def test_a_network_collapses_under_the_families_that_leave_less_than_half_of_its_clean_score() -> None:
    assert profile().collapses == ("noise", "shift site")
    assert RobustnessProfile({"noise": 0.35, "blur": 0.349}, clean=0.7).collapses == ("blur",)
    assert RobustnessProfile({}, clean=0.7).collapses == ()


def test_the_drop_compares_the_cases_that_were_corrupted_and_no_shift_set() -> None:
    found = profile()
    assert found.clean == pytest.approx(0.7)
    assert found.corrupted == pytest.approx((0.2 + 0.6) / 2)
    assert summarise(ROWS, DICE, RobustnessRule()).values["accuracy"] == pytest.approx(0.8)
    assert profile(excluded=("gaussian_noise", "speckle_noise")).corrupted == pytest.approx(0.6)


@pytest.mark.parametrize("kind", [kind for kind in Robustness if kind is not Robustness.mean_corruption_error])
def test_both_scores_of_the_drop_are_means_in_every_kind(kind: Robustness) -> None:
    assert profile(kind=kind).corrupted == pytest.approx((0.2 + 0.6) / 2)


def test_there_is_no_corrupted_score_where_none_counts() -> None:
    assert profile(over=RobustnessOver.shifts).corrupted is None
    alone = [item for item in ROWS if item.corruption == "none"]
    found = measure_profile(alone, "dice", RobustnessRule())
    assert (found.clean, found.corrupted) == (pytest.approx(0.8), None)


def test_held_out_is_the_same_rule_over_the_held_out_corruptions() -> None:
    assert profile(held_out=("motion",)).held_out == pytest.approx(0.6)
    assert profile(held_out=("motion", "speckle_noise")).held_out == pytest.approx((0.6 + 0.25) / 2)
    failures = profile(held_out=("speckle_noise",), kind=Robustness.failure_rate, failure_below=0.25)
    assert failures.held_out == pytest.approx(0.5)


@pytest.mark.parametrize("held_out", [None, (), ("gaussian_blur",), ("gaussian_noise",)])
def test_held_out_is_no_number_if_nothing_is_or_nobody_knows(held_out: tuple[str, ...] | None) -> None:
    assert profile(held_out=held_out, excluded=("gaussian_noise",)).held_out is None


def test_held_out_corruptions_that_the_reference_network_lacks_are_left_out() -> None:
    errors = {item.condition: 0.5 for item in ROWS if item.corruption in ("gaussian_noise", "speckle_noise")}
    rule = RobustnessRule(
        Robustness.mean_corruption_error,
        RobustnessOver.corruptions,
        excluded=("motion",),
        reference=errors,
        held_out=("speckle_noise",),
    )
    assert measure_profile(ROWS, "dice", rule).held_out == pytest.approx(0.75 / 0.5)


@pytest.mark.parametrize(("num_cases", "worst_of"), [(1, 1), (20, 20), (21, 0)])
def test_the_tail_of_few_cases_is_said_to_be_the_worst_one(num_cases: int, worst_of: int) -> None:
    rows = [row(f"c{index}", name, 0.5) for index in range(num_cases) for name in ("none", "motion")]
    rows += [row(f"easy{index}", "none", 0.5) for index in range(50)]
    assert measure_profile(rows, "dice", RobustnessRule(Robustness.cvar_5)).worst_of == worst_of
    assert measure_profile(rows, "dice", RobustnessRule()).worst_of == 0
