"""A rung as a picture: what its candidates had reached when some of them were stopped."""

from __future__ import annotations

import io
from collections import Counter

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from paretoseg.search.reports.picture import scale_axes
from paretoseg.search.reports.stopping_data import describe_fate
from paretoseg.search.strategies.rung import is_member
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.receipt import Dominator, Receipt
from paretoseg.search.trials.trial import State, Trial
from paretoseg.spaces.objective import Direction, Objective

_MARKS = {
    "on the front": ("o", "#0f766e"),
    "went on": ("o", "#9aa5b1"),
    "went on later": ("^", "#2563eb"),
    "control": ("D", "#c2410c"),
    "stopped": ("x", "#475569"),
}
"""Mark and colour by what became of a trial."""


def draw_rung(record: StudyRecord) -> bytes | None:
    """A PNG of the rung at which most trials were judged, in the plane of the first two objectives.

    Crosses were stopped. For the last of them, an arrow leads from its best dominator, and the grey box is the noise: a
    trial inside of it, or beside or above of it, goes on. None if no trial was judged, or there is one objective.
    """
    receipts = [(trial, trial.receipt) for trial in record.trials if trial.receipt is not None]
    if not receipts or len(record.objectives) < 2:
        return None
    [(step, _)] = Counter(receipt.step for _, receipt in receipts).most_common(1)
    figure = Figure(figsize=(8, 5.5), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    first, second = record.objectives[:2]
    _draw_trials(axes, record, step)
    stopped = [(trial, one) for trial, one in receipts if one.step == step and describe_fate(trial) == "stopped"]
    if stopped:
        _draw_lead(axes, record, *stopped[-1])
    scale_axes(axes, (first, second))
    axes.set_xlabel(_label(first, step))
    axes.set_ylabel(_label(second, step))
    axes.set_title(f"{record.created.study}: the rung of step {step}", fontsize=11)
    axes.margins(0.08)
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8, framealpha=0.9)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _draw_trials(axes: Axes, record: StudyRecord, step: int) -> None:
    names = [objective.name for objective in record.objectives[:2]]
    members = {trial.trial_id for trial in record.front.all_trials}
    places: dict[str, list[tuple[float, float]]] = {fate: [] for fate in _MARKS}
    for trial in record.trials:
        if is_member(trial, step, record.objectives):
            place = trial.reports[step][names[0]], trial.reports[step][names[1]]
            places[_find_fate(trial, step, members)].append(place)
    for fate, (mark, colour) in _MARKS.items():
        if places[fate]:
            label = f"{fate} ({len(places[fate])})"
            x, y = np.array(places[fate]).T
            axes.scatter(x, y, marker=mark, c=colour, s=38, label=label, zorder=3)


def _find_fate(trial: Trial, step: int, members: set[int]) -> str:
    if trial.receipt is not None and trial.receipt.step == step:
        return describe_fate(trial)
    return "on the front" if trial.trial_id in members and trial.state is State.FINISHED else "went on"


def _draw_lead(axes: Axes, record: StudyRecord, trial: Trial, receipt: Receipt) -> None:
    """The lead of the best dominator over a stopped trial, and the noise that it exceeds."""
    first, second = record.objectives[:2]
    if not receipt.dominators or receipt.judged_by[:2] != (first.name, second.name):
        return
    end = trial.reports[receipt.step][first.name], trial.reports[receipt.step][second.name]
    dominator = receipt.dominators[0]
    start, size = place_lead((first, second), end, dominator)
    box = Rectangle(start, *size, color="#9aa5b1", alpha=0.3, zorder=1)
    axes.add_patch(box)
    arrow = {"arrowstyle": "->", "color": "#475569", "lw": 1.0, "shrinkA": 4, "shrinkB": 5}
    axes.annotate("", end, xytext=start, arrowprops=arrow, zorder=2)
    text = f"trial {trial.trial_id}, dominated by {dominator.trial_id}"
    axes.annotate(text, end, xytext=(7, -4), textcoords="offset points", fontsize=8, color="#475569")


def place_lead(
    objectives: tuple[Objective, Objective], end: tuple[float, float], dominator: Dominator
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where the dominator of a trial lies, and how far the noise reaches from there towards worse values.

    Args:
        objectives: Of the two axes.
        end: The trial's own values.
        dominator: With its leads and margins, which are not negative.
    """
    # Towards better values, an objective falls if its sign is 1.
    start = [place - one.sign * dominator.leads[one.name] for one, place in zip(objectives, end, strict=True)]
    size = [one.sign * dominator.margins[one.name] for one in objectives]
    return (start[0], start[1]), (size[0], size[1])


def _label(objective: Objective, step: int) -> str:
    better = "higher" if objective.direction is Direction.MAXIMISE else "lower"
    return f"{objective.name} at step {step} [{objective.unit}], {better} is better"
