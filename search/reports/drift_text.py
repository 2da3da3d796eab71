"""How a rescoring moves the front: as a table for the terminal, as lines of text, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from paretoseg.search.fronts.drift import Drift, Move
from paretoseg.search.reports.fitting_table import FittingTable
from paretoseg.search.trials.profile_columns import profile_columns
from paretoseg.spaces.objective import Direction, Objective


def drift_table(title: str, drift: Drift, objectives: Sequence[Objective]) -> Table:
    """A row a trial: every objective on validation cases, then on test cases, before -> after, and its place."""
    table = FittingTable(title=escape(title))
    table.add_column("trial", justify="right", no_wrap=True)
    for objective in objectives:
        table.add_column(objective.name, justify="right", style="bold", no_wrap=True)
    table.add_column("front", no_wrap=True)
    has_test = any(move.after.test for move in drift.moves)
    for objective in objectives if has_test else ():
        table.add_column(f"{objective.name}\non test", justify="right", no_wrap=True)  # fits into 80 columns
    for row in drift_rows(drift, objectives):
        table.add_row(*(escape(row[name]) for name in row if has_test or not name.endswith(" on test")))
    return table


def drift_rows(drift: Drift, objectives: Sequence[Objective]) -> list[dict[str, str]]:
    """The cells of the table, by the title of their column."""
    names = [objective.name for objective in objectives]
    return [
        {"trial": str(move.before.trial_id)}
        | {name: _change(move.before.objectives, move.after.objectives, name) for name in names}
        | {"front": f"{move.verdict}: {move.after.degenerate}" if move.after.degenerate else move.verdict}
        | {f"{name} on test": _change(move.before.test, move.after.test, name) for name in names}
        for move in drift.moves
    ]


def describe_drift(drift: Drift) -> list[str]:
    """How the front drifts, in sentences: validation cases decide, as in the search."""
    leaving, joining = (_list_trials(drift, verdict) for verdict in ("leaves", "joins"))
    before, after = drift.front_before, drift.front_after
    moved = [f"leaving: {leaving}" if leaving else "", f"joining: {joining}" if joining else ""]
    orders = [f"{name} {'-' if tau is None else f'{tau:.2f}'}" for name, tau in drift.taus.items()]
    return [
        *_describe_other_scales(drift),
        f"The front, on validation cases: {len(before.trials)} member{'s' * (len(before.trials) != 1)} "
        f"before, {len(after.trials)} after; "
        f"{'; '.join(filter(None, moved)) or 'no trial leaves or joins it'}.",
        f"Hypervolume {before.hypervolume:.4f} -> {after.hypervolume:.4f}. "
        f"Order of the trials, before and after (Kendall's tau): {', '.join(orders)}.",
        *(f"Note: trial {move.after.trial_id} {move.after.note}." for move in drift.moves if move.after.note),
    ]


def _describe_other_scales(drift: Drift) -> list[str]:
    """A sentence for every objective whose values cannot be compared, as its unit or direction has changed."""
    return [
        f"{new.name} after ({new.unit}, {_direction(new)}) is another number than before ({old.unit}, "
        f"{_direction(old)}): compare the order alone, and no hypervolume."
        for old, new in drift.objectives
        if (old.unit, old.direction) != (new.unit, new.direction)
    ]


def _direction(objective: Objective) -> str:
    return "lower is better" if objective.direction is Direction.MINIMISE else "higher is better"


def drift_to_csv(drift: Drift, objectives: Sequence[Objective]) -> bytes:
    """A row a trial: objectives and profile before and after, on validation and test cases, and its place."""
    rows = [_row(move, [objective.name for objective in objectives]) for move in drift.moves]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]) if rows else ["trial_id"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode()


def _row(move: Move, names: Sequence[str]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "trial_id": move.before.trial_id,
        "candidate": move.before.candidate.short_hash,
        "seed": move.before.seed,
    }
    for name in names:
        row |= {f"{name}_before": move.before.objectives[name], f"{name}_after": move.after.objectives[name]}
    for name in names:
        row[f"test_{name}_before"] = move.before.test.get(name, "")
        row[f"test_{name}_after"] = move.after.test.get(name, "")
    before, after = (profile_columns(trial) for trial in (move.before, move.after))
    for name in before:
        row |= {f"{name}_before": before[name], f"{name}_after": after[name]}
    row |= {"was_on_front": _truth(move.was_on_front), "is_on_front": _truth(move.is_on_front)}
    return row | {"degenerate": move.after.degenerate, "note": move.after.note}


def _truth(value: bool) -> str:
    """As in the study's own tables."""
    return str(value).lower()


def _change(before: Mapping[str, float], after: Mapping[str, float], name: str) -> str:
    first, second = (f"{values[name]:.3f}" if name in values else "-" for values in (before, after))
    return "-" if first == second == "-" else f"{first} → {second}"


def _list_trials(drift: Drift, verdict: str) -> str:
    ids = [str(move.before.trial_id) for move in drift.moves if move.verdict == verdict]
    return f"trial{'s' * (len(ids) != 1)} {', '.join(ids)}" if ids else ""
