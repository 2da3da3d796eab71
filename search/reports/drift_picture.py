"""How a rescoring moves the front, as a picture: an arrow a trial, and both fronts."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from paretoseg.search.fronts.drift import Drift, Move
from paretoseg.search.fronts.front import Front
from paretoseg.search.trials.trial import Trial
from paretoseg.spaces.objective import Direction, Objective

_BEFORE, _AFTER = "#9aa5b1", "#c2410c"


def draw_drift(title: str, drift: Drift, objectives: Sequence[Objective]) -> bytes:
    """A PNG in the plane of the first two objectives, on validation cases.

    Grey is what the study measured, orange what the rescoring measured; an arrow leads from one to the other. Filled
    marks are on their front, hollow ones are not, a cross is a network that counts as broken now.
    """
    figure = Figure(figsize=(8, 5.5), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    first, second = objectives[:2]
    names = first.name, second.name
    _draw_front(axes, drift.front_before, names, _BEFORE, f"front before ({len(drift.front_before.trials)})")
    _draw_front(axes, drift.front_after, names, _AFTER, f"front after ({len(drift.front_after.trials)})")
    for move in drift.moves:
        _draw_move(axes, move, names)
    axes.scatter([], [], facecolors="none", edgecolors=_AFTER, label="not on the front after")
    if any(move.after.degenerate for move in drift.moves):
        axes.scatter([], [], marker="x", c=_AFTER, label="counts as broken now")
    axes.set_xlabel(_label(first))
    axes.set_ylabel(_label(second))
    axes.set_title(title, fontsize=11)
    axes.margins(0.08)
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8, framealpha=0.9)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _draw_front(axes: Axes, front: Front, names: tuple[str, str], colour: str, label: str) -> None:
    points = np.array([_place(trial, names) for trial in front.trials]).reshape(-1, 2)
    # Best first in the first objective: up to the next member, nothing better in the second one was attained.
    axes.step(points[:, 0], points[:, 1], where="post", color=colour, linewidth=1.2, alpha=0.8, label=label, zorder=2)


def _draw_move(axes: Axes, move: Move, names: tuple[str, str]) -> None:
    start, end = _place(move.before, names), _place(move.after, names)
    if start != end:
        axes.annotate(
            "",
            end,
            xytext=start,
            arrowprops={"arrowstyle": "->", "color": "#475569", "lw": 0.9, "shrinkA": 4, "shrinkB": 4, "alpha": 0.8},
            zorder=1,
        )
    _draw_mark(axes, start, _BEFORE, is_filled=move.was_on_front)
    if move.after.degenerate:
        axes.scatter(*end, marker="x", c=_AFTER, s=46, zorder=4)
    else:
        _draw_mark(axes, end, _AFTER, is_filled=move.is_on_front)
    axes.annotate(str(move.before.trial_id), end, xytext=(6, 6), textcoords="offset points", fontsize=8, color=_AFTER)


def _draw_mark(axes: Axes, place: tuple[float, float], colour: str, *, is_filled: bool) -> None:
    axes.scatter(*place, s=42, facecolors=colour if is_filled else "white", edgecolors=colour, linewidths=1.1, zorder=3)


def _place(trial: Trial, names: tuple[str, str]) -> tuple[float, float]:
    return trial.objectives[names[0]], trial.objectives[names[1]]


def _label(objective: Objective) -> str:
    better = "higher" if objective.direction is Direction.MAXIMISE else "lower"
    return f"{objective.name} [{objective.unit}], {better} is better"
