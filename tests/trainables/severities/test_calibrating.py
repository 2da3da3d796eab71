"""Strengths of a corruption lose what is wished, never less at a higher severity, and what deviates is reported."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import pytest

from paretoseg.trainables.severities.calibrating import (
    SeverityResult,
    calibrate_corruption,
    describe_misses,
    describe_reversals,
    find_reversals,
)
from paretoseg.trainables.severities.calibration import TARGETS, span_of

SSIM = (0.99, 0.9, 0.8, 0.7, 0.6)


class FakeNetwork:
    """Loses what a function says, and a little more in the draws of a search."""

    def __init__(
        self,
        respond: Callable[[float], float],
        extra: Sequence[float] = (0.0,) * 5,
        lost_above: float = math.inf,
        reversals: Sequence[float] = (0.0,) * 4,
    ) -> None:
        self.respond, self.extra, self.lost_above, self.reversals = respond, extra, lost_above, tuple(reversals)

    def measure_loss(self, corruption: str, strength: float) -> float:
        return self.respond(strength)

    def measure_severities(self, corruption: str, strengths: Sequence[float]) -> SeverityResult:
        lost = [self.respond(strength) + extra for strength, extra in zip(strengths, self.extra, strict=True)]
        return SeverityResult(tuple(lost), self.reversals, SSIM)

    def find_lost(self, corruption: str, strength: float) -> Sequence[str]:
        return ["small"] if strength > self.lost_above else []


def straight(strength: float) -> float:
    return 100.0 * strength


def test_strengths_lose_what_is_wished_and_the_losses_are_those_of_a_search() -> None:
    found = calibrate_corruption(FakeNetwork(straight, (0.1,) * 5), "gaussian_noise")
    assert list(found.lost) == pytest.approx([100.0 * one + 0.1 for one in found.strengths], abs=0.01)
    assert list(found.lost) == pytest.approx(TARGETS, rel=0.2)
    assert found.notes == ()
    assert found.curve[0][0] == pytest.approx(span_of("gaussian_noise").weakest)
    assert found.curve[-1] == (0.5, 50.0)
    assert found.ssim == SSIM


@pytest.mark.parametrize("wave", [3.0, 17.0, 71.0, 305.0])
@pytest.mark.parametrize("height", [1.0, 4.0, 12.0])
def test_losses_never_fall_with_severity_however_the_response_wavers(wave: float, height: float) -> None:
    span = span_of("gaussian_noise")

    def waver(strength: float) -> float:
        place = span.find(strength)
        return 45.0 * place**3 + height * math.sin(wave * place)

    found = calibrate_corruption(FakeNetwork(waver), "gaussian_noise")
    assert all(low <= high for low, high in itertools.pairwise(found.lost))
    assert all(low < high for low, high in itertools.pairwise(found.strengths))


def test_a_response_that_only_falls_keeps_its_strengths_and_says_so() -> None:
    found = calibrate_corruption(FakeNetwork(lambda strength: -straight(strength)), "gaussian_noise")
    assert "severity 5 loses less than severity 4" in found.notes


def test_a_severity_that_loses_less_than_the_one_below_is_reported() -> None:
    found = calibrate_corruption(FakeNetwork(straight, (0.0, 0.0, 0.0, -30.0, 0.0)), "gaussian_noise")
    assert found.notes == ("severity 4 loses -10.0 points, not 20", "severity 4 loses less than severity 3")


def test_a_loss_far_from_its_target_is_reported_unless_the_target_was_out_of_reach() -> None:
    assert describe_misses((0.6, 10.0, 10.1, 21.0, 35.0), 50.0) == []
    assert describe_misses((0.4, 10.1, 12.0, 13.0, 14.0), 30.0) == [
        "severity 1 loses 0.4 points, not 2",
        "severity 2 loses 10.1 points, not 5",
    ]
    assert describe_misses((2.0, 5.0, 6.0, 7.0, 8.0), 9.0) == []


def test_a_reversal_is_a_case_that_loses_less_at_the_next_severity() -> None:
    first, second, third = {"a": 0.9, "b": 0.8}, {"a": 0.85, "b": 0.82}, {"a": 0.855, "c": 1.0}
    assert find_reversals([first, second, third]) == (0.5, 0.0)
    assert find_reversals([{"a": 0.9}, {}]) == (0.0,)


def test_many_reversals_are_noted_with_the_worst_severity() -> None:
    assert describe_reversals((0.0, 0.1, 0.0, 0.05)) == []
    note = "25 % of the cases lose less at severity 3 than at 2"
    assert describe_reversals((0.2, 0.25, 0.0, 0.0)) == [note]
    found = calibrate_corruption(FakeNetwork(straight, reversals=(0.2, 0.25, 0.0, 0.0)), "gaussian_noise")
    assert found.reversals == (0.2, 0.25, 0.0, 0.0)
    assert found.notes == (note,)


def test_strengths_that_move_a_class_out_of_a_case_are_not_used() -> None:
    found = calibrate_corruption(FakeNetwork(straight, lost_above=0.25), "gaussian_noise")
    assert found.strengths[-1] <= 0.25
    assert found.notes[0].startswith("not measured beyond 0.234, where a class would be moved out of small")


def test_where_even_half_of_the_span_moves_a_class_out_the_case_is_named() -> None:
    found = calibrate_corruption(FakeNetwork(straight, lost_above=0.0), "gaussian_noise")
    assert "and without small, out of which a class would be moved before that" in found.notes[0]
