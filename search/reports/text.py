"""The front and the state of a study as tables for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from paretoseg.search.candidates.result import Result
from paretoseg.search.reports.baseline_text import describe_baselines
from paretoseg.search.reports.certainty_text import format_interval, format_probability
from paretoseg.search.reports.constraint_text import describe_constraints
from paretoseg.search.reports.fidelity import (
    describe_no_quick,
    describe_share,
    measure_battery_share,
    measure_fidelity,
)
from paretoseg.search.reports.fitting_table import FittingTable
from paretoseg.search.reports.reality_text import describe_reality
from paretoseg.search.reports.robustness_text import describe_profiles, flag_collapse, summarise_families
from paretoseg.search.reports.stopping_data import measure_agreements, to_plain
from paretoseg.search.reports.stopping_text import describe_agreements, describe_stopping, list_receipts
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.trial import BASELINE, State, Trial
from paretoseg.spaces.objective import Direction, Objective
from paretoseg.spaces.presets import CORE
from paretoseg.spaces.search_space import DIMENSIONS, Candidate
from paretoseg.trainables.scoring.resampling import COVERAGE

if TYPE_CHECKING:
    from paretoseg.search.certainty.certainty import Certainty
    from paretoseg.search.certainty.reality import Reality

_MAX_FAILURES = 5


def front_table(
    record: StudyRecord,
    max_rows: int | None = None,
    *,
    certainty: Certainty | None = None,
    has_intervals: bool = False,
) -> Table:
    """The front, a row a candidate, best first in the first objective; what all members share is in the caption.

    After each objective comes its value on test cases, or with `has_intervals` its interval on validation cases. `P` is
    the probability of being on the front: by test cases for a confirmed candidate, else by the cases that chose it, in
    brackets. `size` is the number of parameters.
    """
    results = record.front.results
    shown = results[:max_rows]
    objectives = [objective.name for objective in record.objectives]
    has_test = any(result.tested for result in results)
    bracketed = f"{COVERAGE:.0%} intervals" if has_intervals else _name_test(record) if has_test else ""
    title = f"Front of {record.created.study}" + (f" (in brackets: {bracketed})" if bracketed else "")
    table = FittingTable(title=escape(title))
    table.add_column("trial", justify="right", no_wrap=True)
    has_seeds = any(len(result.trials) + len(result.collapsed) > 1 for result in results)
    if has_seeds:
        table.add_column("seeds", justify="right", no_wrap=True)
    for name in objectives:
        table.add_column(name, justify="right", style="bold", no_wrap=True)
    has_probability = certainty is not None and certainty.selection.probabilities is not None
    if has_probability:
        table.add_column("P", justify="right", no_wrap=True)
    if "parameters" in record.created.cost_names:
        table.add_column("size", justify="right", no_wrap=True)
    table.add_column("what it is", overflow="fold")
    trials, created = record.front.trials, record.created
    varying, constant = _split_dimensions([one for one in trials if not created.name_baseline(one.candidate)])
    for result in shown:
        trial = result.as_trial
        cells = [str(result.number), *([_count_seeds(result)] if has_seeds else [])]
        cells += _objective_cells(trial, objectives, certainty if has_intervals else None)
        cells += [_find_probability(result.number, certainty)] if certainty and has_probability else []
        cells += [shorten_count(trial.costs["parameters"])] if "parameters" in trial.costs else []
        parts = (flag_collapse(trial), created.name_baseline(trial.candidate) or _describe(trial, varying))
        table.add_row(*cells, escape("; ".join(filter(None, parts))))
    more = f"{len(trials) - len(shown)} more on the front. " if len(shown) < len(trials) else ""
    same = f" All: {' '.join(f'{name}={value}' for name, value in constant.items())}." if constant else ""
    lower = ", ".join(_name_unit(item) for item in record.objectives if item.direction is Direction.MINIMISE)
    better = f" Lower is better: {lower}." if lower else ""
    met = f" {described}" if (described := describe_constraints(record)) else ""
    table.caption = escape(f"{more}Hypervolume {record.front.hypervolume:.4f}.{better}{met}{same}")
    return table


def _name_unit(objective: Objective) -> str:
    """The name of a cost with its unit; the unit of a score is known from the study."""
    return f"{objective.name} [{objective.unit}]" if objective.ideal is not None else objective.name


def _name_test(record: StudyRecord) -> str:
    seen = ", seen before the search ended" if record.were_test_cases_seen else ""
    return f"on test cases{seen}"


def _count_seeds(result: Result) -> str:
    """The seeds of a candidate, such as '3', or '2/3' if it collapses under one of three."""
    num_sound = len(result.seeds)
    return f"{num_sound}/{num_sound + len(result.collapsed)}" if result.collapsed else str(num_sound)


def shorten_count(number: float) -> str:
    """A number of parameters in three digits, such as '29.9k' or '31.2M'."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.0f}"


def _find_probability(number: int, certainty: Certainty) -> str:
    tested, chosen = (evidence.probabilities or {} for evidence in (certainty.test, certainty.selection))
    if number in tested:
        return format_probability(tested[number])
    return f"({format_probability(chosen.get(number))})"


def _objective_cells(trial: Trial, objectives: Sequence[str], certainty: Certainty | None) -> list[str]:
    cells = []
    for name in objectives:
        bracketed = f" ({format_number(trial.test[name])})" if name in trial.test else ""
        if certainty:
            bracketed = " " + format_interval(certainty.find_estimate(trial.trial_id, name))
        cells.append(escape(format_number(trial.objectives[name]) + bracketed))
    return cells


