"""The command `paretoseg ablate`: trains the neighbours of a candidate to find what each of its choices is worth."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import ceil

from rich.console import Console

from paretoseg.cluster.exit_codes import ExitCode
from paretoseg.search.ablation.effects import (
    Ablation,
    Cases,
    Training,
    Trainings,
    average,
    find_effects,
    list_failed,
    list_seeds,
)
from paretoseg.search.ablation.neighbours import Neighbour, name_by_dimension
from paretoseg.search.ablation.pairs import ListedPairs, Pair
from paretoseg.search.certainty.certainty import TOLERANCE
from paretoseg.search.commands.ablate_plan import AblationPlan, Wanted, check_target, make_ablation_plan
from paretoseg.search.commands.stopping import end_in_order, leave_ray, restore
from paretoseg.search.reports.ablation_text import ablation_rows, ablation_table, ablation_to_csv, describe_ablation
from paretoseg.search.reports.text import describe_seconds
from paretoseg.search.running.runner import connect, work_off
from paretoseg.search.running.session import JobSettings, Session
from paretoseg.search.running.watchdog import RayLostError
from paretoseg.search.store.ablation_folder import PICTURE, TABLE
from paretoseg.search.store.folder import StorageError
from paretoseg.search.store.lock import hold_lock
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.strategies.pruner import Never
from paretoseg.search.study.budget import Budget
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.study.study import Study
from paretoseg.search.trials.events import Created
from paretoseg.search.trials.trial import CONFIRMATION, State, Trial
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.image_task import ImageTask
from paretoseg.trainables.scoring.objectives import measure_draws
from paretoseg.trainables.scoring.score_table import ScoreTable, tabulate
from paretoseg.trainables.trainable import Split


def ablate(location: str, wanted: Wanted, overrides: Sequence[str], console: Console, *, as_json: bool) -> int:
    """Trains the neighbours of a candidate and shows how they differ from it; returns the exit code.

    The study itself is only read. What the study has trained, or this ablation before, is not trained again.

    Args:
        location: Folder or URI of the study.
        wanted: Which candidate, and what is tried.
        overrides: Where data lies and where the work runs.
        console: Where progress and the answer are shown; with `as_json`, progress alone, so not the standard output.
        as_json: Whether a list of flat objects is printed instead of the table.

    Raises:
        ValueError: for a mistake of the user's, before anything is written.
        LockedError: if another process is working on the same ablation.
        StorageError: if a folder cannot be written.
    """
    plan = make_ablation_plan(location, wanted, overrides)
    for pair in plan.pairs:  # rows of the study that are damaged are refused before anything is trained
        if (trial := plan.known.get(pair)) and trial.is_eligible:
            _read_table(plan, trial, plan.folder)
    target = plan.target
    with hold_lock(target.folder, kind="ablation"):
        target.tidy_up()
        before = check_target(plan) or _start(plan)
        missing = _list_missing(plan, before)
        num_left = len(missing) + before.num_running
        _announce(plan, num_left, console)
        session = _open(plan, before, missing)
        if num_left:
            _run(plan, session, console)
        return _conclude(plan, session, console, as_json=as_json)


def _start(plan: AblationPlan) -> StudyRecord:
    """Writes the config and the first record of the ablation."""
    created = plan.record.created
    plan.target.write_experiment(plan.composed.text)
    plan.target.journal.append(
        Created(time.time(), created.study, plan.task.objectives(), plan.task.cost_names(), created.overrides)
    )
    return plan.target.read_record()


def _list_missing(plan: AblationPlan, record: StudyRecord) -> list[Pair]:
    """What is neither in the study nor was started here."""
    started = {(trial.candidate, trial.seed) for trial in record.trials}
    return [pair for pair in plan.pairs if pair not in started and pair not in plan.known]


def _open(plan: AblationPlan, before: StudyRecord, missing: Sequence[Pair]) -> Session:
    experiment = plan.composed.experiment
    left = [*((trial.candidate, trial.seed) for trial in before.running), *missing]
    budget = Budget(max(1, len(before.trials) + len(missing)), max_failures=experiment.budget.max_failures)
    study = Study(plan.target.journal, ListedPairs(left), Never(), budget=budget, seed=experiment.seed)
    if left:
        study.open(time.time(), host=socket.gethostname(), pid=os.getpid())
    resources = experiment.resources
    device = "cuda" if resources.gpus else "cpu"
    settings = JobSettings(resources.num_threads, device, resources.timeout_min, quick_steps=())
    return Session(study, plan.target, plan.task, settings, time.time, keeps_networks=False)


def _announce(plan: AblationPlan, num_left: int, console: Console) -> None:
    for note in plan.notes:
        console.print(f"Note: {note}.", markup=False, soft_wrap=True)
    all_pairs = plan.pairs
    num_known = sum(pair in plan.known for pair in all_pairs)
    num_here = len(all_pairs) - num_known - num_left
    parts = [f"{num_known} of the study" * bool(num_known), f"{num_here} done before" * (num_here > 0)]
    used = f" ({', '.join(filter(None, parts))})" if any(parts) else ""
    number = len(plan.chosen)
    console.print(
        f"Ablating candidate {plan.number} of {plan.record.created.study} into {plan.target.folder.location}: it and "
        f"{number} neighbour{'s' * (number != 1)} under seeds {', '.join(map(str, plan.seeds))} are {len(all_pairs)} "
        f"trainings{used}; {num_left} to go{_estimate(plan, num_left)}. Ctrl-C stops; the same command resumes.",
        markup=False,
        soft_wrap=True,
    )
    if plan.left_out:
        left_out = "; ".join(name_by_dimension(plan.left_out))
        console.print(f"Left out, as --most is {number}: {left_out}.", markup=False, soft_wrap=True)


def _estimate(plan: AblationPlan, num_left: int) -> str:
    """How long the trainings take together, by the study's own; '' if that is not known."""
    seconds = plan.record.seconds_per_trial
    if not num_left or seconds is None:
        return ""
    return f", about {describe_seconds(num_left * seconds)} of training in all by the study's own trials"


