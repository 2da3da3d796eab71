"""Several fronts side by side: as tables for the terminal, in sentences, and as plain values."""

from __future__ import annotations

from typing import Any

from rich.markup import escape
from rich.table import Table

from paretoseg.search.certainty.front_comparison import FrontComparison, list_pairs
from paretoseg.search.certainty.hypervolume import HypervolumeDifference
from paretoseg.search.reports.fitting_table import FittingTable
from paretoseg.search.reports.text import format_number


def comparison_tables(found: FrontComparison) -> list[Table]:
    """A table of the fronts, and one of all pairs."""
    shown = FittingTable(title="Fronts over one reference point")
    shown.add_column("study", overflow="fold")
    for name in ("candidates", "on the front", "hypervolume", "corrected"):
        shown.add_column(name, justify="right", no_wrap=name == "corrected")
    for place, name in enumerate(found.names):
        estimate = found.hypervolumes[place]
        cells = str(found.num_candidates[place]), str(len(found.members[place])), f"{estimate.apparent:.4f}"
        shown.add_row(escape(name), *cells, _format(estimate.corrected, estimate.low, estimate.high))
    pairs = FittingTable(title="Differences, first minus second")
    for name in ("first", "second"):
        pairs.add_column(name, overflow="fold")
    pairs.add_column("hypervolume", justify="right", no_wrap=True)
    for name in ("second covered", "first covered"):
        pairs.add_column(name, justify="right")
    pairs.add_column("verdict", overflow="fold")
    for first, second in list_pairs(len(found.names)):
        one = _find(found, first, second)
        pairs.add_row(
            escape(found.names[first]), escape(found.names[second]),
            _format(one.value, one.low, one.high) if one else "-",
            f"{found.coverages[first][second]:.0%}", f"{found.coverages[second][first]:.0%}",
            _judge(one),
        )  # fmt: skip
    return [shown, pairs]


def describe_comparison(found: FrontComparison) -> list[str]:
    """Which fronts differ by more than noise, and what the numbers mean; in sentences."""
    lines = []
    for one in found.differences:
        if one.is_more_than_noise:
            better, worse = (one.first, one.second) if one.value > 0.0 else (one.second, one.first)
            lines.append(f"{found.names[better]} dominates more than {found.names[worse]}, by more than noise.")
    if found.differences and not lines:
        lines.append("No two fronts differ by more than noise.")
    point = ", ".join(f"{name} {format_number(value)}" for name, value in found.reference.items())
    lines.append(f"Reference point: {point}. Covered: the share of a front's members that the other one matches.")
    if found.num_subjects:
        lines.append(
            f"Intervals are over {found.num_subjects} subjects, the same for all fronts: 95 percent for each front, "
            "simultaneous for the differences. Corrected: one half of the subjects chooses the front, the other half "
            "scores it."
        )
    lines += found.notes
    lines.append("Another run of a search, or other training seeds, would give other fronts: no interval holds that.")
    return lines


def comparison_rows(found: FrontComparison) -> dict[str, Any]:
    """Everything as plain JSON values."""
    return {
        "reference": dict(found.reference),
        "num_subjects": found.num_subjects,
        "studies": [
            {
                "study": name,
                "num_candidates": found.num_candidates[place],
                "front": list(found.members[place]),
                "hypervolume": found.hypervolumes[place].apparent,
                "hypervolume_corrected": found.hypervolumes[place].corrected,
                "hypervolume_low": found.hypervolumes[place].low,
                "hypervolume_high": found.hypervolumes[place].high,
            }
            for place, name in enumerate(found.names)
        ],
        "differences": [_to_row(found, first, second) for first, second in list_pairs(len(found.names))],
        "notes": list(found.notes),
    }


def _to_row(found: FrontComparison, first: int, second: int) -> dict[str, Any]:
    one = _find(found, first, second)
    return {
        "first": found.names[first],
        "second": found.names[second],
        "difference": one.value if one else None,
        "low": one.low if one else None,
        "high": one.high if one else None,
        "is_more_than_noise": one.is_more_than_noise if one else None,
        "second_covered": found.coverages[first][second],
        "first_covered": found.coverages[second][first],
    }


def _find(found: FrontComparison, first: int, second: int) -> HypervolumeDifference | None:
    return next((one for one in found.differences if (one.first, one.second) == (first, second)), None)


def _judge(one: HypervolumeDifference | None) -> str:
    if one is None:
        return "not known"
    return "more than noise" if one.is_more_than_noise else "within noise"


def _format(value: float | None, low: float | None, high: float | None) -> str:
    return "-" if value is None else f"{value:.4f} [{low:.4f} {high:.4f}]"
