"""Several fronts in one picture, and the hypervolume of each."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from paretoseg.search.certainty.attainment import find_band
from paretoseg.search.certainty.front_comparison import FrontComparison
from paretoseg.search.reports.picture import scale_axes
from paretoseg.spaces.objective import Direction, Objective

_COLOURS = ("#c2410c", "#0f766e", "#2563eb", "#a16207", "#7c3aed", "#be185d", "#475569")
_MARKERS = "os^DvPX"


def draw_comparison(found: FrontComparison) -> bytes:
    """A PNG: the fronts in the plane of the first two objectives, and the corrected hypervolume of each.

    With three fronts or more, grey staircases bound what one of them attains, and what all do (empirical attainment;
    Fonseca and Fleming, PPSN IV, 1996).
    """
    figure = Figure(figsize=(10.5, 5.0), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    plane, volumes = figure.subplots(1, 2, width_ratios=(2.2, 1.0))
    _draw_plane(plane, found)
    _draw_volumes(volumes, found)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _draw_plane(axes: Axes, found: FrontComparison) -> None:
    first, second = found.objectives[0], found.objectives[min(1, len(found.objectives) - 1)]
    places = (0, min(1, len(found.objectives) - 1))
    is_plane = len(found.objectives) == 2
    for number, (name, losses) in enumerate(zip(found.names, found.losses, strict=True)):
        x, y = (_to_values(item, losses[:, place]) for item, place in zip((first, second), places, strict=True))
        colour, marker = _COLOURS[number % len(_COLOURS)], _MARKERS[number % len(_MARKERS)]
        if is_plane:
            axes.step(x, y, where="post", color=colour, linewidth=1.3, alpha=0.8)
        axes.scatter(x, y, c=colour, marker=marker, s=40, edgecolors="white", linewidths=0.6, label=name, zorder=3)
    if is_plane and len(found.names) > 2:
        band = find_band(found.losses)
        for corners, label in ((band.best, "attained by one, by all"), (band.worst, None)):
            x, y = (_to_values(item, corners[:, place]) for item, place in zip((first, second), places, strict=True))
            axes.step(x, y, where="post", color="#64748b", linewidth=3.5, alpha=0.3, zorder=1, label=label)
    scale_axes(axes, (first, second))
    axes.set_xlabel(_label(first))
    axes.set_ylabel(_label(second))
    axes.margins(0.1)
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8)


def _draw_volumes(axes: Axes, found: FrontComparison) -> None:
    for row, estimate in enumerate(found.hypervolumes):
        colour = _COLOURS[row % len(_COLOURS)]
        axes.scatter(estimate.apparent, row, facecolors="white", edgecolors=colour, s=34, zorder=3)
        if estimate.corrected is not None and estimate.low is not None and estimate.high is not None:
            axes.plot([estimate.low, estimate.high], [row, row], color=colour, linewidth=1.8)
            axes.scatter(estimate.corrected, row, c=colour, s=34, zorder=4)
    axes.set_yticks(range(len(found.names)), found.names, fontsize=8)
    axes.set_ylim(len(found.names) - 0.5, -0.5)
    axes.set_xlabel("hypervolume\n(hollow: as it appears; filled: corrected)", fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(axis="x", alpha=0.25)


def _to_values(objective: Objective, losses: np.ndarray) -> list[float]:
    return [objective.from_loss(float(loss)) for loss in losses]


def _label(objective: Objective) -> str:
    better = "higher" if objective.direction is Direction.MAXIMISE else "lower"
    return f"{objective.name} [{objective.unit}], {better} is better"
