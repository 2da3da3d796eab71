"""The complexity of a dataset as a picture: every case, measure by measure."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from paretoseg.trainables.complexity.complexity import COMPLEXITY, ComplexityRow, Harder
from paretoseg.trainables.complexity.summary import Summary
from paretoseg.trainables.scoring.resampling import COVERAGE

MAX_STRIPS = 24
"""More strips than these cannot be read; only the first ones are drawn."""

_COLOURS = ("#2563eb", "#d97706", "#059669", "#9333ea", "#dc2626", "#0891b2", "#65a30d", "#be185d")
_MEAN = "#111827"
_SHOWN = tuple(name for name, measure in COMPLEXITY.items() if measure.harder is not Harder.NEITHER)
_NUM_COLUMNS = 3
_GOLDEN = 0.6180339887
_LOGARITHMIC_FROM = 50.0
"""From this ratio of the largest to the smallest value on, an axis is logarithmic."""


def draw_complexity(name: str, rows: Sequence[ComplexityRow], summaries: Sequence[Summary]) -> bytes:
    """A PNG with a panel a measure: a strip a class (and shift set), a dot a case, and the mean with its interval.

    Dots are coloured by domain where there are a few of them.

    Args:
        name: Name of the dataset.
        rows: The measures of all cases.
        summaries: Their summaries.
    """
    strips = list(dict.fromkeys((summary.shift, summary.label) for summary in summaries))[:MAX_STRIPS]
    domains = list(dict.fromkeys(row.domain for row in rows))
    colours = dict(zip(domains, _COLOURS, strict=False)) if 1 < len(domains) <= len(_COLOURS) else {}
    num_rows = -(-len(_SHOWN) // _NUM_COLUMNS)
    figure = Figure(figsize=(12, num_rows * (1.7 + 0.5 * len(strips))), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(num_rows, _NUM_COLUMNS, squeeze=False, sharey=True).flat
    for axes, measure in zip(panels, _SHOWN, strict=True):
        _draw_panel(axes, [row for row in rows if row.measure == measure], strips, colours)
        _draw_means(axes, [summary for summary in summaries if summary.measure == measure], strips)
        about = COMPLEXITY[measure]
        axes.set_title(f"{about.title}: {about.harder.value} is harder", fontsize=10)
        axes.set_xlabel(f"{measure} [{about.unit}]", fontsize=9)
    num_cases = len({(row.case, row.shift) for row in rows})
    figure.suptitle(
        f"{_plain(name)}: {num_cases} cases, a dot each, and their mean with its {COVERAGE:.0%} interval", fontsize=11
    )
    if colours:
        handles = [
            panels[0].scatter([], [], c=colour, s=16, label=_plain(domain)) for domain, colour in colours.items()
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(colours), fontsize=9, frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _draw_panel(
    axes: Axes, rows: Sequence[ComplexityRow], strips: Sequence[tuple[str, str]], colours: dict[str, str]
) -> None:
    for place, strip in enumerate(strips):
        chosen = [row for row in rows if (row.shift, row.label) == strip]
        # Spread evenly and in the same way every time.
        offsets = ((np.arange(len(chosen)) * _GOLDEN) % 1.0 - 0.5) * 0.6
        dots = [colours.get(row.domain, _COLOURS[0]) for row in chosen]
        axes.scatter([row.value for row in chosen], place + offsets, c=dots, s=13, alpha=0.6, linewidths=0)
    values = [row.value for row in rows]
    if values and min(values) > 0.0 and max(values) > _LOGARITHMIC_FROM * min(values):
        axes.set_xscale("log")
    axes.set_ylim(len(strips) - 0.5, -0.5)
    names = [f"{label}, {shift}" if shift else label for shift, label in strips]
    axes.set_yticks(range(len(strips)), [_plain(name) for name in names])
    axes.tick_params(labelsize=8)
    axes.grid(axis="x", alpha=0.25)


def _draw_means(axes: Axes, summaries: Sequence[Summary], strips: Sequence[tuple[str, str]]) -> None:
    for summary in summaries:
        strip = (summary.shift, summary.label)
        if summary.mean is None or strip not in strips:
            continue
        place = strips.index(strip)
        if summary.low is not None and summary.high is not None:
            axes.plot([summary.low, summary.high], [place, place], color=_MEAN, linewidth=2.2, zorder=3)
        axes.plot([summary.mean], [place], marker="D", color=_MEAN, markersize=5.5, markeredgecolor="white", zorder=4)


def _plain(text: str) -> str:
    """The text for a picture, where a dollar would start a formula."""
    return text.replace("$", r"\$")
