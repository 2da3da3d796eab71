"""The command `paretoseg rehearse`: tries out strategies, pruners and workers on recorded studies, without training."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from paretoseg.cluster.exit_codes import ExitCode
from paretoseg.search.commands.outputs import check_output
from paretoseg.search.commands.wanted_rehearsal import Wanted
from paretoseg.search.config.config import CHANGEABLE, CHOICES, Experiment, compose, name_option
from paretoseg.search.config.stored_task import compose_stored
from paretoseg.search.rehearsal.comparison import Outcome, compare
from paretoseg.search.rehearsal.recorded_studies import Pool, RecordedStudy, pool_studies, read_study
from paretoseg.search.rehearsal.rehearsal import Option, Plan, rehearse
from paretoseg.search.rehearsal.simulator import Mishaps
from paretoseg.search.reports.rehearsal_picture import draw_rehearsal
from paretoseg.search.reports.rehearsal_text import (
    describe_rehearsal,
    list_curves,
    list_rows,
    rehearsal_table,
    rows_to_csv,
)
from paretoseg.search.running.session import MAX_LOSSES
from paretoseg.search.store.folder import Folder
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.study.confirmation import Confirmation
from paretoseg.trainables.data.model_record import to_safe_name

MAX_WORKERS = 10_000
_UNNAMED = "study=rehearsal"


@dataclass(frozen=True)
class _Source:
    """A study on the disk."""

    study: RecordedStudy
    experiment: Experiment
    notes: Sequence[str]


@dataclass(frozen=True)
class Prepared:
    """Rehearsals that passed all checks and can be simulated: one for every pool of studies."""

    pools: Sequence[Pool]

    plans: Sequence[Plan]
    """What all options of a pool share, pool by pool."""

    options: Sequence[Sequence[Option]]
    """What is compared, pool by pool."""

    notes: Sequence[str]
    """What could not be read of the studies."""


def prepare_rehearsal(locations: Sequence[str], wanted: Wanted) -> Prepared:
    """Checks what is to be simulated.

    Args:
        locations: Folders or URIs of the studies, which are only read.
        wanted: What is compared.

    Raises:
        ValueError: for a mistake of the user's.
        StorageError: if a folder cannot be read.
    """
    _check(wanted)
    sources = [_read(location) for location in dict.fromkeys(locations)]
    first = {id(source.study.created): source for source in sources}
    pools = pool_studies([source.study for source in sources])
    plans = [_make_plan(pool, first[id(pool.created)].experiment, wanted) for pool in pools]
    options = [_list_options(first[id(pool.created)].experiment, wanted) for pool in pools]
    for plan, tried in zip(plans, options, strict=True):
        _try_out(plan, tried)
    return Prepared(pools, plans, options, [note for source in sources for note in source.notes])


def rehearse_studies(locations: Sequence[str], wanted: Wanted, console: Console, *, as_json: bool = False) -> int:
    """Simulates searches on recorded studies, shows how they compare, and writes tables and a picture.

    Args:
        locations: Folders or URIs of the studies, which are only read.
        wanted: What is compared.
        console: Where the answer is shown.
        as_json: Whether a list of flat objects is printed instead of tables.

    Returns:
        The exit code.

    Raises:
        ValueError: for a mistake of the user's, before anything is simulated or written.
        StorageError: if a folder cannot be read or written.
    """
    prepared = prepare_rehearsal(locations, wanted)
    pools, plans = prepared.pools, prepared.plans
    place = wanted.output if wanted.output is not None else f"rehearsal-{to_safe_name('-'.join(pools[0].names))}"
    check_output(place, "rehearsal-<study>")
    outcomes = simulate(prepared)
    write_rehearsal(Folder(place), plans, outcomes)
    if as_json:
        print(json.dumps(list_rows(plans, outcomes), indent=2))
        return ExitCode.DONE
    for plan, pool, of_plan in zip(plans, pools, outcomes, strict=True):
        console.print(rehearsal_table(plan, of_plan))
        for line in [*describe_rehearsal(plan, of_plan), *(f"Note: {note}." for note in pool.notes)]:
            console.print(line, markup=False, soft_wrap=True)
    for line in [*(f"Note: {note}." for note in prepared.notes), *_list_files(Folder(place))]:
        console.print(line, markup=False, soft_wrap=True)
    return ExitCode.DONE


def _check(wanted: Wanted) -> None:
    """Refuses what no study could change.

    Raises:
        ValueError: in one line.
    """
    for group, names in (("strategy", wanted.strategies), ("pruner", wanted.pruners)):
        _check_names(group, names)
    if wanted.trials is not None and wanted.trials < 1:
        raise ValueError(f"--trials must be at least 1, got {wanted.trials}")
    if wanted.repetitions < 2:
        raise ValueError(f"--repetitions must be at least 2, so that there is an interval, got {wanted.repetitions}")
    if not 0.0 <= wanted.failures < 1.0:
        raise ValueError(f"--failures must lie in 0..1, below 1, got {wanted.failures}")
    if wanted.seed < 0:
        raise ValueError(f"--seed must not be negative, got {wanted.seed}")
    if not wanted.workers:
        raise ValueError("--workers must name at least one number, such as --workers 1,4,16")
    for workers in wanted.workers:
        if not 1 <= workers <= MAX_WORKERS:
            raise ValueError(f"--workers must lie in 1..{MAX_WORKERS}, got {workers}")


def _check_names(group: str, names: Sequence[str] | None) -> None:
    option = {"strategy": "--strategies", "pruner": "--pruners"}[group]
    known = CHOICES[group]
    if names is not None and not names:
        raise ValueError(f"{option} must name at least one of {', '.join(known)}")
    for name in names or ():
        known.check(name)


def _read(location: str) -> _Source:
    folder = StudyFolder(location)
    events = folder.read_events()
    record = folder.read_record()
    experiment = compose_stored(folder, record.created).experiment
    try:
        study = read_study(events, experiment.build_space(), _find_kind(experiment))
    except ValueError as error:
        raise ValueError(f"'{location}': {error}") from None
    return _Source(study, experiment, folder.journal.describe_left_out())


def _find_kind(experiment: Experiment) -> str:
    """What makes the candidates of two studies comparable: everything about task and data but where the data lies."""
    moved = {key.removeprefix("data.") for key in CHANGEABLE if key.startswith("data.")}
    data = {name: value for name, value in dataclasses.asdict(experiment.data).items() if name not in moved}
    task = dataclasses.asdict(experiment.task)
    parts = [type(experiment.task).__name__, task, type(experiment.data).__name__, data]
    return json.dumps(parts, sort_keys=True, default=str)


def _make_plan(pool: Pool, experiment: Experiment, wanted: Wanted) -> Plan:
    """What the options of one pool share."""
    count = len(pool.table.candidates)
    if wanted.trials is not None and wanted.trials > count:
        raise ValueError(
            f"--trials must be at most {count}, as {pool.name} has {count} recorded candidates; got {wanted.trials}"
        )
    return Plan(
        study=pool.name,
        created=pool.created,
        table=pool.table,
        space=pool.space,
        trials=wanted.trials or max(count // 2, 1),
        num_gpus=experiment.resources.gpus,
        repetitions=wanted.repetitions,
        confirm=_choose_seeds(pool, experiment),
        max_failures=experiment.budget.max_failures,
        mishaps=Mishaps(wanted.failures, MAX_LOSSES),
        seed=wanted.seed,
    )


def _choose_seeds(pool: Pool, experiment: Experiment) -> Confirmation:
    """The study's own seeds, if most candidates have several to draw from; otherwise one."""
    has_several = 2 * pool.table.num_replicated > len(pool.table.candidates)
    return experiment.confirm if has_several else dataclasses.replace(experiment.confirm, seeds=1)


