"""The report's part on attribution: which choices trade and which improve both, as tables and a picture. Plain HTML."""

from __future__ import annotations

from paretoseg.search.attribution.attribution import Attribution
from paretoseg.search.reports.attribution_text import (
    CAPTION,
    PIECES_CAPTION,
    choice_cells,
    describe_attribution,
    level_cells,
    piece_cells,
)
from paretoseg.search.reports.html_table import embed_picture, render_table, to_html


def render_attribution(found: Attribution | None, picture: bytes | None) -> str:
    """The section, or '' if nothing is known."""
    if found is None:
        return ""
    sentences = "".join(f"<li>{to_html(line)}</li>" for line in describe_attribution(found))
    pieces, levels = piece_cells(found), level_cells(found)
    parts = [render_table(choice_cells(found)), embed_picture(picture, "Shares, paths and pieces of every choice")]
    parts += [f'<p class="hint">{to_html(PIECES_CAPTION)}</p>{render_table(pieces)}'] if pieces else []
    parts += [f"<h3>Objectives by value, all else varying</h3>{render_table(levels)}"] if levels else []
    return (
        '<section id="attribution"><h2>Which choices trade, and which improve both?</h2>'
        f'<ul class="notes">{sentences}</ul><p class="hint">{to_html(CAPTION)}</p>{"".join(parts)}</section>'
    )
