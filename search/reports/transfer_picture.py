"""A transfer matrix as a picture: what each kind of augmentation gains under each corruption."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from paretoseg.trainables.severities.levels import LEVELS
from paretoseg.trainables.trainable import CLEAN
from paretoseg.trainables.transfer.gains import Gain
from paretoseg.trainables.transfer.matrix import TransferMatrix
from paretoseg.trainables.transfer.verdict import MOST_POINTS

_COLOURS, _UNKNOWN, _HELD_OUT = "RdBu", "#d9dde2", "#111827"
_LEAST_SPAN = 5.0
"""Dice points of the strongest colour at least, so that small gains look small."""


def draw_transfer(matrix: TransferMatrix) -> bytes:
    """A PNG with a row for clean images and for each corruption, by family, and a column for each kind.

    A cell shows the gain in Dice points and its 95 percent interval; blue gains, red loses, grey is not known. A frame
    marks a gain that is surely below one point: the corruption is held out from that kind.
    """
    names = [CLEAN, *sorted(matrix.corruptions, key=lambda name: (_family(name), name))]
    figure = Figure(figsize=(2.6 + 1.5 * len(matrix.kinds), 1.3 + 0.29 * len(names)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    cells = [[matrix.gains[kind][name] for kind in matrix.kinds] for name in names]
    points = np.array([[np.nan if gain is None else gain.points for gain in row] for row in cells], dtype=float)
    span = max(_LEAST_SPAN, float(np.nanmax(np.abs(points))) if np.isfinite(points).any() else 0.0)
    axes.set_facecolor(_UNKNOWN)
    axes.imshow(points, cmap=_COLOURS, vmin=-span, vmax=span, aspect="auto", alpha=0.75)
    for row, gains in enumerate(cells):
        for column, gain in enumerate(gains):
            _write_cell(axes, column, row, gain, is_dark=gain is not None and abs(gain.points) > 0.6 * span)
    axes.set_xticks(range(len(matrix.kinds)), matrix.kinds, fontsize=8)
    axes.xaxis.tick_top()
    labels = ["clean images" if name == CLEAN else f"{name} ({_family(name)})" for name in names]
    axes.set_yticks(range(len(names)), labels, fontsize=7)
    axes.tick_params(length=0)
    severities = ", ".join(map(str, matrix.severities))
    figure.suptitle(
        f"{matrix.dataset}: Dice points that augmentation gains\n({len(matrix.seeds)} seeds, "
        f"{len(set(matrix.subjects.values()))} subjects, {matrix.num_iterations} iterations, severities {severities}; "
        f"framed: surely under {MOST_POINTS:g} point)",
        fontsize=8,
    )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _write_cell(axes: Axes, column: int, row: int, gain: Gain | None, *, is_dark: bool) -> None:
    if gain is None:
        axes.text(column, row, "not known", ha="center", va="center", fontsize=6.5)
        return
    text = f"{gain.points:+.1f}  ({gain.low:.1f} to {gain.high:.1f})"
    axes.text(column, row, text, ha="center", va="center", fontsize=6.5, color="white" if is_dark else "black")
    if gain.high < MOST_POINTS:
        axes.add_patch(Rectangle((column - 0.46, row - 0.42), 0.92, 0.84, fill=False, edgecolor=_HELD_OUT, linewidth=1))


def _family(name: str) -> str:
    return LEVELS[name].family if name in LEVELS else ""