def _show_with(plan: AblationPlan, session: Session, console: Console, slots: int) -> Callable[[Session], None]:
    """Prints a line for every training that ends."""
    names = {plan.candidate: "the candidate", **{one.candidate: one.describe() for one in plan.every}}
    record = session.study.record
    first = record.num_ends
    total = (session.study.budget.trial_limit or 0) - first
    shown: list[Trial] = []

    def show(session: Session) -> None:
        for trial in record.in_order_of_end(first + len(shown)):
            shown.append(trial)
            seconds = sum(one.total_seconds or 0.0 for one in shown) / len(shown) * ceil((total - len(shown)) / slots)
            left = f"about {describe_seconds(seconds)} left" if len(shown) < total else ""
            values = " ".join(f"{name} {value:.3f}" for name, value in trial.objectives.items())
            reason = (
                f"{trial.failure.kind}: {trial.failure.reason}" if trial.failure else trial.degenerate or trial.note
            )
            place = f"[{len(shown)}/{total}] {names[trial.candidate]}  seed {trial.seed}"
            line = "  ".join(part for part in (place, values, reason, left) if part)
            console.print(line, markup=False, highlight=False, soft_wrap=True)

    return show


def _run(plan: AblationPlan, session: Session, console: Console) -> None:
    """Runs the session until it is over, a signal arrives, the storage fails or Ray is lost."""
    resources = plan.composed.experiment.resources
    end_in_order("the same command", plan.cluster.abandon)
    try:
        with connect(plan.cluster, leave_ray, plan.target.folder.local_path) as (nodes, is_serial):
            slots = 1 if is_serial else resources.count_slots(nodes)
            session.observe = _show_with(plan, session, console, slots)
            say = partial(console.print, markup=False, highlight=False, soft_wrap=True)
            work_off(session, slots=0 if is_serial else slots, resources=resources, cluster=plan.cluster, say=say)
    except KeyboardInterrupt:
        session.study.reread()
        console.print("Interrupted.")
    except RayLostError as error:
        console.print(f"Stopped: Ray is lost ({error}).", markup=False, soft_wrap=True)
    except StorageError as error:
        session.halt(str(error))
    finally:
        restore()


def _conclude(plan: AblationPlan, session: Session, console: Console, *, as_json: bool) -> int:
    """Writes and shows what is known so far."""
    for warning in session.warnings:
        console.print(f"Note: {warning}", markup=False, soft_wrap=True)
    if session.halt_reason:
        raise StorageError(session.halt_reason)
    session.write_tables()
    ablation = measure_ablation(plan, session.study.record)
    _write(plan, ablation)
    if as_json:
        print(json.dumps(ablation_rows(ablation), indent=2))
    else:
        console.print(ablation_table(ablation))
        for line in describe_ablation(ablation):
            console.print(line, markup=False, soft_wrap=True)
        place = plan.target.folder
        where = f"Picture: {place.child(PICTURE).location}\nTable:   {place.child(TABLE).location}"
        console.print(where, markup=False, soft_wrap=True)
    if not ablation.num_missing:
        return ExitCode.DONE
    if session.study.gave_up:
        console.print(f"Stopped: {session.study.max_failures} trainings failed in a row.", soft_wrap=True)
        return ExitCode.GAVE_UP
    console.print("Work is left; the same command resumes.")
    return ExitCode.WORK_LEFT


