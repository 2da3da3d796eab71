"""The front as a picture."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from paretoseg.search.certainty.attainment import find_band
from paretoseg.search.certainty.certainty import Certainty
from paretoseg.search.certainty.confirming import LEAST_SEEDS
from paretoseg.search.fronts.front import Front
from paretoseg.search.reports.robustness_text import flag_collapse
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.trial import Trial
from paretoseg.spaces.domain import Choice
from paretoseg.spaces.objective import Direction, Objective, to_losses
from paretoseg.spaces.search_space import DIMENSIONS
from paretoseg.trainables.scoring.resampling import COVERAGE

_OTHER, _FRONT = "#9aa5b1", "#c2410c"
_SKIPS = DIMENSIONS["skip"]
assert isinstance(_SKIPS, Choice)
_MARKERS = dict(zip(_SKIPS.options, "vosD^PXp", strict=False))
_BAR: Mapping[str, Any] = {"color": _FRONT, "linewidth": 0.8, "markersize": 5, "alpha": 0.6, "zorder": 2}
_BAND: Mapping[str, Any] = {"color": "#1d4ed8", "linewidth": 0.9, "linestyle": "--", "alpha": 0.6, "zorder": 1}
_INFEASIBLE = "#e5c3c3"
_BOUND: Mapping[str, Any] = {"color": "#7f1d1d", "linewidth": 1.0, "linestyle": "-.", "alpha": 0.8, "zorder": 1}
_BASELINE = "#15803d"
_RING: Mapping[str, Any] = {"s": 130, "facecolors": "none", "edgecolors": _BASELINE, "linewidths": 1.6, "zorder": 4}
_MAX_LABELS = 12


def draw_front(record: StudyRecord, certainty: Certainty | None = None) -> bytes:
    """A PNG of all finished trials in the plane of the first two objectives, the front drawn through its members.

    The marker shows the skip connection; front members carry their trial's id, and hollow marks show what they reached
    on test cases. A ring with a name marks a baseline. Thin bars are the intervals of the members, if they are known.
    Dashed lines show what the candidates with several seeds attain under one of them, and under all.
    """
    figure = Figure(figsize=(8, 5.5), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    first, second = record.objectives[:2]
    front = record.front
    members = {result.number for result in front.results}
    others = [result.as_trial for result in record.results if result.number not in members]
    infeasible = {result.number for result in record.results if not result.is_feasible}
    _draw_trials(axes, [trial for trial in others if trial.trial_id not in infeasible], (first, second), _OTHER)
    _draw_trials(axes, [trial for trial in others if trial.trial_id in infeasible], (first, second), _INFEASIBLE)
    if len(record.objectives) == 2:
        _draw_staircase(axes, front, (first, second))
    _draw_trials(axes, front.trials, (first, second), _FRONT)
    has_band = _draw_band(axes, record)
    if certainty:
        _draw_intervals(axes, front.trials, (first, second), certainty)
    _draw_test(axes, front.trials, (first, second))
    for trial in _choose_labelled(front):
        place = (trial.objectives[first.name], trial.objectives[second.name])
        axes.annotate(_name(trial), place, xytext=(6, 6), textcoords="offset points", fontsize=8, color=_FRONT)
    _draw_baselines(axes, record)
    scale_axes(axes, (first, second))
    has_bounds = _draw_bounds(axes, record)
    axes.set_xlabel(_label(first))
    axes.set_ylabel(_label(second))
    axes.set_title(f"{record.created.study}: {len(front.results)} of {len(record.results)} candidates on the front")
    axes.grid(alpha=0.25)
    has_intervals = certainty is not None and any(
        certainty.find_estimate(result.number, first.name) or certainty.find_estimate(result.number, second.name)
        for result in front.results
    )
    has_test = any(trial.test for trial in front.trials)
    if has_bounds:
        axes.plot([], [], label="constraint", **_BOUND)
    if infeasible:
        axes.scatter([], [], c=_INFEASIBLE, label="breaks a constraint")
    _draw_legend(axes, [*others, *front.trials], has_test=has_test, has_intervals=has_intervals, has_band=has_band)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _draw_trials(axes: Axes, trials: Sequence[Trial], objectives: tuple[Objective, Objective], colour: str) -> None:
    for skip, marker in _MARKERS.items():
        chosen = [trial.objectives for trial in trials if trial.candidate.architecture.skip == skip]
        if chosen:
            x, y = ([values[objective.name] for values in chosen] for objective in objectives)
            axes.scatter(x, y, c=colour, marker=marker, s=42, edgecolors="white", linewidths=0.6, zorder=3)


def _draw_baselines(axes: Axes, record: StudyRecord) -> None:
    """A ring around every baseline, with its name."""
    first, second = (item.name for item in record.objectives[:2])
    for result in record.results:
        if name := record.created.name_baseline(result.candidate):
            place = result.objectives[first], result.objectives[second]
            axes.scatter(*place, **_RING)
            axes.annotate(name, place, xytext=(8, -12), textcoords="offset points", fontsize=8, color=_BASELINE)


def scale_axes(axes: Axes, objectives: tuple[Objective, Objective]) -> None:
    """Gives costs a logarithmic axis, as they have in the hypervolume."""
    for item, set_scale in zip(objectives, (axes.set_xscale, axes.set_yscale), strict=True):
        if item.ideal is not None:
            set_scale("log")


def _draw_bounds(axes: Axes, record: StudyRecord) -> bool:
    """A line across the picture for every constraint on one of its axes; False if there is none."""
    lines = zip(record.objectives[:2], (axes.axvline, axes.axhline), strict=True)
    bounds = [(draw, item.bound) for one, draw in lines for item in record.constraints if item.name == one.name]
    for draw, bound in bounds:
        draw(bound, **_BOUND)
    return bool(bounds)


def _draw_staircase(axes: Axes, front: Front, objectives: tuple[Objective, Objective]) -> None:
    if not front.trials:
        return
    points = np.array([[trial.objectives[objective.name] for objective in objectives] for trial in front.trials])
    # Best first in the first objective: up to the next member, nothing better in the second one was attained.
    axes.step(points[:, 0], points[:, 1], where="post", color=_FRONT, linewidth=1.2, alpha=0.7, zorder=2)


def _draw_band(axes: Axes, record: StudyRecord) -> bool:
    """Draws what candidates with all seeds attain under every seed, and under one at least; False if there are too few.

    Source: the attainment surfaces of Fonseca and Fleming, PPSN IV, 1996.
    """
    objectives = record.objectives[:2]
    several = [result for result in record.feasible if len(result.seeds) >= LEAST_SEEDS]
    seeds = sorted(set.intersection(*(set(result.seeds) for result in several))) if several else []
    if len(several) < 2 or len(seeds) < LEAST_SEEDS:
        return False
    fronts = [
        to_losses(objectives, [trial.objectives for one in several for trial in one.trials if trial.seed == seed])
        for seed in seeds
    ]
    band = find_band(fronts)
    for corners in (band.best, band.worst):
        x, y = ([item.from_loss(loss) for loss in column] for item, column in zip(objectives, corners.T, strict=True))
        axes.step(x, y, where="post", **_BAND)
    return True


def _draw_intervals(
    axes: Axes, trials: Sequence[Trial], objectives: tuple[Objective, Objective], certainty: Certainty
) -> None:
    """A bar along each axis through every member."""
    for trial in trials:
        place = [trial.objectives[objective.name] for objective in objectives]
        for along, objective in enumerate(objectives):
            interval = certainty.find_estimate(trial.trial_id, objective.name)
            if interval:
                ends = [[value, value] for value in place]
                ends[along] = [interval.low, interval.high]
                axes.plot(*ends, marker="|_"[along], **_BAR)


def _draw_test(axes: Axes, trials: Sequence[Trial], objectives: tuple[Objective, Objective]) -> None:
    for trial in trials:
        if trial.test:
            start = [trial.objectives[objective.name] for objective in objectives]
            end = [trial.test[objective.name] for objective in objectives]
            axes.plot(*zip(start, end, strict=True), color=_FRONT, linewidth=0.7, linestyle=":", zorder=1)
            axes.scatter(end[0], end[1], s=30, facecolors="none", edgecolors=_FRONT, linewidths=0.9, zorder=2)


def _choose_labelled(front: Front) -> list[Trial]:
    """All members, or evenly spread ones when there are many, and always those that collapse under a family."""
    count = len(front.trials)
    spread = set(np.linspace(0, count - 1, min(count, _MAX_LABELS)).round().astype(int).tolist())
    return [trial for place, trial in enumerate(front.trials) if place in spread or flag_collapse(trial)]


def _name(trial: Trial) -> str:
    """The number of a trial, with what it collapses under."""
    flag = flag_collapse(trial)
    return f"{trial.trial_id} ({flag})" if flag else str(trial.trial_id)


def _draw_legend(
    axes: Axes, trials: Sequence[Trial], *, has_test: bool, has_intervals: bool, has_band: bool = False
) -> None:
    skips = {trial.candidate.architecture.skip for trial in trials}
    for skip, marker in _MARKERS.items():
        if skip in skips:
            axes.scatter([], [], c=_OTHER, marker=marker, label=f"skip: {skip.replace('_', ' ')}")
    axes.plot([], [], color=_FRONT, label="front (validation)")
    if has_intervals:
        axes.plot([], [], marker="|", label=f"{COVERAGE:.0%} intervals over seeds and subjects", **_BAR)
    if has_band:
        axes.plot([], [], label="attained under one seed, under all", **_BAND)
    if has_test:
        axes.scatter([], [], facecolors="none", edgecolors=_FRONT, label="its members on test")
    axes.legend(fontsize=8, framealpha=0.9)


def _label(objective: Objective) -> str:
    better = "higher" if objective.direction is Direction.MAXIMISE else "lower"
    return f"{objective.name} [{objective.unit}], {better} is better"
