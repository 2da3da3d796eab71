"""What the choices of a study do, as a picture: shares of variance, paths in the plane, and pieces of the front."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from paretoseg.search.attribution.attribution import Attribution, Conclusion, DimensionEffect
from paretoseg.search.reports.attribution_text import name_conclusion, name_piece
from paretoseg.spaces.domain import Value
from paretoseg.spaces.objective import Direction

_COLOURS = ("#0f766e", "#c2410c", "#2563eb", "#a16207", "#7c3aed", "#be185d", "#475569")
_UNKNOWN = "#9aa5b1"
_MOST_ROWS = 14
_MOST_PATHS = 5


def draw_attribution(found: Attribution) -> bytes:
    """A PNG.

    Left: the share of every objective's variance that a choice makes, with its interval; pale if the study cannot tell.
    Middle: for choices that matter, the path of both objectives over their values; a path that falls to the right
    trades, one that rises improves both. Right: shares towards the front and along it, by piece.
    """
    shown = found.dimensions[:_MOST_ROWS]
    told = [one for one in shown if one.conclusion is not Conclusion.UNKNOWN]
    has_paths = len(found.objectives) > 1 and bool(told)
    has_pieces = bool(found.pieces) and bool(told)
    widths = [5.0, *([5.0] if has_paths else []), *([2.4 + 1.0 * len(found.pieces)] if has_pieces else [])]
    figure = Figure(figsize=(sum(widths), max(3.2, 1.6 + 0.42 * len(shown))), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    panels = iter(figure.subplots(1, len(widths), squeeze=False, width_ratios=widths)[0])
    _draw_shares(next(panels), found, shown)
    if has_paths:
        _draw_paths(next(panels), found, told[:_MOST_PATHS])
    if has_pieces:
        _draw_pieces(next(panels), found, told)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _draw_shares(axes: Axes, found: Attribution, shown: tuple[DimensionEffect, ...]) -> None:
    height = 0.8 / len(found.objectives)
    for place, objective in enumerate(found.objectives):
        colour = _COLOURS[place % len(_COLOURS)]
        for row, one in enumerate(shown):
            importance = one.importances[objective.name]
            at = row - 0.4 + (place + 0.5) * height
            axes.barh(at, importance.share, height, color=colour, alpha=1.0 if importance.is_told else 0.25)
            axes.plot([importance.low, importance.high], [at, at], color="#111827", linewidth=0.8)
        axes.barh(0, 0, color=colour, label=objective.name)
    labels = [f"{one.name}\n{name_conclusion(one.conclusion, found)}" for one in shown]
    axes.set_yticks(range(len(shown)), labels, fontsize=7)
    axes.invert_yaxis()
    axes.set_xlim(0.0, None)
    axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.set_xlabel("share of the variance over the space\n(pale: too few trials to tell)", fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(axis="x", alpha=0.25)
    axes.legend(fontsize=8, loc="lower right")


def _draw_paths(axes: Axes, found: Attribution, told: list[DimensionEffect]) -> None:
    first, second = found.objectives[:2]
    for place, one in enumerate(told):
        points = np.array([[level.marginals[item.name][0] for item in (first, second)] for level in one.levels])
        colour = _COLOURS[place % len(_COLOURS)]
        is_ordered = not isinstance(one.levels[0].value, str)
        axes.plot(*points.T, color=colour, linewidth=1.4 if is_ordered else 0.7, linestyle="-" if is_ordered else ":")
        axes.scatter(points[:, 0], points[:, 1], color=colour, s=22, label=one.name, zorder=3)
        ends = {int(points[:, axis].argmin()) for axis in (0, 1)} | {int(points[:, axis].argmax()) for axis in (0, 1)}
        for row in {0, len(points) - 1} if is_ordered else ends:
            axes.annotate(
                _shorten(one.levels[row].value), points[row], xytext=(4, 3), textcoords="offset points", fontsize=7,
                color=colour,
            )  # fmt: skip
    for objective, name in ((first, "x"), (second, "y")):
        better = "higher" if objective.direction is Direction.MAXIMISE else "lower"
        getattr(axes, f"set_{name}label")(f"{objective.name}, {better} is better", fontsize=8)
    axes.set_title("both objectives by value, all else varying", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.margins(0.15)
    axes.grid(alpha=0.25)
    axes.legend(fontsize=7)


def _draw_pieces(axes: Axes, found: Attribution, told: list[DimensionEffect]) -> None:
    shares = np.array([[*one.towards, *one.along] for one in told])
    names = [name_piece(piece) for piece in found.pieces]
    axes.imshow(shares, cmap="Greens", vmin=0.0, vmax=max(float(shares.max()), 0.01), aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        colour = "white" if share > 0.6 * shares.max() else "#111827"
        axes.text(column, row, f"{share:.0%}", ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(2 * len(names)), names * 2, fontsize=7, rotation=30)
    axes.set_yticks(range(len(told)), [one.name for one in told], fontsize=8)
    axes.axvline(len(names) - 0.5, color="white", linewidth=3)
    axes.set_xlabel("piece of the front, by its ends", fontsize=8)
    axes.set_title("towards better | along the front", fontsize=8)


def _shorten(value: Value) -> str:
    return f"{value:.2g}" if isinstance(value, float) else str(value).replace("_", " ")
