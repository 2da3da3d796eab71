"""Response curves: how much a network loses at each strength of a corruption, and which strengths cause given losses.

Free of torch: a response is any function from a strength to a loss. It need not be monotonic, and may never reach a
target; both are reported in notes. Strengths are chosen on the isotonic fit of what was measured.
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

MAX_ROUNDS = 3
"""How often strengths are chosen again because the losses measured at them fall."""

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

    First a grid over the span, then bisection between the neighbours where the isotonic fit passes each target. Points
    measured for one target are used for the others.
    """
    losses = {place: respond(_strength_at(span, place)) for place in np.linspace(0.0, 1.0, NUM_GRID).tolist()}
    for target in targets:
        for _ in range(MAX_BISECTIONS):
            bracket = _first_crossing(_fit_rising_part(sorted(losses.items())), target)
            if bracket is None or min(abs(loss - target) for _, loss in bracket) <= tolerance(target):
                break
            middle = (bracket[0][0] + bracket[1][0]) / 2
            if middle in losses:
                break
            losses[middle] = respond(_strength_at(span, middle))
    return tuple((_strength_at(span, place), loss) for place, loss in sorted(losses.items()))


def fit_monotone(curve: Sequence[Point]) -> tuple[Point, ...]:
    """The points with the nearest losses that never fall with rising strength: isotonic regression by least squares.

    Args:
        curve: By rising strength, at least one point.
    """
    from scipy.optimize import isotonic_regression  # late: a third of a second

    fitted = isotonic_regression([loss for _, loss in curve]).x
    return tuple((strength, float(loss)) for (strength, _), loss in zip(curve, fitted, strict=True))


def interpolate_losses(curve: Sequence[Point], strengths: Sequence[float]) -> list[float]:
    """The losses at strengths on the isotonic fit of a curve: linear between its points, constant beyond its ends."""
    measured, lost = zip(*fit_monotone(curve), strict=True)
    return [float(loss) for loss in np.interp(strengths, measured, lost)]


def choose_strengths(
    curve: Sequence[Point], span: Span, targets: Sequence[float]
) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Strictly rising strengths, one per target, and notes on targets that were not reached.

    The targets must rise. A strength is where the isotonic fit passes its target. The fit ends at the largest loss, if
    that is not weak. Targets that are never reached get evenly spaced strengths from the last one found up to there.
    Targets below the loss at the weakest strength get strengths below the first one found.
    """
    points = _fit_rising_part([(span.find(strength), loss) for strength, loss in curve])
    num_early = sum(target <= points[0][1] for target in targets)
    found = [
        _interpolate(bracket, target)
        for target in targets[num_early:]
        if (bracket := _first_crossing(points, target)) is not None
    ]
    end = points[-1][0]
    while found and found[-1] >= end - 1e-6 and num_early + len(found) < len(targets):
        found.pop()  # leaves no room above it for targets that are not reached
    num_late = len(targets) - num_early - len(found)
    first, last = (found[0], found[-1]) if found else (end / 2, end / 2 if num_early else 0.0)
    early = [first * number / num_early for number in range(num_early)]
    late = [last + (end - last) * number / num_late for number in range(1, num_late + 1)]
    strengths = _round([span.at(place) for place in (*early, *found, *late)], span.neutral)
    ends = [(span.at(place), loss) for place, loss in (points[0], points[-1])]
    notes = [*_describe_ends(ends, targets, (num_early, num_late)), *_describe_falls(curve)]
    return strengths, tuple(notes)


def choose_rising(
    respond: Callable[[float], float], curve: Sequence[Point], span: Span, targets: Sequence[float]
) -> tuple[tuple[float, ...], tuple[Point, ...], tuple[str, ...]]:
    """Strengths at which the measured losses do not fall, all measured points, and notes on targets.

    Where losses fall at the chosen strengths, these measurements join the curve and strengths are chosen again. If they
    still fall after `MAX_ROUNDS`, the nearest measured strengths whose losses do not fall are taken; without such ones
    the last choice stays.
    """
    losses = dict(curve)
    for _ in range(MAX_ROUNDS):
        curve = sorted(losses.items())
        chosen, notes = choose_strengths(curve, span, targets)
        strengths = raise_ineffective(chosen, curve, span)
        for strength in strengths:
            if strength not in losses:
                losses[strength] = respond(strength)
        if all(losses[low] <= losses[high] for low, high in itertools.pairwise(strengths)):
            break
    else:
        moved = _find_nearest_rising(sorted(losses.items()), span, strengths)
        if moved is not None:
            strengths = moved
            notes = (*notes, "moved to the nearest strengths that were measured and at which losses do not fall")
    return strengths, tuple(sorted(losses.items())), notes


def _find_nearest_rising(points: Sequence[Point], span: Span, wanted: Sequence[float]) -> tuple[float, ...] | None:
    """As many measured strengths as wanted ones, nearest to them, whose losses do not fall; None if there are none.

    Near in the sum of distances of positions in the span. Strengths without any effect are left out.
    """
    idle = next((place for place, (_, loss) in enumerate(points) if loss != 0.0), 0)
    points = points[idle:]
    best: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    for strength in wanted:
        place = span.find(strength)
        ends = []
        for number, (own, loss) in enumerate(points):
            before = [
                (cost, chosen)
                for cost, chosen in best
                if not chosen or (chosen[-1] < number and points[chosen[-1]][1] <= loss)
            ]
            if before:
                cost, chosen = min(before)
                ends.append((cost + abs(span.find(own) - place), (*chosen, number)))
        best = ends
    return tuple(points[number][0] for number in min(best)[1]) if best else None


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


def _fit_rising_part(points: Sequence[Point]) -> tuple[Point, ...]:
    """The isotonic fit of the points up to the largest loss; of all points if the largest loss is at a weak strength.

    Args:
        points: Position in the span and loss.
    """
    most = max(loss for _, loss in points)
    # Of points that differ only by noise, the strongest.
    peak = max(number for number, (_, loss) in enumerate(points) if loss >= most - tolerance(most))
    return fit_monotone(points[: peak + 1] if points[peak][0] > _TRUSTED else points)


def _strength_at(span: Span, place: float) -> float:
    """The strength at a position, with few digits in its distance to `neutral`."""
    strength = span.at(place)
    return strength if place >= 1.0 else span.neutral + float(f"{strength - span.neutral:.4g}")


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


def _describe_ends(ends: Sequence[Point], targets: Sequence[float], numbers: tuple[int, int]) -> list[str]:
    (num_early, num_late), notes = numbers, list[str]()
    (weakest, least), (strongest, most) = ends
    if num_early:
        notes.append(
            f"loses {least:.1f} points already at the weakest value looked at, {weakest:g}; severities up to "
            f"{num_early} are spread below those that were found"
        )
    if num_late and targets[-1] - most > tolerance(targets[-1]):
        first = len(targets) - num_late + 1
        which = f"severities {first} to {len(targets)} are" if num_late > 1 else f"severity {first} is"
        notes.append(f"reached only {max(most, 0.0):.1f} points, at {strongest:.3g}; {which} spread up to it")
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
