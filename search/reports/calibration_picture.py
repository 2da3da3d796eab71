"""A calibration as a picture: what the reference network loses with the strength of every corruption."""

from __future__ import annotations

import io
import math
import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from paretoseg.trainables.severities.calibration import TARGETS, CalibratedCorruption, Calibration, span_of
from paretoseg.trainables.severities.response import fit_monotone, tolerance

_COLUMNS = 4
_CURVE, _CHOSEN, _TARGET = "#9aa5b1", "#c2410c", "#cbd2d9"
_MIN_TOP = 45.0


def draw_calibration(calibration: Calibration) -> bytes:
    """A PNG with a panel for every corruption.

    Lost Dice points over strength: grey dots show every strength that was tried, the grey line their isotonic fit,
    orange the strengths of severity 1 to 5, and thin lines the targets. Below the name are the targets that are out of
    reach, and the largest share of cases with a reversal. A star after the name means that the file has a note on it.
    """
    found = calibration.corruptions
    num_columns = max(min(len(found), _COLUMNS), 2)
    num_rows = max(math.ceil(len(found) / num_columns), 1)
    figure = Figure(figsize=(3.3 * num_columns, 2.6 * num_rows + 0.6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(num_rows, num_columns, squeeze=False).flatten()
    losses = [loss for one in found.values() for loss in (*one.lost, *(loss for _, loss in one.curve))]
    top = max(_MIN_TOP, *losses) * 1.05 if losses else _MIN_TOP
    for axes, (name, one) in zip(panels, found.items(), strict=False):
        _draw_panel(axes, name, one)
        axes.set_ylim(min(-3.0, *losses), top)
    for axes in panels[len(found) :]:
        axes.set_axis_off()
    reference = calibration.reference
    figure.suptitle(
        f"{calibration.dataset}: Dice points lost with strength\n(reference network of clean Dice "
        f"{reference.clean_dice:.3f}, {reference.num_cases} cases)",
        fontsize=10,
    )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def describe_panel(found: CalibratedCorruption) -> str:
    """What a panel says in words: targets above all losses, reversals, and similarity at the strongest severity."""
    most = max(loss for _, loss in found.curve)
    beyond = [f"{target:g}" for target in TARGETS if target - most > tolerance(target)]
    parts = [f"{', '.join(beyond)} out of reach"] if beyond else []
    if found.reversals:
        parts.append(f"reversals {100 * max(found.reversals):.0f} %")
    if found.ssim:
        parts.append(f"SSIM {found.ssim[0]:.2f} to {found.ssim[-1]:.2f}")
    return "; ".join(parts)


def _draw_panel(axes: Axes, name: str, found: CalibratedCorruption) -> None:
    for target in TARGETS:
        axes.axhline(target, color=_TARGET, linewidth=0.6, zorder=1)
    axes.plot(*zip(*found.curve, strict=True), color=_CURVE, marker=".", markersize=4, linestyle="none", zorder=2)
    axes.plot(*zip(*fit_monotone(found.curve), strict=True), color=_CURVE, linewidth=1, zorder=2)
    axes.plot(found.strengths, found.lost, color=_CHOSEN, marker="o", markersize=5, linestyle="none", zorder=3)
    for severity, place in enumerate(zip(found.strengths, found.lost, strict=True), start=1):
        axes.annotate(str(severity), place, xytext=(-3, 6), textcoords="offset points", fontsize=7, color=_CHOSEN)
    span = span_of(name)
    distances = (lambda x: np.log(np.maximum(x - span.neutral, 1e-9)), lambda x: np.exp(x) + span.neutral)
    axes.set_xscale("function", functions=distances)
    axes.set_xticks([span.at(place) for place in (0.0, 1 / 3, 2 / 3, 1.0)])
    axes.xaxis.set_major_formatter("{x:.3g}")
    axes.set_title(name + (" *" if found.notes else ""), fontsize=9, pad=14)
    axes.annotate(describe_panel(found), (0.5, 1.03), xycoords="axes fraction", fontsize=6.5, ha="center")
    axes.set_xlabel("\n".join(textwrap.wrap(found.parameter, 42)), fontsize=7)
    axes.tick_params(labelsize=7)
