"""The report's part on ablations: what the choices of candidates are worth, as tables and pictures. Plain HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from paretoseg.search.ablation.effects import Ablation
from paretoseg.search.reports.ablation_text import describe_ablation, text_rows
from paretoseg.search.reports.html_table import embed_picture, render_table, to_html


@dataclass(frozen=True)
class ShownAblation:
    """What the report shows of one ablation."""

    ablation: Ablation
    picture: bytes | None
    """A PNG, or None if it was not drawn."""


def render_ablations(ablations: Sequence[ShownAblation]) -> str:
    """The section, or '' if there are no ablations."""
    shown = [_render(item) for item in ablations if item.ablation.effects]
    if not shown:
        return ""
    return (
        '<section id="ablations"><h2>What the choices are worth</h2><p class="hint">A candidate with one choice '
        "changed, trained with the same seeds and measured on the same validation cases: neighbour minus candidate, "
        f"with the simultaneous interval.</p>{''.join(shown)}</section>"
    )


def _render(item: ShownAblation) -> str:
    number = item.ablation.candidate
    sentences = "".join(f"<p>{to_html(line)}</p>" for line in describe_ablation(item.ablation))
    alt = f"What each choice of candidate {number} is worth: an interval a changed choice"
    return (
        f"<h3>Candidate {number}</h3>{render_table(text_rows(item.ablation))}{sentences}"
        f"{embed_picture(item.picture, alt)}"
    )