def _list_options(experiment: Experiment, wanted: Wanted) -> list[Option]:
    """Every strategy with every pruner and every number of workers; what the study used keeps its settings."""
    own = {"strategy": _name(experiment, "strategy"), "pruner": _name(experiment, "pruner")}
    default = _name(compose([_UNNAMED]).experiment, "strategy")
    strategies = wanted.strategies or ("random", own["strategy"], default)
    pruners = wanted.pruners or ("never", own["pruner"])
    return [
        Option(
            strategy,
            pruner,
            workers,
            experiment.strategy if strategy == own["strategy"] else CHOICES["strategy"][strategy](),
            experiment.pruner if pruner == own["pruner"] else CHOICES["pruner"][pruner](),
        )
        for strategy in dict.fromkeys(strategies)
        for pruner in dict.fromkeys(pruners)
        for workers in dict.fromkeys(wanted.workers)
    ]


def _name(experiment: Experiment, group: str) -> str:
    """The option of a group that an experiment has."""
    return name_option(group, getattr(experiment, group))


def _try_out(plan: Plan, options: Sequence[Option]) -> None:
    """Builds every strategy once: one that cannot be used here is refused before hours of simulation."""
    for option in options:
        option.strategy_config.build(plan.space, plan.objectives, 0)
        option.pruner_config.build(plan.objectives)


def simulate(prepared: Prepared) -> list[list[Outcome]]:
    """The outcome of every option, pool by pool; progress is shown on the terminal, and never on what is piped."""
    plans, options = prepared.plans, prepared.options
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    found = []
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        total = sum(plan.repetitions * len(of_plan) for plan, of_plan in zip(plans, options, strict=True))
        task = progress.add_task("simulated searches", total=total)
        for plan, of_plan in zip(plans, options, strict=True):
            runs = rehearse(plan, of_plan, lambda: progress.advance(task))
            found.append(compare(plan, of_plan, runs))
    return found


def write_rehearsal(folder: Folder, plans: Sequence[Plan], outcomes: Sequence[Sequence[Outcome]]) -> None:
    """Writes both tables and the picture.

    Raises:
        StorageError: if the folder cannot be written.
    """
    folder.write("rehearsal.csv", rows_to_csv(list_rows(plans, outcomes)))
    folder.write("curves.csv", rows_to_csv(list_curves(plans, outcomes)))
    folder.write("rehearsal.png", draw_rehearsal(plans, outcomes))


def _list_files(folder: Folder) -> list[str]:
    named = (("Picture", "rehearsal.png"), ("Table", "rehearsal.csv"), ("Curves", "curves.csv"))
    return [f"{what + ':':<8} {folder.child(name).location}" for what, name in named]
