"""Finds the strengths of a corruption at which a network loses given amounts. Free of torch.

The network comes as a `Network`, which says what it loses at any strength.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from paretoseg.trainables.severities.calibration import REVERSAL, TARGETS, CalibratedCorruption, span_of
from paretoseg.trainables.severities.levels import LEVELS, Strengths
from paretoseg.trainables.severities.response import Span, choose_rising, trace_response
from paretoseg.trainables.severities.strengths import check_strengths

MANY_REVERSALS = 0.1
"""Share of the cases above which reversals are noted."""

_FEW_CASES = 1.5
"""Dice points by which a loss may miss a small target without a note."""

_SHORTER = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
"""Positions in a span to try as its strong end, where a corruption may leave nothing of a label."""


@dataclass(frozen=True)
class SeverityResult:
    """What five strengths of a corruption do to the reference network and to the images."""

    lost: tuple[float, ...]
    """Dice points lost at severity 1 to 5, the mean over cases."""

    reversals: tuple[float, ...]
    """As in `CalibratedCorruption`."""

    ssim: tuple[float, ...]
    """As in `CalibratedCorruption`."""


@runtime_checkable
class Network(Protocol):
    """A trained network whose losses under corruptions can be measured, in Dice points."""

    def measure_loss(self, corruption: str, strength: float) -> float:
        """The loss at a strength; every case has the same random draw at all strengths."""
        ...

    def measure_severities(self, corruption: str, strengths: Strengths) -> SeverityResult:
        """The result at severity 1 to 5 of these strengths, with the same draws."""
        ...

    def find_lost(self, corruption: str, strength: float) -> Sequence[str]:
        """The cases whose label would lose a class at a strength; they are not measured there."""
        ...


def calibrate_corruption(network: Network, name: str) -> CalibratedCorruption:
    """The strengths of one corruption at which the network loses the targets, with all measurements."""
    span, notes = _find_usable(network, name)

    def respond(strength: float) -> float:
        return network.measure_loss(name, strength)

    chosen, curve, shortfalls = choose_rising(respond, trace_response(respond, span, TARGETS), span, TARGETS)
    strengths = check_strengths(name, chosen)
    result = network.measure_severities(name, strengths)
    lost = tuple(round(loss, 2) + 0.0 for loss in result.lost)  # no -0.0
    most = max(loss for _, loss in curve)
    return CalibratedCorruption(
        LEVELS[name].parameter,
        strengths,
        lost,
        tuple((float(f"{strength:.6g}"), round(loss, 2)) for strength, loss in curve),
        (*notes, *shortfalls, *describe_misses(lost, most), *describe_reversals(result.reversals)),
        tuple(round(share, 4) for share in result.reversals),
        tuple(round(similarity, 4) for similarity in result.ssim),
    )


def describe_misses(lost: Sequence[float], most: float) -> list[str]:
    """Notes on losses that are far from the targets (`is_far`) or fall.

    Args:
        lost: Dice points at severity 1 to 5.
        most: The largest loss in Dice points; other notes report targets above it.
    """
    far = [
        f"severity {severity} loses {loss:.1f} points, not {target:g}"
        for severity, (loss, target) in enumerate(zip(lost, TARGETS, strict=True), start=1)
        if target <= most and is_far(loss, target)
    ]
    falls = [
        f"severity {severity + 1} loses less than severity {severity}"
        for severity, (low, high) in enumerate(itertools.pairwise(lost), start=1)
        if high < low
    ]
    return [*far, *falls]


def find_reversals(dice: Sequence[Mapping[str, float]]) -> tuple[float, ...]:
    """The share of the cases whose Dice rises by more than `REVERSAL` from each severity to the next.

    Args:
        dice: For each severity the Dice of every case, 0 to 1; cases that a severity lacks do not count there.
    """
    shares = []
    for weak, strong in itertools.pairwise(dice):
        rises = [100.0 * (strong[case] - weak[case]) for case in weak.keys() & strong.keys()]
        shares.append(sum(rise > REVERSAL for rise in rises) / len(rises) if rises else 0.0)
    return tuple(shares)


def describe_reversals(reversals: Sequence[float]) -> list[str]:
    """One note if the Dice of many cases rises with severity; else empty."""
    most = max(reversals, default=0.0)
    if most <= MANY_REVERSALS:
        return []
    severity = [*reversals].index(most) + 1
    return [f"{100 * most:.0f} % of the cases lose less at severity {severity + 1} than at {severity}"]


def is_far(loss: float, target: float) -> bool:
    """Whether a loss misses its target by more than a factor of two, and by more than a difference of a few cases."""
    return not target / 2 <= loss <= 2 * target and abs(loss - target) > _FEW_CASES


def _find_usable(network: Network, name: str) -> tuple[Span, list[str]]:
    """The span of a corruption without the strong end that moves a class out of a case's label, with a note on that.

    Where even half of the span does so, the cases are left out at these strengths.

    Raises:
        ValueError: if no strength of that half leaves a case.
    """
    span, gone = span_of(name), set[str]()
    for place in _SHORTER:
        lost = set(network.find_lost(name, span.at(place)))
        if not lost:
            break
        gone = lost
    if not gone:
        return span, []
    end, named = span.at(place), ", ".join(sorted(gone)[:3]) + (" and others" if len(gone) > 3 else "")
    note = f"not measured beyond {end:.3g}, where a class would be moved out of {named}"
    if lost:
        note = f"not measured beyond {end:.3g}, and without {named}, out of which a class would be moved before that"
    return Span(span.neutral, span.weakest, end), [note]
