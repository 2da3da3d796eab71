"""What the choices of a candidate are worth, as a forest plot: a row a changed choice, a panel an objective."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from paretoseg.search.ablation.effects import Ablation, Conclusion, Difference
from paretoseg.spaces.objective import Direction, Objective

_BETTER, _WORSE, _NOISE = "#0f766e", "#c2410c", "#64748b"

_ROW_INCHES = 0.42
_LABEL_WIDTH = 34
"""Most characters in a line of a row's label."""


def draw_ablation(ablation: Ablation) -> bytes:
    """A PNG: the difference of neighbour minus candidate in every objective, with its simultaneous interval.

    Green is better than the candidate by more than noise, orange worse, grey within noise. A hollow mark has no
    interval; a row without a mark has no seed in common with the candidate.
    """
    objectives = ablation.objectives
    labels = ["\n".join(textwrap.wrap(effect.change.replace("->", "→"), _LABEL_WIDTH)) for effect in ablation.effects]
    height = 1.5 + _ROW_INCHES * sum(1 + 0.4 * label.count("\n") for label in labels)
    figure = Figure(figsize=(3.0 + 3.1 * len(objectives), height), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(objectives), sharey=True, squeeze=False)[0]
    for axes, objective in zip(panels, objectives, strict=True):
        found = [effect.differences.get(objective.name) for effect in ablation.effects]
        _draw_panel(axes, found, objective)
    panels[0].set_yticks(range(len(labels)), labels, fontsize=9)
    panels[0].set_ylim(len(labels) - 0.4, -0.6)
    figure.suptitle(f"Candidate {ablation.candidate} of {ablation.study} with one choice changed", fontsize=11)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _draw_panel(axes: Axes, differences: Sequence[Difference | None], objective: Objective) -> None:
    axes.axvline(0.0, color="#111827", linewidth=0.9, zorder=1)
    for row, known in enumerate(differences):
        if known is None:
            continue
        colour = _find_colour(known, objective)
        if known.low is None or known.high is None:
            axes.scatter(known.value, row, s=34, facecolors="white", edgecolors=colour, zorder=3)
            continue
        axes.plot([known.low, known.high], [row, row], color=colour, linewidth=1.8, solid_capstyle="butt", zorder=2)
        axes.scatter(known.value, row, s=34, color=colour, zorder=3)
    better = "higher" if objective.direction is Direction.MAXIMISE else "lower"
    axes.set_xlabel(f"{objective.name} [{objective.unit}], {better} is better", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.margins(x=0.12)
    axes.grid(axis="x", alpha=0.25)


def _find_colour(known: Difference, objective: Objective) -> str:
    if known.conclusion is not Conclusion.MORE:
        return _NOISE
    return _BETTER if objective.sign * known.value < 0.0 else _WORSE
