"""The complexity of a dataset as a table for the terminal, and as flat rows for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from paretoseg.search.reports.fitting_table import FittingTable
from paretoseg.trainables.complexity.complexity import COMPLEXITY, RING_PIXELS, Harder
from paretoseg.trainables.complexity.summary import Summary
from paretoseg.trainables.scoring.resampling import COVERAGE

_ARROWS = {Harder.LOWER: "v", Harder.HIGHER: "^", Harder.NEITHER: " "}
"""Characters that every terminal has."""


def complexity_table(name: str, summaries: Sequence[Summary]) -> Table:
    """The summaries, a row each, grouped by shift set and class.

    Args:
        name: Name of the dataset.
        summaries: The summaries, in the order in which they are shown.
    """
    table = FittingTable(title=escape(f"Complexity of {name}"), padding=(0, 0), collapse_padding=True)
    table.add_column("class and measure", overflow="fold")
    for title in ("mean", f"{COVERAGE:.0%} interval", "median", "quartiles", "cases"):
        table.add_column(title, justify="right", no_wrap=True)
    before = None
    for summary in summaries:
        place = (summary.shift, summary.label)
        if place != before:
            if before is not None:
                table.add_section()
            table.add_row(f"[bold]{escape(summary.label)}[/]{escape(f', {summary.shift}' if summary.shift else '')}")
        table.add_row(*_cells(summary))
        before = place
    table.caption = escape(_describe(summaries))
    return table


def complexity_rows(summaries: Sequence[Summary]) -> list[dict[str, Any]]:
    """The summaries as flat rows: shift, class, measure, unit, harder, numbers of cases and subjects, and values."""
    rows = []
    for summary in summaries:
        values = {"class" if name == "label" else name: value for name, value in vars(summary).items()}
        measure = COMPLEXITY[summary.measure]
        rows.append(values | {"unit": measure.unit, "harder": measure.harder.value})
    return rows


def _cells(summary: Summary) -> list[str]:
    count = str(summary.num_cases) + (f" (-{summary.num_left_out})" if summary.num_left_out else "")
    return [
        f"{summary.measure} {_ARROWS[COMPLEXITY[summary.measure].harder]}",
        _number(summary.mean),
        _range(summary.low, summary.high),
        _number(summary.median),
        _range(summary.quartile_1, summary.quartile_3),
        count,
    ]


def _describe(summaries: Sequence[Summary]) -> str:
    notes = [
        f"↓ lower is harder, ↑ higher is. Ring: {RING_PIXELS} pixels wide. Intervals of the mean: resampled subjects."
    ]
    if any(summary.low is None and summary.num_cases for summary in summaries):
        notes.append("No interval with one subject.")
    if any(summary.num_left_out for summary in summaries):
        notes.append("(-n): n cases are left out, as they do not hold the class or have no such measure.")
    return " ".join(notes)


def _range(low: float | None, high: float | None) -> str:
    return "-" if low is None or high is None else f"{_number(low)}..{_number(high)}"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if abs(value) < 0.1 else f"{value:.3f}"
