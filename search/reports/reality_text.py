"""Whether robustness predicts scores on shift sets: in words, as a table for the terminal, and as a section."""

from __future__ import annotations

from html import escape

from rich.markup import escape as escape_markup
from rich.table import Table

from paretoseg.search.certainty.reality import RankCorrelation, Reality
from paretoseg.search.reports.fitting_table import FittingTable

CAPTION = (
    "Spearman's rank correlation with the mean score on a shift set, with its 95 percent interval over trials: 1 for "
    "the same order, 0 for none in common. At equal accuracy: what robustness says that accuracy does not."
)

_HEADS = ("robustness under corruptions", "accuracy", "robustness at equal accuracy")


def list_predictions(reality: Reality) -> dict[str, tuple[str, ...]]:
    """By shift set in words, the correlation of each of `_HEADS`, such as '0.64 [0.10, 0.89]', or 'unknown'."""
    return {
        f"shift set {name}" if name else "mean over all shift sets": tuple(
            map(_format, (found.robustness, found.accuracy, found.robustness_given_accuracy))
        )
        for name, found in reality.shifts.items()
    }


def reality_table(reality: Reality) -> Table:
    """The correlations as a table for the terminal."""
    table = FittingTable(title=_title(reality))
    table.add_column("which", overflow="fold")
    for head in _HEADS:
        table.add_column(head, justify="right")
    for words, cells in list_predictions(reality).items():
        table.add_row(escape_markup(words), *map(escape_markup, cells))
    return table


def describe_reality(reality: Reality | None) -> list[str]:
    """One line: how well robustness under corruptions orders trials as shift sets do; empty if there are none.

    With several shift sets it is about the mean over them.
    """
    if reality is None or not reality.shifts:
        return []
    name, found = next(iter(reality.shifts.items()))
    what = f"shift set {name}" if name else f"{len(reality.shifts) - 1} shift sets"
    if found.robustness is None:
        few = f"{reality.num_candidates} trials are too few" if not reality.has_enough else "trials do not differ"
        return [f"whether robustness predicts scores on {what} is not known: {few}"]
    given = found.robustness_given_accuracy
    at_equal = "" if given is None else f"; at equal accuracy {_format(given)}"
    return [
        f"robustness against scores on {what}: rank correlation {_format(found.robustness)}{at_equal}, over "
        f"{reality.num_candidates} trials"
    ]


def render_reality(reality: Reality | None) -> str:
    """The section of the report; '' if the study has no shift sets, or nothing is known."""
    if reality is None:
        return ""
    heads = "".join(f'<th scope="col" class="number">{escape(head)}</th>' for head in _HEADS)
    rows = "".join(
        f"<tr><td>{escape(words)}</td>" + "".join(f'<td class="number">{escape(cell)}</td>' for cell in cells) + "</tr>"
        for words, cells in list_predictions(reality).items()
    )
    return (
        f'<section id="reality"><h2>Does robustness predict reality?</h2><p class="hint">{escape(_title(reality))}. '
        f'{escape(CAPTION)}</p><div class="scroll"><table><thead><tr><th scope="col">which</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></section>"
    )


def _title(reality: Reality) -> str:
    few = "" if reality.has_enough else " (too few to know)"
    return f"What predicts the scores of {reality.num_candidates} trials on shift sets{few}"


def _format(found: RankCorrelation | None) -> str:
    return "unknown" if found is None else f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"
