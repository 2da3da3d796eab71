"""The front and the state of a study as tables for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from paretoseg.search.reports.certainty_text import format_interval
from paretoseg.search.reports.fidelity import describe_share, measure_battery_share, measure_fidelity
from paretoseg.search.reports.robustness_text import describe_profiles, flag_collapse, summarise_families
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.trial import State, Trial
from paretoseg.spaces.objective import Direction
from paretoseg.spaces.presets import CORE
from paretoseg.spaces.search_space import DIMENSIONS, Candidate
from paretoseg.trainables.scoring.resampling import COVERAGE

if TYPE_CHECKING:
    from paretoseg.search.fronts.certainty import Certainty

_MAX_FAILURES = 5


def front_table(record: StudyRecord, max_rows: int | None = None, *, certainty: Certainty | None = None) -> Table:
    """The front, a row a trial, best first in the first objective; what all members share is in the caption.

    After each objective comes its value on test cases, or its interval if the front's certainty is known.
    """
    trials = record.front.trials
    shown = trials[:max_rows]
    objectives = [objective.name for objective in record.objectives]
    has_test = any(trial.test for trial in trials)
    bracketed = f"{COVERAGE:.0%} intervals" if certainty else "on test cases" if has_test else ""
    title = f"Front of {record.created.study}" + (f" (in brackets: {bracketed})" if bracketed else "")
    table = Table(title=escape(title), box=SIMPLE_HEAD, title_justify="left", caption_justify="left", pad_edge=False)
    table.add_column("trial", justify="right", no_wrap=True)
    for name in objectives:
        table.add_column(name, justify="right", style="bold", no_wrap=True)
    if "parameters" in record.created.cost_names:
        table.add_column("parameters", justify="right", no_wrap=True)
    table.add_column("what it is", overflow="fold")
    varying, constant = _split_dimensions(trials)
    for trial in shown:
        parts = (flag_collapse(trial), _describe(trial, varying))
        table.add_row(*_front_cells(trial, objectives, certainty), escape("; ".join(filter(None, parts))))
    more = f"{len(trials) - len(shown)} more on the front. " if len(shown) < len(trials) else ""
    same = f" All: {' '.join(f'{name}={value}' for name, value in constant.items())}." if constant else ""
    lower = ", ".join(item.name for item in record.objectives if item.direction is Direction.MINIMISE)
    better = f" Lower is better: {lower}." if lower else ""
    table.caption = escape(f"{more}Hypervolume {record.front.hypervolume:.4f}.{better}{same}")
    return table


def _front_cells(trial: Trial, objectives: Sequence[str], certainty: Certainty | None) -> list[str]:
    cells = [str(trial.trial_id)]
    for name in objectives:
        bracketed = f" ({_number(trial.test[name])})" if name in trial.test else ""
        if certainty:
            bracketed = " " + format_interval(certainty.intervals[trial.trial_id][name])
        cells.append(escape(_number(trial.objectives[name]) + bracketed))
    return cells + ([_number(trial.costs["parameters"])] if "parameters" in trial.costs else [])


def _describe(trial: Trial, names: Sequence[str]) -> str:
    values = trial.candidate.as_dict()
    return " ".join(f"{name}={values[name]}" for name in names)


def status_view(record: StudyRecord, writer: str | None, left_out: Sequence[str], job: str = "") -> RenderableType:
    """Where a study stands: counts, budget, front, and what failed last."""
    opened = record.opened[-1] if record.opened else None
    budget = f" of {opened.budget_trials}" if opened else ""
    lines: list[RenderableType] = [
        Text.assemble(("study ", "bold"), record.created.study),
        Text(f"trials  {len(record.trials)}{budget}: {count_states(record)}"),
        Text(f"writer  {writer or 'none; the search is not running'}"),
        *([Text(f"job     {job}")] if job else []),
        Text(f"front   {_count(len(record.front.trials), 'trial')}, hypervolume {record.front.hypervolume:.4f}"),
        Text(f"time    {describe_seconds(record.hours_used * 3600)} in {_count(len(record.opened), 'session')}"),
        *(Text(f"quick   {item.describe()}") for item in measure_fidelity(record.trials, record.objectives)),
    ]
    share = measure_battery_share(record.trials)
    lines += [Text(f"battery {describe_share(share)}")] if share is not None else []
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


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3f}"
