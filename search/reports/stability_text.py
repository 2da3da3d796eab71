"""The stability of the order of trials in words, as a table for the terminal, and as a section of the report."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from rich.markup import escape as escape_markup
from rich.table import Table

from paretoseg.search.reports.fitting_table import FittingTable
from paretoseg.search.reports.html_table import embed_picture

if TYPE_CHECKING:  # a caller that has one has paid for the import
    from paretoseg.search.fronts.stability import Stability

_WEIGHTS = {
    "equal": "all severities weigh the same",
    "half": "severity s weighs (1/2)^s",
    "strongest": "only the strongest severity",
}

CAPTION = "Kendall's tau-b with the order as it is: 1 for the same order, 0 for none in common, -1 for the reverse."


def list_variants(stability: Stability) -> dict[str, float | None]:
    """The taus by what is changed, in words."""
    without = {f"without {name.replace('_', ' ')}": tau for name, tau in stability.without.items()}
    return without | {_WEIGHTS[name]: tau for name, tau in stability.weights.items()}


def stability_table(stability: Stability) -> Table:
    """The taus as a table for the terminal."""
    table = FittingTable(title=_title(stability))
    table.add_column("if robustness were computed", overflow="fold")
    table.add_column("tau", justify="right", no_wrap=True)
    for words, tau in list_variants(stability).items():
        table.add_row(escape_markup(words), _format(tau))
    return table


def render_stability(stability: Stability | None, picture: bytes | None) -> str:
    """The section of the report with a table and a picture (PNG); '' if nothing is known."""
    if stability is None:
        return ""
    rows = "".join(
        f'<tr><td>{escape(words)}</td><td class="number">{_format(tau)}</td></tr>'
        for words, tau in list_variants(stability).items()
    )
    image = embed_picture(picture, "Kendall's tau of every variant as a dot, from the reverse order to the same order")
    return (
        f'<section id="stability"><h2>Does the order hold?</h2><p class="hint">{escape(_title(stability))}. '
        f'{escape(CAPTION)}</p><div class="scroll"><table><thead><tr><th scope="col">if robustness were computed</th>'
        f'<th scope="col" class="number">tau</th></tr></thead><tbody>{rows}</tbody></table></div>{image}</section>'
    )


def _title(stability: Stability) -> str:
    few = "" if stability.has_enough else " (too few to compare)"
    return f"Order of {stability.num_trials} trials in robustness{few}"


def _format(tau: float | None) -> str:
    return "-" if tau is None else f"{tau:.2f}"
