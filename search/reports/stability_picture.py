"""The stability of the order of trials as a small picture: a dot for every variant of robustness."""

from __future__ import annotations

import io

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from paretoseg.search.fronts.stability import Stability
from paretoseg.search.reports.stability_text import list_variants

_LEFT_OUT, _WEIGHTED = "#c2410c", "#475569"


def draw_stability(stability: Stability) -> bytes | None:
    """A PNG with Kendall's tau of every variant that has one; None if none has."""
    known = {words: tau for words, tau in list_variants(stability).items() if tau is not None}
    if not known:
        return None
    figure = Figure(figsize=(6.5, 1.1 + 0.28 * len(known)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    places = range(len(known))
    colours = [_LEFT_OUT if words.startswith("without ") else _WEIGHTED for words in known]
    low = min(0.0, *known.values())
    axes.hlines(places, low, list(known.values()), color=colours, linewidth=1.2, alpha=0.5)
    axes.scatter(list(known.values()), places, c=colours, s=34, zorder=3)
    axes.set_yticks(places, list(known), fontsize=9)
    axes.invert_yaxis()
    axes.set_xlim(low - 0.03, 1.03)
    axes.axvline(1.0, color="#9aa5b1", linewidth=0.8, linestyle=":")
    axes.set_xlabel("Kendall's tau-b with the order as it is; 1 is the same order", fontsize=9)
    axes.grid(axis="x", alpha=0.25)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
