"""A rehearsal as a picture: how the front grows over GPU-hours, and over the hours that the search runs."""

from __future__ import annotations

import io
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from paretoseg.search.rehearsal.comparison import LEVEL, Curve, Outcome
from paretoseg.search.rehearsal.rehearsal import Plan
from paretoseg.search.reports.convergence import name_compute
from paretoseg.search.reports.rehearsal_text import name_option

_COLOURS = ("#475569", "#c2410c", "#1d4ed8", "#15803d", "#a21caf", "#b45309", "#0e7490", "#be123c")
_STYLES = ("-", "--", ":", "-.")
_MAX_BANDS = 6
"""With more options, bands would hide each other."""


def draw_rehearsal(plans: Sequence[Plan], outcomes: Sequence[Sequence[Outcome]]) -> bytes:
    """A PNG with a row per task: on the left over GPU-hours, on the right over hours if workers differ.

    Lines are means over repetitions, bands their intervals; the dotted line is the hypervolume of all recorded
    candidates.
    """
    has_time = len({outcome.option.workers for of_plan in outcomes for outcome in of_plan}) > 1
    figure = Figure(figsize=(5.6 * (1 + has_time) + 1.4, 4.6 * len(plans)), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(plans), 1 + has_time, squeeze=False)
    for plan, of_plan, row in zip(plans, outcomes, grid, strict=True):
        _draw(row[0], plan, of_plan, [outcome.by_spent for outcome in of_plan])
        compute = name_compute(plan.num_gpus)
        row[0].set_xlabel(f"{compute}, all workers together")
        row[0].set_ylabel("hypervolume of the front, higher is better")
        row[0].set_title(f"{plan.study}: {plan.repetitions} simulated searches each", fontsize=10)
        if has_time:
            _draw(row[1], plan, of_plan, [outcome.by_time for outcome in of_plan])
            row[1].set_xlabel("hours that the search runs")
            row[1].set_title("the same over time", fontsize=10)
        row[0].legend(fontsize=8, framealpha=0.9, loc="lower right")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _draw(axes: Axes, plan: Plan, outcomes: Sequence[Outcome], curves: Sequence[Curve]) -> None:
    options = [outcome.option for outcome in outcomes]
    strategies = list(dict.fromkeys((option.strategy, option.pruner) for option in options))
    workers = list(dict.fromkeys(option.workers for option in options))
    for option, curve in zip(options, curves, strict=True):
        colour = _COLOURS[strategies.index((option.strategy, option.pruner)) % len(_COLOURS)]
        style = _STYLES[workers.index(option.workers) % len(_STYLES)]
        label = name_option(option, options)
        axes.step(curve.hours, curve.mean, where="post", color=colour, linestyle=style, linewidth=1.5, label=label)
        if len(options) <= _MAX_BANDS:
            axes.fill_between(curve.hours, curve.low, curve.high, step="post", color=colour, alpha=0.13, linewidth=0)
    axes.axhline(plan.table.hypervolume, color="#9aa5b1", linewidth=0.9, linestyle=":", label="all recorded candidates")
    axes.set_xlim(left=0.0)
    axes.set_ylim(_find_floor(curves), None)
    axes.grid(alpha=0.25)
    if len(options) <= _MAX_BANDS:
        axes.text(0.02, 0.98, f"bands: {LEVEL:.0%} over repetitions", transform=axes.transAxes, fontsize=7, va="top")


def _find_floor(curves: Sequence[Curve]) -> float:
    """Where the axis starts: a little below what every option has soon, as all start from nothing."""
    early = min(float(curve.mean[len(curve.mean) // 8]) for curve in curves)
    return max(0.9 * early, 0.0)