def _describe(trial: Trial, names: Sequence[str]) -> str:
    values = trial.candidate.as_dict()
    return " ".join(f"{name}={values[name]}" for name in names)


def status_view(
    record: StudyRecord,
    writer: str | None,
    left_out: Sequence[str],
    job: str = "",
    reality: Reality | None = None,
) -> RenderableType:
    """Where a study stands: counts, budget, front, what it says about reality, and what failed last."""
    opened = record.opened[-1] if record.opened else None
    budget = f" of {opened.budget_trials}" if opened and opened.budget_trials is not None else ""
    lines: list[RenderableType] = [
        Text.assemble(("study ", "bold"), record.created.study),
        Text(f"trials  {record.num_searched}{budget}{describe_confirming(record)}: {count_states(record)}"),
        Text(f"writer  {writer or 'none; the search is not running'}"),
        *([Text(f"job     {job}")] if job else []),
        Text(f"front   {_count(len(record.front.results), 'candidate')}, hypervolume {record.front.hypervolume:.4f}"),
        *([Text(f"bounds  {bounds}")] if (bounds := describe_constraints(record)) else []),
        Text(f"time    {describe_seconds(record.hours_used * 3600)} in {_count(len(record.opened), 'session')}"),
        *(Text(f"quick   {item.describe()}") for item in measure_fidelity(record.trials, record.objectives)),
    ]
    lines += [Text(f"quick   {none}")] if (none := describe_no_quick(record.trials)) else []
    share = measure_battery_share(record.trials)
    lines += [Text(line) for line in describe_baselines(record)]
    lines += [Text(f"battery {describe_share(share)}")] if share is not None else []
    lines += [Text(f"reality {line}") for line in describe_reality(reality)]
    lines += [Text(f"early   {line}") for line in describe_stopping(record)]
    lines += [Text(f"rung    {line}") for line in describe_agreements(measure_agreements(record))]
    lines += [Text(f"receipt {line}") for line in list_receipts(record)]
    families = summarise_families(record.front.trials)
    lines += [Text(f"family  {families}")] if families else []
    lines += [Text(line, style="red") for line in describe_profiles(record.front.trials)]
    lines += [Text(f"note    {note}", style="yellow") for note in left_out]
    degenerate = [trial for trial in record.trials if trial.degenerate]
    lines += [
        Text(f"off the front: trial {trial.trial_id}, {trial.degenerate}") for trial in degenerate[-_MAX_FAILURES:]
    ]
    noted = [trial for trial in record.trials if trial.note and not trial.degenerate]
    lines += [Text(f"note    trial {trial.trial_id} {trial.note}", style="yellow") for trial in noted[-_MAX_FAILURES:]]
    failed = [trial for trial in record.trials if trial.failure]
    for trial in failed[-_MAX_FAILURES:]:
        assert trial.failure is not None
        lines.append(
            Text(f"failed  trial {trial.trial_id} ({trial.failure.kind}): {trial.failure.reason}", style="red")
        )
    return Group(*lines)


def to_plain_status(record: StudyRecord, writer: str | None, left_out: Sequence[str]) -> dict[str, Any]:
    """Where a study stands as plain JSON values: trials by state, budget, front, early stopping."""
    opened = record.opened[-1] if record.opened else None
    budget = opened and {name: getattr(opened, f"budget_{name}") for name in ("trials", "hours", "voxels")}
    return {
        "study": record.created.study,
        "trials": {state.value: record.count(state) for state in State},
        "num_searched": record.num_searched,
        "num_confirming": record.num_confirming,
        "budget": budget,
        "writer": writer,
        "front": [result.number for result in record.front.results],
        "baselines": {
            trial.trial_id: record.created.name_baseline(trial.candidate)
            for trial in record.trials
            if trial.origin == BASELINE
        },
        "hypervolume": record.front.hypervolume,
        "hours_used": record.hours_used,
        "early_stopping": to_plain(record),
        "notes": list(left_out),
    }


def describe_confirming(record: StudyRecord) -> str:
    """The trials that were started to confirm the front, in words; '' if there are none."""
    return f" and {record.num_confirming} to confirm the front" if record.num_confirming else ""


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'s' * (number != 1)}"


def count_states(record: StudyRecord) -> str:
    """The number of trials in each state, in words."""
    return ", ".join(f"{record.count(state)} {state.value}" for state in State if record.count(state)) or "none yet"


def describe_seconds(seconds: float) -> str:
    """A duration for people, such as '2 min 05 s'."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _split_dimensions(trials: Sequence[Trial]) -> tuple[list[str], dict[str, Any]]:
    """The dimensions in which the trials differ, and the shared values of the others.

    Leaves out a dimension outside the core preset that has its default value.
    """
    rows: list[Mapping[str, Any]] = [trial.candidate.as_dict() for trial in trials]
    defaults = Candidate().as_dict()
    values = {name: {row[name] for row in rows} for name in DIMENSIONS}
    relevant = [name for name in DIMENSIONS if name in CORE or values[name] != {defaults[name]}]
    varying = [name for name in relevant if len(values[name]) > 1 or len(rows) == 1]
    return varying, {name: next(iter(values[name])) for name in relevant if rows and name not in varying}


def format_number(value: float | None) -> str:
    """A measured number for tables: in three decimals, or whole from 1,000 up; '-' if there is none."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3f}"
