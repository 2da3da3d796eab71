"""Response curves: how much a network loses at each strength of a corruption, and which strengths cause given losses.

Free of torch: a response is any function from a strength to a loss. It need not be monotonic, and may never reach a
target; both are reported in notes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Point = tuple[float, float]
"""A strength and the loss at this strength."""

NUM_GRID = 8
"""Number of strengths of the first grid, from the weakest to the strongest; they bracket every target."""

MAX_BISECTIONS = 4
"""Largest number of bisections per target; the last bracket is interpolated."""

_DIGITS = range(3, 12)

_TRUSTED = 0.5
"""Position in a span above which the strength of the largest loss may be the end of the useful range."""


@dataclass(frozen=True)
class Span:
    """The range of strengths that is searched, from no effect to absurd."""

    neutral: float
    """The strength without effect; all strengths are above it, and equal steps are equal ratios of the distance to it.
    """

    weakest: float
    strongest: float

    def __post_init__(self) -> None:
        if not self.neutral < self.weakest < self.strongest < math.inf:
            raise ValueError(f"a span must rise, got {self.neutral:g}, {self.weakest:g}, {self.strongest:g}")

    def at(self, place: float) -> float:
        """The strength at a position in [0, 1], logarithmic in the distance to `neutral`."""
        if place >= 1.0:
            return self.strongest
        ratio = (self.strongest - self.neutral) / (self.weakest - self.neutral)
        return float(self.neutral + (self.weakest - self.neutral) * ratio**place)

    def find(self, strength: float) -> float:
        """The position of a strength: the inverse of `at`."""
        weakest, strongest = self.weakest - self.neutral, self.strongest - self.neutral
        return math.log((strength - self.neutral) / weakest) / math.log(strongest / weakest)


def tolerance(target: float) -> float:
    """Distance of a loss from its target at which bisection stops: a tenth of the target, at least half a point."""
    return max(0.5, 0.1 * target)


def trace_response(respond: Callable[[float], float], span: Span, targets: Sequence[float]) -> tuple[Point, ...]:
    """The measured points of the response, by rising strength.

    First a grid over the span, then bisection between the neighbours where the response first passes each target.
    Points measured for one target are used for the others.
    """
    losses = {place: respond(span.at(place)) for place in np.linspace(0.0, 1.0, NUM_GRID).tolist()}
    for target in targets:
        for _ in range(MAX_BISECTIONS):
            bracket = _first_crossing(sorted(losses.items()), target)
            if bracket is None or min(abs(loss - target) for _, loss in bracket) <= tolerance(target):
                break
            middle = (bracket[0][0] + bracket[1][0]) / 2
            losses[middle] = respond(span.at(middle))
    return tuple((span.at(place), loss) for place, loss in sorted(losses.items()))


def choose_strengths(
    curve: Sequence[Point], span: Span, targets: Sequence[float]
) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Strictly rising strengths, one per target, and notes on targets that were not reached.

    The targets must rise. A strength is where the response first passes its target. Targets that are never reached get
    evenly spaced strengths from the last one found up to the strength of the largest loss, or up to the strongest if
    that one is weak. Targets below the loss at the weakest strength get strengths below the first one found.
    """
    points = [(span.find(strength), loss) for strength, loss in curve]
    num_early = sum(target <= points[0][1] for target in targets)
    found = [
        _interpolate(bracket, target)
        for target in targets[num_early:]
        if (bracket := _first_crossing(points, target)) is not None
    ]
    end = span.find(_find_most(curve)[0])
    end = end if end > _TRUSTED else 1.0
    while found and found[-1] >= end - 1e-6 and num_early + len(found) < len(targets):
        found.pop()  # leaves no room above it for targets that are not reached
    num_late = len(targets) - num_early - len(found)
    first, last = (found[0], found[-1]) if found else (end / 2, end / 2 if num_early else 0.0)
    early = [first * number / num_early for number in range(num_early)]
    late = [last + (end - last) * number / num_late for number in range(1, num_late + 1)]
    strengths = _round([span.at(place) for place in (*early, *found, *late)], span.neutral)
    notes = [*_describe_ends(curve, targets, (num_early, num_late), span.at(end)), *_describe_falls(curve)]
    return strengths, tuple(notes)


def raise_ineffective(strengths: Sequence[float], curve: Sequence[Point], span: Span) -> tuple[float, ...]:
    """The strengths, with those that have no effect moved up, for corruptions with discrete steps such as whole pixels.

    They are spaced evenly from the first strength of the curve that has an effect to the next one above it. A loss of
    exactly 0 at the weak end means unchanged images.
    """
    active = next((strength for strength, loss in curve if loss != 0.0), strengths[0])
    if curve[0][1] != 0.0 or strengths[0] >= active:
        return tuple(strengths)
    num_idle = sum(strength <= active for strength in strengths)
    above = strengths[num_idle] if num_idle < len(strengths) else span.strongest
    first, last = span.find(active), span.find(above)
    places = [first + (last - first) * number / num_idle for number in range(num_idle)]
    return _round([*map(span.at, places), *strengths[num_idle:]], active * (1.0 - 1e-12))


def _first_crossing(points: Sequence[Point], target: float) -> tuple[Point, Point] | None:
    """The neighbouring points between which the response first passes the target; None if never, or from the start."""
    for below, above in itertools.pairwise(points):
        if below[1] >= target:
            return None
        if above[1] >= target:
            return below, above
    return None


def _find_most(curve: Sequence[Point]) -> Point:
    """The point of the largest loss; of points that differ only by noise, the strongest."""
    most = max(loss for _, loss in curve)
    return next(point for point in reversed(curve) if point[1] >= most - tolerance(most))


def _interpolate(bracket: tuple[Point, Point], target: float) -> float:
    (start, low), (end, high) = bracket
    return start + (end - start) * (target - low) / (high - low)


def _round(strengths: Sequence[float], neutral: float) -> tuple[float, ...]:
    """The strengths rounded to as few digits as keep them rising and above `neutral`."""
    for digits in _DIGITS:
        rounded = tuple(float(f"{strength:.{digits}g}") for strength in strengths)
        if all(low < high for low, high in itertools.pairwise((neutral, *rounded))):
            return rounded
    return tuple(strengths)


def _describe_ends(curve: Sequence[Point], targets: Sequence[float], numbers: tuple[int, int], end: float) -> list[str]:
    (num_early, num_late), notes = numbers, list[str]()
    if num_early:
        notes.append(
            f"loses {curve[0][1]:.1f} points already at the weakest value looked at, {curve[0][0]:g}; severities up to "
            f"{num_early} are spread below those that were found"
        )
    strength, most = _find_most(curve)
    if num_late and targets[-1] - most > tolerance(targets[-1]):
        first = len(targets) - num_late + 1
        which = f"severities {first} to {len(targets)} are" if num_late > 1 else f"severity {first} is"
        notes.append(f"reached only {max(most, 0.0):.1f} points, at {strength:.3g}; {which} spread up to {end:.3g}")
    return notes


def _describe_falls(curve: Sequence[Point]) -> list[str]:
    """One note if the loss falls with rising strength by more than noise; else empty."""
    (peak, most), (strength, loss) = curve[0], curve[0]
    highest = curve[0]
    for point in curve:
        highest = max(highest, point, key=lambda one: one[1])
        if highest[1] - point[1] > most - loss:
            (peak, most), (strength, loss) = highest, point
    if most - loss <= tolerance(most):
        return []
    return [
        f"does not rise throughout: the loss falls from {most:.1f} points at {peak:.3g} to {loss:.1f} at {strength:.3g}"
    ]
