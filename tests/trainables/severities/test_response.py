"""Strengths are found where the response passes the targets, and notes report targets that are not reached."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from sklearn.isotonic import IsotonicRegression

from paretoseg.trainables.severities.response import (
    MAX_BISECTIONS,
    NUM_GRID,
    Span,
    choose_rising,
    choose_strengths,
    fit_monotone,
    interpolate_losses,
    raise_ineffective,
    tolerance,
    trace_response,
)

TARGETS = (2.0, 5.0, 10.0, 20.0, 40.0)
SPAN = Span(0.0, 0.01, 10.0)


def find(respond: Callable[[float], float], span: Span = SPAN) -> tuple[tuple[float, ...], tuple[str, ...]]:
    return choose_strengths(trace_response(respond, span, TARGETS), span, TARGETS)


def saturating(strength: float) -> float:
    return 80.0 * (1.0 - math.exp(-strength))


def test_a_span_reaches_from_its_weakest_to_its_strongest_in_equal_ratios_of_the_distance() -> None:
    span = Span(1.0, 1.1, 11.0)
    assert [span.at(place) for place in (0.0, 0.5, 1.0)] == pytest.approx([1.1, 2.0, 11.0])
    assert [span.find(strength) for strength in (1.1, 2.0, 11.0)] == pytest.approx([0.0, 0.5, 1.0])


def test_a_short_number_never_stands_for_nothing_at_all() -> None:
    span = Span(1.0, 1.0005, 2.0)
    strengths, _ = find(lambda strength: 50.0 + strength, span)
    assert 1.0 < strengths[0] < strengths[1]


@pytest.mark.parametrize("ends", [(0.0, 0.0, 1.0), (0.0, 1.0, 1.0), (1.0, 0.5, 2.0), (0.0, 1.0, math.inf)])
def test_a_span_that_does_not_rise_is_refused(ends: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="a span must rise"):
        Span(*ends)


def test_the_losses_of_the_strengths_are_those_that_were_wished() -> None:
    strengths, notes = find(saturating)
    assert notes == ()
    for strength, target in zip(strengths, TARGETS, strict=True):
        assert abs(saturating(strength) - target) <= tolerance(target)


def test_the_strengths_are_near_those_of_an_independent_root_finder() -> None:
    strengths, _ = find(saturating)
    roots = [brentq(lambda one, wished=target: saturating(one) - wished, 0.0, 10.0) for target in TARGETS]
    assert list(strengths) == pytest.approx(roots, rel=0.15)


def test_a_response_is_asked_few_times_and_never_twice_at_a_strength() -> None:
    asked: list[float] = []
    trace_response(lambda strength: asked.append(strength) or saturating(strength), SPAN, TARGETS)
    assert len(asked) == len(set(asked)) <= NUM_GRID + MAX_BISECTIONS * len(TARGETS)


def test_a_response_that_never_reaches_some_targets_has_the_strongest_spread_and_says_so() -> None:
    strengths, notes = find(lambda strength: 2.3 * strength)
    assert [2.3 * strength for strength in strengths[:4]] == pytest.approx(TARGETS[:4], abs=2.0)
    assert strengths[4] == 10.0
    assert notes == ("reached only 23.0 points, at 10; severity 5 is spread up to it",)


def test_a_response_that_loses_nothing_has_strengths_all_over_its_span() -> None:
    strengths, notes = find(lambda strength: 0.0)
    assert list(strengths) == pytest.approx([SPAN.at(number / 5) for number in range(1, 6)], rel=0.01)
    assert "reached only 0.0 points" in notes[0]
    assert "severities 1 to 5 are" in notes[0]


def test_a_target_that_is_met_only_at_the_strongest_leaves_room_for_the_next() -> None:
    strengths, _ = find(lambda strength: 20.0 if strength == 10.0 else strength)
    assert strengths[-1] == 10.0
    assert strictly_rise(strengths)


def test_a_response_that_is_strong_from_the_start_says_so() -> None:
    strengths, notes = find(lambda strength: 7.0 + 5.0 * strength)
    assert strengths[0] == 0.01
    assert strictly_rise(strengths)
    assert notes[0].startswith("loses 7.0 points already at the weakest value looked at, 0.01; severities up to 2 are")


def test_of_a_response_that_falls_again_the_first_crossing_counts_and_the_fall_is_reported() -> None:
    def hill(strength: float) -> float:
        return 50.0 * math.exp(-(math.log(strength) ** 2))

    strengths, notes = find(hill)
    assert strengths[-1] < 1.0
    assert all(abs(hill(one) - target) <= tolerance(target) for one, target in zip(strengths, TARGETS, strict=True))
    assert any("does not rise throughout" in note for note in notes)


def test_where_the_loss_falls_before_all_is_reached_the_rest_lies_up_to_the_most_that_is_lost() -> None:
    def hill(strength: float) -> float:
        return 25.0 * math.exp(-(math.log(strength) ** 2))

    strengths, notes = find(hill)
    assert strictly_rise(strengths)
    assert hill(strengths[3]) == pytest.approx(20.0, abs=2.0)
    assert strengths[-1] == pytest.approx(1.0, rel=0.5)
    assert notes[0].endswith(f" points, at {strengths[-1]:.3g}; severity 5 is spread up to it")
    assert hill(strengths[-1]) < float(notes[0].split()[2]) < 25.0


def test_the_isotonic_fit_is_the_nearest_rising_curve() -> None:
    """The example of Barlow et al., 1972: neighbours that fall are replaced by their mean."""
    curve = [(1.0, 1.0), (2.0, 3.0), (3.0, 2.0), (4.0, 4.0), (5.0, 3.5), (6.0, 3.0)]
    fitted = fit_monotone(curve)
    assert [strength for strength, _ in fitted] == [strength for strength, _ in curve]
    assert [loss for _, loss in fitted] == pytest.approx([1.0, 2.5, 2.5, 3.5, 3.5, 3.5])
    assert interpolate_losses(curve, [0.0, 1.5, 2.7, 9.0]) == pytest.approx([1.0, 1.75, 2.5, 3.5])


@given(st.lists(st.floats(-20.0, 90.0), min_size=1, max_size=30))
def test_the_isotonic_fit_is_that_of_scikit_learn(losses: list[float]) -> None:
    theirs = IsotonicRegression().fit_transform(range(len(losses)), losses)
    assert [loss for _, loss in fit_monotone([(float(n), loss) for n, loss in enumerate(losses)])] == pytest.approx(
        theirs.tolist(), abs=1e-9
    )


def test_a_bump_in_the_curve_moves_no_strength_below_it() -> None:
    """A loss that is high by accident at a weak strength used to be taken for the first crossing."""
    span = Span(0.0, 0.01, 10.0)

    def respond(strength: float) -> float:
        return 12.0 if 0.2 < strength < 0.3 else 4.0 * strength

    curve = [(place, respond(place)) for place in (0.01, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0)]
    strengths, _ = choose_strengths(curve, span, TARGETS)
    assert strengths[2] > 1.0


@given(st.lists(st.floats(-5.0, 90.0), min_size=2, max_size=12))
def test_losses_at_the_chosen_strengths_never_fall_if_measured_strengths_allow_it(losses: list[float]) -> None:
    def respond(strength: float) -> float:
        place = SPAN.find(strength) * (len(losses) - 1)
        return losses[min(max(round(place), 0), len(losses) - 1)]

    curve = trace_response(respond, SPAN, TARGETS)
    strengths, measured, _ = choose_rising(respond, curve, SPAN, TARGETS)
    assert strictly_rise(strengths)
    lost = [respond(strength) for strength in strengths]
    assert {*zip(strengths, lost, strict=True)} <= {*measured}
    rises = all(low <= high for low, high in itertools.pairwise(lost))
    active = [loss for _, loss in measured[next((n for n, (_, loss) in enumerate(measured) if loss), 0) :]]
    assert rises or longest_rise(active) < len(TARGETS)


def longest_rise(losses: list[float]) -> int:
    """The length of the longest subsequence that does not fall."""
    lengths = list[int]()
    for number, loss in enumerate(losses):
        before = (lengths[place] for place in range(number) if losses[place] <= loss)
        lengths.append(1 + max(before, default=0))
    return max(lengths, default=0)


def test_noise_is_no_fall() -> None:
    _, notes = find(lambda strength: saturating(strength) + 0.2 * math.sin(1000 * strength))
    assert notes == ()


def test_a_jump_still_gives_strengths_that_rise() -> None:
    strengths, _ = find(lambda strength: 60.0 if strength > 0.5 else 0.0)
    assert strictly_rise(strengths)


@given(st.lists(st.floats(-5.0, 90.0), min_size=2, max_size=12))
def test_whatever_the_response_strengths_rise_within_the_span(losses: list[float]) -> None:
    def respond(strength: float) -> float:
        place = SPAN.find(strength) * (len(losses) - 1)
        return losses[min(max(round(place), 0), len(losses) - 1)]

    strengths, _ = find(respond)
    assert len(strengths) == len(TARGETS)
    assert strictly_rise(strengths)
    assert SPAN.weakest <= strengths[0]
    assert strengths[-1] <= SPAN.strongest


def strictly_rise(strengths: tuple[float, ...]) -> bool:
    return all(low < high for low, high in itertools.pairwise(strengths))


def test_strengths_that_do_nothing_are_moved_up_to_where_something_happens() -> None:
    span, targets = Span(1.0, 1.0025, 6.0), (2.0, 5.0, 10.0, 20.0, 40.0)

    def respond(factor: float) -> float:
        """An image of 80 pixels with fewer of them: nothing happens until one is gone."""
        gone = 80 - round(80 / factor)
        return 6.0 + 34.0 * gone / 67 if gone else 0.0

    curve = trace_response(respond, span, targets)
    values, _ = choose_strengths(curve, span, targets)
    assert respond(values[0]) == 0.0
    moved = raise_ineffective(values, curve, span)
    assert all(respond(strength) > 0.0 for strength in moved)
    assert list(moved) == sorted(set(moved))
    assert moved[2:] == pytest.approx(values[2:], rel=0.01)


def test_strengths_that_all_do_something_stay() -> None:
    span = Span(0.0, 0.01, 10.0)
    for curve in ([(0.01, 0.0), (0.1, 1.5), (10.0, 50.0)], [(0.01, 0.1), (0.1, 0.0), (10.0, 50.0)]):
        assert raise_ineffective((0.2, 0.3, 0.4, 0.5, 0.6), curve, span) == (0.2, 0.3, 0.4, 0.5, 0.6)


def test_where_all_strengths_do_nothing_they_rise_to_the_strongest() -> None:
    moved = raise_ineffective((0.1, 0.2, 0.3, 0.4, 0.5), [(0.01, 0.0), (1.0, 3.0), (10.0, 4.0)], Span(0.0, 0.01, 10.0))
    assert moved[0] == 1.0
    assert list(moved) == sorted(set(moved))
    assert moved[-1] < 10.0
