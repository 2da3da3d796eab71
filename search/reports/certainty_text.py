"""The certainty of a front in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from paretoseg.trainables.scoring.resampling import COVERAGE

if TYPE_CHECKING:  # a caller that has one has paid for the import
    from paretoseg.search.fronts.certainty import Certainty, Comparison, Interval
    from paretoseg.trainables.scoring.absent_count import AbsentCount

CAPTION = f"Intervals hold {COVERAGE:.0%} of resampled validation sets; noise of another training seed is not in them."
"""What the intervals of a front mean."""


def format_interval(interval: Interval | None) -> str:
    """An interval for a table, such as '[.671 .697]'; '[-]' for none."""
    return f"[{_shorten(interval.low)} {_shorten(interval.high)}]" if interval else "[-]"


def describe_certainty(certainty: Certainty) -> list[str]:
    """All sentences on it: the ends, the neighbours, what has no interval, and what an interval is."""
    ends = [describe_ends(certainty.ends)] if certainty.ends else []
    has_more = len(certainty.neighbours) > 1 and any(pair.intervals for pair in certainty.neighbours)
    neighbours = [_describe_neighbours(certainty.neighbours)] if has_more else []
    gaps = [f"No interval for {name}: {reason}." for name, reason in certainty.gaps.items()]
    left_out = describe_absent(certainty.absent.values())
    return [*ends, *neighbours, *gaps, *left_out, *([CAPTION] if len(gaps) < 2 else [])]


def describe_absent(counts: Iterable[AbsentCount]) -> list[str]:
    """One line on the classes that the means of clean images leave out, over the networks; else empty."""
    counts = [count for count in counts if count.classes]
    if not counts:
        return []
    classes, cases = (_span(getattr(count, name) for count in counts) for name in ("classes", "cases"))
    return [
        f"Left out of accuracy, in neither mask of a case: {classes} of {counts[0].all_classes} classes of all cases; "
        f"so {cases} of {counts[0].all_cases} cases have no score."
    ]


def _span(numbers: Iterable[int]) -> str:
    known = sorted({*numbers})
    return f"{known[0]} to {known[-1]}" if len(known) > 1 else str(known[0])


def describe_ends(ends: Comparison) -> str:
    """The difference between the ends of a front, and whether it is more than noise."""
    verdict = f": {_judge(ends)}" if ends.intervals else ""
    differences = ", ".join(_describe_differences(ends))
    return f"Ends: trial {ends.first} minus trial {ends.second}: {differences}{verdict}."


def _describe_differences(pair: Comparison) -> Iterator[str]:
    for name, value in pair.differences.items():
        interval = pair.intervals.get(name)
        bounds = f" ({_shorten(interval.low)} to {_shorten(interval.high)})" if interval else ""
        yield f"{name} {'+' if value >= 0 else ''}{_shorten(value)}{bounds}"


def _describe_neighbours(pairs: Sequence[Comparison]) -> str:
    """The pairs of neighbours by verdict; those that differ in every objective come last."""
    groups: dict[str, list[str]] = {}
    for pair in sorted(pairs, key=lambda pair: len(pair.distinct)):
        groups.setdefault(_judge(pair), []).append(f"{pair.first} and {pair.second}")
    if len(groups) == 1:
        return f"Neighbours on the front: all {len(pairs)} pairs {next(iter(groups))}."
    parts = "; ".join(f"{verdict}: {', '.join(members)}" for verdict, members in groups.items())
    return f"Neighbours on the front: {parts}."


def _judge(pair: Comparison) -> str:
    if not pair.distinct:
        return "within noise"
    is_all = len(pair.distinct) == len(pair.differences)
    return "more than noise" if is_all else f"more than noise in {' and '.join(pair.distinct)} alone"


def _shorten(value: float) -> str:
    """Three decimals without a zero before the point; 0 has no sign."""
    text = f"{value:.3f}"
    text = text.removeprefix("-") if float(text) == 0.0 else text
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text
