"""The report's part on rescorings: how the front drifts in each, as a table and a picture. Plain HTML, no code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from paretoseg.search.fronts.drift import Drift
from paretoseg.search.reports.drift_text import describe_drift, drift_rows
from paretoseg.search.reports.html_table import embed_picture, render_table, to_html
from paretoseg.search.reports.robustness_text import describe_profiles
from paretoseg.spaces.objective import Objective


@dataclass(frozen=True)
class ShownRescoring:
    """What the report shows of one rescoring."""

    name: str
    words: str
    """Its overrides, as typed."""

    drift: Drift
    objectives: Sequence[Objective]
    picture: bytes | None
    """A PNG, or None if it was not drawn yet."""


def render_rescorings(rescorings: Sequence[ShownRescoring]) -> str:
    """The section, or '' if there are no rescorings."""
    shown = [_render(item) for item in rescorings if item.drift.moves]
    if not shown:
        return ""
    return (
        '<section id="rescorings"><h2>Measured again</h2><p class="hint">The same networks under other corruptions or '
        f"on shift sets, before and after; validation cases decide who is on the front.</p>{''.join(shown)}</section>"
    )


def _render(item: ShownRescoring) -> str:
    profiles = describe_profiles([move.after for move in item.drift.moves])
    sentences = "".join(f"<p>{to_html(line)}</p>" for line in (*describe_drift(item.drift), *profiles))
    alt = f"How the front drifts in {item.name}: an arrow a trial from before to after"
    return (
        f"<h3>{escape(item.name)}</h3><p><code>{escape(item.words or 'as in the study')}</code></p>"
        f"{render_table(drift_rows(item.drift, item.objectives))}{sentences}{embed_picture(item.picture, alt)}"
    )
