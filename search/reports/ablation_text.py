"""What the choices of a candidate are worth: as a table for the terminal, in sentences, and as flat rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from paretoseg.search.ablation.effects import Ablation, Conclusion, Difference, Effect
from paretoseg.search.certainty.confirming import LEAST_SEEDS
from paretoseg.search.reports.certainty_text import shorten
from paretoseg.search.reports.fitting_table import FittingTable
from paretoseg.search.reports.text import shorten_count
from paretoseg.spaces.objective import Direction, Objective

SIZE = "parameters"
"""The cost that the table shows."""

_STRONGEST_FIRST = (Conclusion.MORE, Conclusion.UNKNOWN, Conclusion.WITHIN)

UNTOUCHED = "Measured on validation cases alone; no test case is touched."


def ablation_table(ablation: Ablation) -> Table:
    """A row a changed choice: the differences of neighbour minus candidate, with simultaneous intervals."""
    title = f"Candidate {ablation.candidate} of {ablation.study} with one choice changed (neighbour minus candidate)"
    table = FittingTable(title=escape(title))
    table.add_column("what changed", overflow="fold")
    table.add_column("seeds", justify="right", no_wrap=True)
    for objective in ablation.objectives:
        table.add_column(objective.name, justify="right", no_wrap=True)
    has_size = any(SIZE in effect.costs for effect in ablation.effects)
    if has_size:
        table.add_column("size", justify="right", no_wrap=True)
    table.add_column("verdict", overflow="fold")
    for cells in text_rows(ablation):
        table.add_row(*(escape(text) for name, text in cells.items() if has_size or name != "size"))
    return table


def text_rows(ablation: Ablation) -> list[dict[str, str]]:
    """The cells of the table, by the title of their column."""
    return [
        {"what changed": effect.change, "seeds": _count_seeds(effect)}
        | {item.name: _format(effect.differences.get(item.name)) for item in ablation.objectives}
        | {"size": _format_count(effect.costs.get(SIZE)), "verdict": _judge(effect, ablation)}
        for effect in ablation.effects
    ]


def describe_ablation(ablation: Ablation) -> list[str]:
    """Which choices matter, what would be better, what is broken and what the numbers mean, in sentences."""
    return [
        *_describe_choices(ablation),
        *_describe_better(ablation),
        *_describe_broken(ablation),
        *([f"Not tried: {'; '.join(ablation.left_out)}."] if ablation.left_out else []),
        *_describe_gaps(ablation),
        *_describe_seeds(ablation),
        *_describe_choice_of_candidate(ablation),
        UNTOUCHED,
        *_describe_intervals(ablation),
    ]


def ablation_rows(ablation: Ablation) -> list[dict[str, Any]]:
    """A flat row a changed choice; what is not known is None."""
    return [_to_row(effect, ablation) for effect in ablation.effects]


def ablation_to_csv(ablation: Ablation) -> bytes:
    """The rows of `ablation_rows` as CSV; what is not known is empty."""
    rows = ablation_rows(ablation)
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode()


def _to_row(effect: Effect, ablation: Ablation) -> dict[str, Any]:
    row: dict[str, Any] = {
        "study": ablation.study,
        "of_candidate": ablation.candidate,
        "change": effect.change,
        "dimension": effect.dimension,
        "before": effect.before,
        "after": effect.after,
        "candidate": effect.candidate,
        "seeds": _list(effect.seeds),
        "collapsed": _list(effect.collapsed),
        "failed": _list(effect.failed),
    }
    for item in ablation.objectives:
        known = effect.differences.get(item.name)
        row |= {
            item.name: effect.means.get(item.name),
            f"{item.name}_difference": known.value if known else None,
            f"{item.name}_low": known.low if known else None,
            f"{item.name}_high": known.high if known else None,
            f"{item.name}_p": known.p_value if known else None,
            f"{item.name}_verdict": (known.conclusion if known else Conclusion.UNKNOWN).value,
        }
    return row | {f"{name}_difference": value for name, value in effect.costs.items()}


def _list(numbers: Sequence[int]) -> str:
    return " ".join(map(str, numbers))


def _count_seeds(effect: Effect) -> str:
    """The seeds of a row, such as '3', or '2/3' if the neighbour is broken or failed under one of three."""
    lost = len(effect.collapsed) + len(effect.failed)
    return f"{len(effect.seeds)}/{len(effect.seeds) + lost}" if lost else str(len(effect.seeds))


def _format(difference: Difference | None) -> str:
    if difference is None:
        return "-"
    bounds = "[-]" if difference.low is None else f"[{shorten(difference.low)} {shorten(difference.high or 0.0)}]"
    return f"{_sign(difference.value)} {bounds}"


def _sign(value: float) -> str:
    text = shorten(value)
    return text if text.startswith("-") else f"+{text}"


def _format_count(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{'-' if value < 0 else '+'}{shorten_count(abs(value))}"


def _judge(effect: Effect, ablation: Ablation) -> str:
    """One verdict if all objectives have the same, else one an objective."""
    found = {
        item.name: effect.differences[item.name].conclusion if effect.differences else Conclusion.UNKNOWN
        for item in ablation.objectives
    }
    if len({*found.values()}) == 1:
        return next(iter(found.values())).value
    return ", ".join(f"{name} {conclusion.value}" for name, conclusion in found.items())


def _conclusions(effect: Effect) -> set[Conclusion]:
    return {one.conclusion for one in effect.differences.values()} or {Conclusion.UNKNOWN}


def _describe_choices(ablation: Ablation) -> Iterator[str]:
    """The dimensions by the strongest verdict on any of their changes."""
    found: dict[str, list[Effect]] = {}
    for effect in ablation.effects:
        found.setdefault(effect.dimension, []).append(effect)
    groups: dict[Conclusion, list[str]] = {}
    for dimension, effects in found.items():
        conclusions = [conclusion for effect in effects for conclusion in _conclusions(effect)]
        strongest = next(one for one in _STRONGEST_FIRST if one in conclusions)
        groups.setdefault(strongest, []).append(dimension)
    if matter := groups.get(Conclusion.MORE):
        named = "; ".join(f"{name} ({_list_moves(found[name], ablation.objectives)})" for name in matter)
        yield f"Choices that matter, as a change moves an objective by more than noise: {named}."
    elif Conclusion.WITHIN in groups:
        yield "No choice is known to matter: no change moves an objective by more than noise."
    if within := groups.get(Conclusion.WITHIN):
        yield f"Choices whose changes stay within noise: {', '.join(within)}."
    if unknown := groups.get(Conclusion.UNKNOWN):
        yield f"Choices of which it is not known whether they matter: {', '.join(unknown)}."


def _list_moves(effects: Sequence[Effect], objectives: Sequence[Objective]) -> str:
    """The changes of one dimension that move an objective by more than noise, with the differences."""
    moves = [
        (effect.after, [move for is_better in (True, False) for move in _list_sure(effect, objectives, is_better)])
        for effect in effects
    ]
    return ", ".join(f"{after}: {', '.join(sure)}" for after, sure in moves if sure)


def _describe_better(ablation: Ablation) -> Iterator[str]:
    """The changes that would be better by more than noise, and not worse by more than noise in another objective."""
    better = []
    for effect in ablation.effects:
        gains, losses = (_list_sure(effect, ablation.objectives, one) for one in (True, False))
        if gains and not losses:
            better.append(f"{effect.change} ({', '.join(gains)})")
    if better:
        yield f"Better than the candidate by more than noise, and worse in nothing by as much: {'; '.join(better)}."


def _list_sure(effect: Effect, objectives: Sequence[Objective], is_better: bool) -> list[str]:
    """The differences in one direction that are more than noise, in words."""
    return [
        f"{item.name} {_sign(known.value)}"
        for item in objectives
        if (known := effect.differences.get(item.name))
        and known.conclusion is Conclusion.MORE
        and (item.sign * known.value < 0.0) is is_better
    ]


def _describe_broken(ablation: Ablation) -> Iterator[str]:
    everyone = [
        ("The candidate", ablation.collapsed, ablation.failed),
        *((effect.change, effect.collapsed, effect.failed) for effect in ablation.effects),
    ]
    for who, collapsed, failed in everyone:
        if collapsed:
            yield f"{who} is broken under {_name_seeds(collapsed)}, which is left out of the means."
        if failed:
            yield f"{who} could not be trained under {_name_seeds(failed)}."


def _name_seeds(seeds: Sequence[int]) -> str:
    return f"seed{'s' * (len(seeds) != 1)} {', '.join(map(str, seeds))}"


def _describe_gaps(ablation: Ablation) -> Iterator[str]:
    for reason in dict.fromkeys(ablation.gaps.values()):
        names = [name for name, why in ablation.gaps.items() if why == reason]
        yield f"No interval for {' and '.join(names)}: {reason}."


def _describe_seeds(ablation: Ablation) -> Iterator[str]:
    if ablation.num_missing:
        yield f"{ablation.num_missing} trainings have not ended, so the table is not final."
    few = [effect for effect in ablation.effects if len(effect.seeds) < LEAST_SEEDS]
    if few and not ablation.num_missing:
        yield (
            f"Comparisons with fewer than {LEAST_SEEDS} seeds in common, from which nothing is concluded: {len(few)} "
            f"of {len(ablation.effects)}; --seeds adds some."
        )


def _describe_choice_of_candidate(ablation: Ablation) -> Iterator[str]:
    if number := ablation.num_choosing:
        yield (
            f"The search has chosen the candidate by {number} of its {len(ablation.seeds)} trainings, on these cases: "
            "that favours it."
        )


def _describe_intervals(ablation: Ablation) -> Iterator[str]:
    known = [one for effect in ablation.effects for one in effect.differences.values() if one.low is not None]
    if not known:
        return
    low = [one.coverage for one in known if one.coverage is not None]
    lower = [item.name for item in ablation.objectives if item.direction is Direction.MINIMISE]
    if lower:
        yield f"Lower is better: {', '.join(lower)}."
    rest = f" With so few seeds or subjects, some hold the truth in {min(low):.0%} of simulations only." if low else ""
    yield (
        f"Intervals are simultaneous: all {len(known)} hold the truth in 95% of studies, over training seeds and "
        f"subjects.{rest}"
    )