def _write(plan: AblationPlan, ablation: Ablation) -> None:
    from paretoseg.search.reports.ablation_picture import draw_ablation  # matplotlib: late, so that refusals come soon

    plan.target.write_ablation(ablation, ablation_to_csv(ablation), draw_ablation(ablation))


def measure_ablation(plan: AblationPlan, record: StudyRecord) -> Ablation:
    """What is known so far, from the trials of the study and of the ablation.

    Neighbours and seeds that an earlier command has tried stay in it.

    Args:
        plan: What is tried now.
        record: The trials of the ablation.

    Raises:
        ValueError: if rows are missing or disagree with the journals.
    """
    here = {(trial.candidate, trial.seed): trial for trial in record.trials if trial.state is not State.RUNNING}
    tried = {trial.candidate for trial in record.trials} | {one.candidate for one in plan.chosen}
    neighbours = [one for one in plan.every if one.candidate in tried]
    seeds = tuple(sorted({*plan.seeds, *(trial.seed for trial in record.trials)}))
    candidate = _read_trainings(plan, here, plan.candidate, seeds)
    pairs = [(one, _read_trainings(plan, here, one.candidate, seeds)) for one in neighbours]
    effects, gaps = find_effects(candidate, pairs, plan.record.objectives, _describe_cases(plan))
    ended = {*here, *plan.known}
    sound = list_seeds(candidate, are_sound=True)
    return Ablation(
        study=plan.record.created.study,
        candidate=plan.number,
        seeds=seeds,
        objectives=plan.record.objectives,
        num_choosing=sum(_has_chosen(plan.known.get((plan.candidate, seed))) for seed in sound),
        means=average(candidate, sound),
        collapsed=list_seeds(candidate, are_sound=False),
        failed=list_failed(candidate),
        effects=effects,
        gaps=gaps,
        left_out=_list_left_out(plan, neighbours),
        num_missing=sum(pair not in ended for pair in plan.pairs),
    )


def _has_chosen(trial: Trial | None) -> bool:
    """True for a trial of the search; those of a confirmation came after the choice."""
    return trial is not None and trial.origin != CONFIRMATION


def _list_left_out(plan: AblationPlan, shown: Sequence[Neighbour]) -> tuple[str, ...]:
    known = {one.candidate for one in shown}
    return name_by_dimension([one for one in plan.left_out if one.candidate not in known])


def _read_trainings(
    plan: AblationPlan, here: Mapping[Pair, Trial], candidate: Candidate, seeds: Sequence[int]
) -> Trainings:
    """The trainings of a network that have ended: of the study, and of the ablation."""
    found = {}
    for seed in seeds:
        for trials, folder in ((plan.known, plan.folder), (here, plan.target)):
            trial = trials.get((candidate, seed))
            if trial is not None and seed not in found:
                found[seed] = Training(trial, _read_table(plan, trial, folder) if trial.is_eligible else None)
    return found


def _read_table(plan: AblationPlan, trial: Trial, folder: StudyFolder) -> ScoreTable | None:
    """The scores of a network on validation cases; None if the task has no images."""
    task = plan.task
    if not isinstance(task, ImageTask):
        return None
    name = f"{folder.folder.location}/{folder.cases.locate(trial.trial_id, Split.VALIDATION)}"
    rows = folder.cases.read(trial.trial_id, Split.VALIDATION, task.metric)
    if not rows:
        raise ValueError(f"{name} is missing or holds no {task.metric}; restore it")
    table = tabulate(rows)
    for objective, (value,) in measure_draws(table, table.once, task.rule).items():
        if not abs(value - trial.measured[objective]) <= TOLERANCE:
            raise ValueError(
                f"{name} gives {objective} {value:.6f}, but the journal kept {trial.measured[objective]:.6f}, so it "
                "was computed from other rows"
            )
    return table


def _describe_cases(plan: AblationPlan) -> Cases | None:
    """What the intervals depend on besides the scores; None if the task has no images."""
    if not isinstance(plan.task, ImageTask):
        return None
    subjects = {row.case: row.subject for row in plan.folder.read_splits() or () if row.subject}
    return Cases(subjects, plan.task.rule, plan.composed.experiment.seed)
