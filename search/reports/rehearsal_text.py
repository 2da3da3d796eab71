"""A rehearsal as a table for the terminal, in words, and as flat rows for scripts."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from paretoseg.search.health.check import Verdict
from paretoseg.search.rehearsal.comparison import LEVEL, Curve, Interval, Milestone, Outcome
from paretoseg.search.rehearsal.rehearsal import Option, Plan
from paretoseg.search.reports.convergence import name_compute
from paretoseg.search.reports.fitting_table import FittingTable
from paretoseg.search.reports.text import describe_seconds

_MUCH = 0.5
"""Share of the recorded candidates from which on a budget leaves strategies little choice."""

_FAR = 0.5
"""Share of the usual distance of candidates from which on a replaced proposal has little to do with what was meant."""


def name_option(option: Option, others: Sequence[Option]) -> str:
    """An option by what tells it apart from the others, its strategy first."""
    parts = [option.strategy]
    if len({other.pruner for other in others}) > 1:
        parts.append(option.pruner)
    if len({other.workers for other in others}) > 1:
        parts.append(f"{option.workers} worker{'s' * (option.workers != 1)}")
    return ", ".join(parts)


def rehearsal_table(plan: Plan, outcomes: Sequence[Outcome]) -> Table:
    """A row per option: the mean hypervolume along the budget, and below it the difference to the first option."""
    title = (
        f"Rehearsal of {plan.study}: {plan.repetitions} simulated searches each\nHypervolume after shares of "
        f"{plan.hours:.3g} {name_compute(plan.num_gpus)} (below: minus that of the first row)"
    )
    table = FittingTable(title=escape(title))
    table.add_column("option", overflow="fold")
    for milestone in outcomes[0].milestones:
        table.add_column(f"{milestone.share:.0%}", justify="right", no_wrap=True)
    for name in ("trials", "runs for"):
        table.add_column(name, justify="right", no_wrap=True)
    options = [outcome.option for outcome in outcomes]
    for outcome in outcomes:
        table.add_row(
            escape(name_option(outcome.option, options)),
            *(escape(_cell(milestone)) for milestone in outcome.milestones),
            f"{outcome.mean('num_started'):.1f}",
            describe_seconds(3600 * outcome.mean("total_hours")),
        )
    table.caption = escape(
        f"All {len(plan.table.candidates)} recorded candidates together reach {plan.table.hypervolume:.4f}."
    )
    return table


def describe_rehearsal(plan: Plan, outcomes: Sequence[Outcome]) -> list[str]:
    """What the table says, and what it cannot say."""
    lines = [_describe_winner(plan, outcomes), _describe_replaced(plan, outcomes)]
    lines.append(
        f"Intervals hold {LEVEL:.0%} over repetitions of the search on these candidates; other data may rank options "
        "otherwise."
    )
    lines += _describe_health(plan, outcomes)
    return lines + [f"Note: {note}." for note in _list_notes(plan, outcomes)]


def _describe_health(plan: Plan, outcomes: Sequence[Outcome]) -> list[str]:
    """What the health checks find in the searches of every option, and what early stopping has saved by replay."""
    options = [outcome.option for outcome in outcomes]
    lines = []
    for outcome in outcomes:
        name, counts = name_option(outcome.option, options), _count_verdicts(outcome)
        said = [
            f"{check} {' and '.join(f'{word} in {number}' for word, number in of_check.items())}"
            for check, of_check in counts.items()
        ]
        lines.append(f"Health of {len(outcome.runs)} searches with {name}: {'; '.join(said) or 'no check warns'}.")
        if outcome.total("num_stopped"):
            hours = name_compute(plan.num_gpus)
            lines.append(
                f"With {name}, early stopping saved {outcome.mean('saved'):.2g} {hours} at "
                f"{outcome.mean('num_false_stops'):.2g} false stops a search, by replay."
            )
    return lines


def _count_verdicts(outcome: Outcome) -> dict[str, dict[str, int]]:
    """In how many searches a check warns or fails, by check and word."""
    words = {Verdict.WARN: "warns", Verdict.FAIL: "fails"}
    counts: dict[str, dict[str, int]] = {}
    for finding in (finding for run in outcome.runs for finding in run.findings if finding.verdict in words):
        of_check, word = counts.setdefault(finding.check, {}), words[finding.verdict]
        of_check[word] = of_check.get(word, 0) + 1
    return counts


def _describe_winner(plan: Plan, outcomes: Sequence[Outcome]) -> str:
    """Which options differ from the first one once the budget is spent."""
    options = [outcome.option for outcome in outcomes]
    first = name_option(options[0], options)
    if len(outcomes) == 1:
        return f"{first} stands alone; name several strategies, pruners or numbers of workers to compare them."
    parts: dict[str, list[str]] = {"higher": [], "lower": [], "no difference beyond noise": []}
    for outcome in outcomes[1:]:
        difference = outcome.milestones[-1].difference
        assert difference is not None
        sign = "higher" if difference.value > 0.0 else "lower"
        word = sign if difference.excludes_zero else "no difference beyond noise"
        parts[word].append(name_option(outcome.option, options))
    said = [f"{word} ({'; '.join(names)})" for word, names in parts.items() if names]
    return f"At the end of the budget, compared with '{first}': {', '.join(said)}."


def _describe_replaced(plan: Plan, outcomes: Sequence[Outcome]) -> str:
    """How many proposals stand for another point, and how far that was."""
    proposed, replaced = (sum(outcome.total(name) for outcome in outcomes) for name in ("num_proposed", "num_replaced"))
    said = f"{replaced:,} of {proposed:,} proposals were replaced by the nearest recorded candidate"
    usual = plan.space.mean_distance
    if not replaced or not usual:
        return f"{said}."
    moved = sum(run.distance for outcome in outcomes for run in outcome.runs) / replaced
    return f"{said}, which lay {moved / usual:.0%} as far as two recorded candidates lie apart on average."


def _list_notes(plan: Plan, outcomes: Sequence[Outcome]) -> Iterator[str]:
    table = plan.table
    if plan.trials > _MUCH * len(table.candidates):
        yield (
            f"the budget of {plan.trials} trials covers most of the {len(table.candidates)} recorded candidates, so "
            "all strategies end alike; lower --trials"
        )
    moved = [run.distance for outcome in outcomes for run in outcome.runs]
    replaced = sum(outcome.total("num_replaced") for outcome in outcomes)
    if replaced and sum(moved) > _FAR * replaced * plan.space.mean_distance:
        yield (
            "the recorded candidates lie so far apart that a strategy's fine steps are lost; what is compared is "
            "rather how the options deal with time"
        )
    missing = [one for one in (*plan.created.known, *plan.created.warm) if not plan.space.contains(one)]
    if missing:
        yield f"{len(missing)} of the study's known points are not recorded, so they are not proposed first"
    if plan.confirm.seeds == 1:
        yield (
            f"further seeds within the search are not rehearsed: {table.num_replicated} of {len(table.candidates)} "
            "candidates are recorded with several"
        )
    if not table.has_reports and any(outcome.option.pruner != "never" for outcome in outcomes):
        yield "no training was measured on the way, so no pruner can stop any; task.quick_share=0 measures every step"
    gave_up = sum(outcome.total("gave_up") for outcome in outcomes)
    if gave_up:
        yield (
            f"{gave_up} runs gave up, as {plan.max_failures} trials failed in a row (budget.max_failures); they count "
            "with what they had found"
        )


def list_rows(plans: Sequence[Plan], outcomes: Sequence[Sequence[Outcome]]) -> list[dict[str, Any]]:
    """A flat row for every option and share of the budget."""
    return [
        _name_row(plan, outcome)
        | {
            "budget_share": milestone.share,
            "gpu_hours" if plan.num_gpus else "compute_hours": milestone.spent,
            **_spread("hypervolume", milestone.hypervolume),
            **_spread("difference", milestone.difference),
        }
        | _count(plan, outcome)
        for plan, of_plan in zip(plans, outcomes, strict=True)
        for outcome in of_plan
        for milestone in outcome.milestones
    ]


def list_curves(plans: Sequence[Plan], outcomes: Sequence[Sequence[Outcome]]) -> list[dict[str, Any]]:
    """A flat row for every point of every curve of the picture."""
    return [
        _name_row(plan, outcome) | {"axis": axis} | point
        for plan, of_plan in zip(plans, outcomes, strict=True)
        for outcome in of_plan
        for axis, curve in (
            ("gpu_hours" if plan.num_gpus else "compute_hours", outcome.by_spent),
            ("hours", outcome.by_time),
        )
        for point in _list_points(curve)
    ]


def rows_to_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Flat rows as CSV; what a row lacks is empty."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode()


def _name_row(plan: Plan, outcome: Outcome) -> dict[str, Any]:
    option = outcome.option
    return {"study": plan.study, "strategy": option.strategy, "pruner": option.pruner, "workers": option.workers}


def _count(plan: Plan, outcome: Outcome) -> dict[str, Any]:
    return {
        "repetitions": plan.repetitions,
        "candidates": len(plan.table.candidates),
        "recorded_hypervolume": plan.table.hypervolume,
        "trials": outcome.mean("num_started"),
        "stopped": outcome.mean("num_stopped"),
        "failed": outcome.mean("num_failed"),
        "lost": outcome.mean("num_lost"),
        "replicates": outcome.mean("num_replicates"),
        "replaced_share": _find_share(outcome),
        "hours": outcome.mean("total_hours"),
        "seconds_per_proposal": sum(run.ask_seconds for run in outcome.runs) / max(outcome.total("num_asked"), 1),
        "saved_gpu_hours" if plan.num_gpus else "saved_compute_hours": outcome.mean("saved"),
        "false_stops": outcome.mean("num_false_stops"),
    }


def _list_points(curve: Curve) -> Iterator[dict[str, float]]:
    for hours, mean, low, high in zip(curve.hours, curve.mean, curve.low, curve.high, strict=True):
        yield {"at": float(hours), "hypervolume": float(mean), "low": float(low), "high": float(high)}


def _spread(name: str, interval: Interval | None) -> dict[str, float | None]:
    if interval is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}


def _find_share(outcome: Outcome) -> float:
    """The share of proposals that stand for another point."""
    return outcome.total("num_replaced") / max(outcome.total("num_proposed"), 1)


def _cell(milestone: Milestone) -> str:
    reached = f"{milestone.hypervolume.value:.4f}"
    difference = milestone.difference
    if difference is None:
        return reached
    return f"{reached}\n{_format(difference.value, '+')}\n[{_format(difference.low)} {_format(difference.high)}]"


def _format(value: float, sign: str = "-") -> str:
    """A difference in three digits, such as '+.012'."""
    return f"{value:{sign}.3f}".replace("0.", ".", 1)
