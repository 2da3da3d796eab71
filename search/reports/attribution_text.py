"""What the choices of a study do: as tables for the terminal, in sentences, and as flat rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from rich.markup import escape
from rich.table import Table

from paretoseg.search.attribution.attribution import RULE, Attribution, Conclusion, DimensionEffect, Importance
from paretoseg.search.attribution.pieces import Piece
from paretoseg.search.reports.fitting_table import FittingTable
from paretoseg.search.reports.text import format_number
from paretoseg.spaces.domain import Value

CAPTION = (
    "Shares of an objective's variance over the space that a choice makes alone, with 95 percent intervals; an "
    "asterisk marks those that the study can tell."
)
PIECES_CAPTION = (
    "Shares of the variance towards better networks, and along the front from its first network to its second, by "
    "piece of the front."
)


def attribution_tables(found: Attribution) -> list[Table]:
    """The tables for the terminal: all choices, the pieces of the front, and the values of choices that matter."""
    titled = [
        (f"What the choices of {found.study} do", choice_cells(found)),
        ("Towards the front and along it", piece_cells(found)),
        ("Objectives by value, all else varying", level_cells(found)),
    ]
    return [_to_table(title, rows) for title, rows in titled if rows]


def _to_table(title: str, rows: Sequence[dict[str, str]]) -> Table:
    table = FittingTable(title=escape(title))
    for place, name in enumerate(rows[0]):
        has_interval = rows[0][name].endswith(("]", "]*"))
        justify: Literal["left", "right"] = "left" if place < 2 or name == "best" else "right"
        table.add_column(escape(name), overflow="fold", justify=justify, no_wrap=has_interval)
    for row in rows:
        table.add_row(*map(escape, row.values()))
    return table


def choice_cells(found: Attribution) -> list[dict[str, str]]:
    """A row a dimension: what it does, its share in every objective, and which values are best."""
    is_everywhere = all(one.active_share == 1.0 for one in found.dimensions)
    return [
        {"choice": one.name, "what it does": name_conclusion(one.conclusion, found)}
        | {name: _format_share(importance) for name, importance in one.importances.items()}
        | {"best": _describe_best(one, found)}
        | ({} if is_everywhere else {"in effect": f"{one.active_share:.0%}"})
        for one in found.dimensions
    ]


def piece_cells(found: Attribution) -> list[dict[str, str]]:
    """A row a dimension that matters, two columns a piece of the front; empty without pieces."""
    if not found.pieces:
        return []
    return [
        {"choice": one.name, "what it does": name_conclusion(one.conclusion, found)}
        | {
            f"{direction} {name_piece(piece)}": f"{shares[place]:.0%}"
            for place, piece in enumerate(found.pieces)
            for direction, shares in (("towards", one.towards), ("along", one.along))
        }
        for one in found.dimensions
        if one.conclusion is not Conclusion.UNKNOWN
    ]


def level_cells(found: Attribution) -> list[dict[str, str]]:
    """A row a value of every dimension that matters: every objective with its interval."""
    return [
        {"choice": one.name, "value": _format_value(level.value)}
        | {
            name: f"{format_number(mean)} [{format_number(low)} {format_number(high)}]"
            for name, (mean, low, high) in level.marginals.items()
        }
        for one in found.dimensions
        if one.conclusion is not Conclusion.UNKNOWN
        for level in one.levels
    ]


def name_conclusion(conclusion: Conclusion, found: Attribution) -> str:
    """What a choice does, in words with the names of the objectives."""
    names = [objective.name for objective in found.objectives]
    words = {
        Conclusion.TRADES: f"trades {names[0]} for {names[-1 if len(names) < 2 else 1]}",
        Conclusion.FIRST: f"moves {names[0]}",
        Conclusion.SECOND: f"moves {names[-1 if len(names) < 2 else 1]}",
    }
    return words.get(conclusion, conclusion.value)


def name_piece(piece: Piece) -> str:
    """A piece by the numbers of its ends."""
    return f"{piece.first}-{piece.last}"


def describe_attribution(found: Attribution) -> list[str]:
    """What trades, what improves both, what is not known, and by which rule; in sentences."""
    lines = [
        f"{name_conclusion(conclusion, found).capitalize()}: {', '.join(_describe_choice(one, found) for one in some)}."
        for conclusion in Conclusion
        if (some := [one for one in found.dimensions if one.conclusion is conclusion])
    ]
    lines += _describe_pairs(found)
    explained = ", ".join(f"{max(share, 0.0):.0%} of {name}" for name, share in found.explained.items())
    used = "" if found.num_used == found.num_candidates else f" {found.num_used} of"
    lines.append(f"A model of{used} {found.num_candidates} candidates predicts {explained} of those left out.")
    lines += list(found.gaps)
    capped = {name: number for name, number in found.num_capped.items() if number}
    if capped:
        words = ", ".join(f"{number} in {name}" for name, number in capped.items())
        lines.append(f"So bad that only that counts (beyond Tukey's fence): {words}.")
    lines.append(describe_rule())
    return lines


def describe_rule() -> str:
    """When a choice is said to matter."""
    return (
        f"A choice is said to matter in an objective if at least {RULE.least_candidates} candidates are known, the "
        f"model predicts at least {RULE.least_explained:.0%} of the objective, the choice makes at least "
        f"{RULE.least_share:.0%} of its variance, and no effect at all lies outside its {1 - RULE.level:.0%} credible "
        "region, corrected for all choices and objectives; else there are too few trials to tell."
    )


def attribution_rows(found: Attribution) -> dict[str, Any]:
    """Everything as plain JSON values: lists of flat rows by subject."""
    return {
        "study": found.study,
        "num_candidates": found.num_candidates,
        "num_used": found.num_used,
        "explained": dict(found.explained),
        "num_capped": dict(found.num_capped),
        "choices": choice_rows(found),
        "levels": level_rows(found),
        "pieces": piece_rows(found),
        "pairs": pair_rows(found),
        "notes": list(found.gaps),
    }


def choice_rows(found: Attribution) -> list[dict[str, Any]]:
    """A flat row a dimension."""
    return [
        {
            "choice": one.name,
            "conclusion": name_conclusion(one.conclusion, found),
            "agreement": one.agreement,
            "active_share": one.active_share,
        }
        | _spread(one.importances)
        | {f"{item.name}_best": one.find_best(item) for item in found.objectives}
        for one in found.dimensions
    ]


def level_rows(found: Attribution) -> list[dict[str, Any]]:
    """A flat row a value of a dimension."""
    return [
        {"choice": one.name, "value": level.value}
        | {
            f"{name}{end}": number
            for name, numbers in level.marginals.items()
            for end, number in zip(("", "_low", "_high"), numbers, strict=True)
        }
        for one in found.dimensions
        for level in one.levels
    ]


def piece_rows(found: Attribution) -> list[dict[str, Any]]:
    """A flat row a piece of the front and dimension."""
    return [
        {
            "first": piece.first,
            "last": piece.last,
            "choice": one.name,
            "towards": one.towards[place],
            "along": one.along[place],
        }
        for place, piece in enumerate(found.pieces)
        for one in found.dimensions
    ]


def pair_rows(found: Attribution) -> list[dict[str, Any]]:
    """A flat row an interaction."""
    return [
        {"first": pair.names[0], "second": pair.names[1], "is_told": pair.is_told} | _spread(pair.importances)
        for pair in found.pairs
    ]


def _spread(importances: Any) -> dict[str, Any]:
    return {
        f"{name}_{key}": getattr(one, key if key != "p" else "p_value")
        for name, one in importances.items()
        for key in ("share", "low", "high", "total", "p", "is_told")
    }


def _describe_choice(one: DimensionEffect, found: Attribution) -> str:
    best = _describe_best(one, found)
    return one.name if best == "-" else f"{one.name} (best: {best})"


def _describe_best(one: DimensionEffect, found: Attribution) -> str:
    """The best value, by objective if it is not the same for all that the dimension moves; '-' if it moves none."""
    told = [item for item in found.objectives if one.importances[item.name].is_told]
    best = {item.name: _format_value(one.find_best(item)) for item in told}
    if len(set(best.values())) < 2:
        return next(iter(best.values()), "-")
    return ", ".join(f"{value} for {name}" for name, value in best.items())


def _describe_pairs(found: Attribution) -> list[str]:
    told = [
        f"{' and '.join(pair.names)} in {' and '.join(parts)}"
        for pair in found.pairs
        if (parts := [f"{name} ({one.share:.0%})" for name, one in pair.importances.items() if one.is_told])
    ]
    if told:
        return [f"Beyond what each does alone, together they move: {'; '.join(told)}."]
    return [f"No interaction can be told among the {len(found.pairs)} pairs of the most important choices."]


def _format_share(one: Importance) -> str:
    return f"{one.share:.0%} [{100 * one.low:.0f} {100 * one.high:.0f}]{'*' if one.is_told else ''}"


def _format_value(value: Value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
