"""The command `paretoseg search`: from overrides to a study that ran."""

from __future__ import annotations

import os
import shlex
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

from rich.console import Console

from paretoseg.cluster.cluster import BatchConfig, DirectConfig
from paretoseg.cluster.exit_codes import ExitCode
from paretoseg.cluster.resources import Node, Resources
from paretoseg.search.certainty.confirming import Chosen
from paretoseg.search.commands.answer import show_failures, show_front, show_next_steps
from paretoseg.search.commands.budget_text import describe_finish
from paretoseg.search.commands.certainty import choose_candidates
from paretoseg.search.commands.dry_run import count_slots, describe_dry_run
from paretoseg.search.commands.estimate import describe_estimate, estimate, sample
from paretoseg.search.commands.own_command import own_command
from paretoseg.search.commands.plan import Plan, compose_new_or_stored, locate, make_plan
from paretoseg.search.commands.progress import Progress
from paretoseg.search.commands.stopping import end_in_order, leave_ray, restore
from paretoseg.search.commands.submission import make_order, send, submit
from paretoseg.search.commands.turn import StillLockedError, hold_in_turn
from paretoseg.search.commands.used_test_cases import (
    describe_continuation,
    describe_end,
)
from paretoseg.search.config.config import Experiment
from paretoseg.search.config.gpus import name_gpus
from paretoseg.search.config.kept_plan import keep_plan
from paretoseg.search.config.overrides import quote
from paretoseg.search.config.resuming import merge_overrides
from paretoseg.search.config.splits import keep_splits
from paretoseg.search.reports.constraint_text import describe_constraints
from paretoseg.search.reports.text import describe_seconds
from paretoseg.search.running.runner import connect, work_off
from paretoseg.search.running.session import JobSettings, Session
from paretoseg.search.running.watchdog import RayLostError
from paretoseg.search.store.candidate_table import candidate_rows
from paretoseg.search.store.finish_request import make_watch, take_back
from paretoseg.search.store.folder import StorageError, hide_secrets
from paretoseg.search.store.lock import LockedError
from paretoseg.search.store.search_log import keep_log
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.study.study import Study
from paretoseg.search.tracking.feed import Tracker, follow
from paretoseg.search.tracking.plan import Mode
from paretoseg.search.trials.events import Created
from paretoseg.search.trials.trial import State


def search(overrides: Sequence[str], console: Console, *, dry_run: bool = False) -> int:
    """Starts or resumes the study that the overrides name, and runs it until its budget is spent.

    On a cluster that takes jobs it only submits the search, or with `dry_run` prints the job that it would submit.

    Returns:
        The exit code.

    Raises:
        ValueError: for a mistake in the overrides or the data, before anything is written.
        LockedError: if another process is working on the study.
        StorageError: if the study's folder cannot be reached.
    """
    try:
        return _search(overrides, console, dry_run=dry_run)
    except StillLockedError as error:
        console.print(f"{error}. Work is left; the same command resumes.", markup=False, soft_wrap=True)
        return ExitCode.WORK_LEFT
    finally:
        restore()


def _search(overrides: Sequence[str], console: Console, *, dry_run: bool) -> int:
    composed = compose_new_or_stored(overrides)
    cluster = composed.experiment.cluster
    if isinstance(cluster, BatchConfig) and not cluster.has_local_paths:
        end_in_order(_resume_with(composed.experiment))
        return _send(composed.experiment, cluster, merge_overrides((), overrides), console, dry_run=dry_run)
    plan = make_plan(composed, overrides)
    cluster = plan.experiment.cluster
    if isinstance(cluster, BatchConfig):
        end_in_order(_resume_with(plan.experiment))
        return _submit(plan, cluster, merge_overrides((), overrides), console, dry_run=dry_run)
    if dry_run:
        describe_dry_run(plan, console)
        return ExitCode.DONE
    assert isinstance(cluster, DirectConfig), "every other place takes jobs"
    end_in_order(_resume_with(plan.experiment), cluster.abandon)
    log = keep_log(plan.folder.folder) if cluster.keep_log else nullcontext()
    with hold_in_turn(plan.folder.folder, cluster.lock_wait_s, console), log:
        if cluster.lock_wait_s and plan.folder.journal.list_segments() != plan.segments:
            fence = plan.folder.folder.fence
            plan = make_plan(compose_new_or_stored(overrides), overrides)  # another process has worked on it meanwhile
            plan.folder.folder.fence = fence  # of the lock that is held here
        study = _open_study(plan, console)
        if study.is_complete():
            console.print(describe_end(study), markup=False, soft_wrap=True)
        return _work(plan, study, console)


def _submit(plan: Plan, cluster: BatchConfig, overrides: Sequence[str], console: Console, *, dry_run: bool) -> ExitCode:
    experiment = plan.experiment
    words = name_gpus(overrides, experiment.resources.gpus)
    order = make_order(experiment.study, words, experiment.storage, locate(experiment))
    if dry_run:
        print(cluster.render(order), end="")
    else:
        submit(cluster, order, plan.folder, lambda: _start_study(plan), console)
    return ExitCode.DONE


def _send(
    experiment: Experiment, cluster: BatchConfig, overrides: Sequence[str], console: Console, *, dry_run: bool
) -> int:
    """Sends the search to a cluster with its own disks; checks here only what can be checked here."""
    replace(experiment, task=experiment.task.without_files()).build_task()
    cluster.check(experiment.resources)
    words = name_gpus(overrides, experiment.resources.gpus)
    order = make_order(experiment.study, words, experiment.storage, locate(experiment))
    is_online = experiment.tracking.mode is Mode.online
    order = replace(order, resources=experiment.resources, is_tracked_online=is_online)
    if dry_run:
        print(cluster.render(order), end="")
        return ExitCode.DONE
    return send(cluster, order, console)


def _start_study(plan: Plan) -> None:
    """Writes the config, and starts the journal of a new study.

    Raises:
        LockedError: if another process has worked on the study since the plan was made.
    """
    folder = plan.folder
    if folder.journal.list_segments() != plan.segments:
        raise LockedError(
            f"another process has just worked on study '{folder.folder.location}'; run the same command again to "
            "continue from there"
        )
    folder.write_experiment(plan.text)
    keep_splits(folder, plan.task)
    if not folder.exists():
        keep_plan(folder, plan.task)
        kept = tuple(override for override in plan.overrides if not override.startswith("storage="))
        folder.journal.append(
            Created(
                time.time(),
                plan.experiment.study,
                plan.task.objectives(),
                plan.task.cost_names(),
                kept,
                plan.constraints,
                plan.known,
                plan.warm,
                plan.baselines,
                plan.plugins,
            )
        )


def _open_study(plan: Plan, console: Console) -> Study:
    experiment, folder = plan.experiment, plan.folder
    folder.tidy_up()
    _start_study(plan)
    for note in (*plan.notes, *plan.task.notes(plan.space)):
        console.print(f"Note: {note}.", markup=False, soft_wrap=True)
    study = Study(
        folder.journal,
        plan.strategy,
        plan.pruner,
        budget=experiment.budget,
        seed=experiment.seed,
        confirm=experiment.confirm,
    )
    for note in folder.journal.describe_left_out():
        console.print(f"Note: {note}; the search continues without it.", markup=False, soft_wrap=True)
    if study.trials:
        console.print(
            f"Resuming {folder.folder.location}: {len(study.trials) - study.num_running} trials done, "
            f"{study.num_running} interrupted ones {'are ended' if make_watch(folder.folder)() else 'run again'}.",
            markup=False,
        )
    for note in (*describe_continuation(study), *plan.pruner.list_news()):
        console.print(f"Note: {note}.", markup=False, soft_wrap=True)
    study.open(time.time(), host=socket.gethostname(), pid=os.getpid())
    return study


def _work(plan: Plan, study: Study, console: Console) -> ExitCode:
    resources = plan.experiment.resources
    device = "cuda" if resources.gpus else "cpu"
    settings = JobSettings(resources.num_threads, device, resources.timeout_min, plan.experiment.quick_steps)
    session = Session(
        study,
        plan.folder,
        plan.task,
        settings,
        time.time,
        choose=lambda record: _choose(plan, record),
        is_asked_to_finish=make_watch(plan.folder.folder),
    )
    session.refresh()
    if study.is_finishing:
        console.print("Note: the search finishes, as `paretoseg finish` asked it to.", soft_wrap=True)
    with follow(plan.experiment.tracking, session, console) as tracker:
        if not session.is_over():
            _run(plan, session, console, tracker.update)
        return _conclude(plan, session, console, tracker)


def _run(plan: Plan, session: Session, console: Console, track: Callable[[Session], None]) -> None:
    """Runs the session until it is over, a signal arrives, the storage fails or Ray is lost.

    The journal holds the work that is left.
    """
    cluster, resources = plan.experiment.cluster, plan.experiment.resources
    assert isinstance(cluster, DirectConfig), "every other place takes jobs"
    start = time.monotonic()
    console.print(
        f"Study {plan.folder.folder.location}: starting. Ctrl-C stops; the same command resumes.", markup=False
    )
    try:
        _show_estimate(plan, session.study.record, console)
        with connect(cluster, leave_ray, plan.folder.folder.local_path) as (nodes, is_serial):
            if missing := cluster.describe_missing(nodes):
                console.print(f"Note: {missing}.", markup=False, soft_wrap=True)
            slots = 1 if is_serial else resources.count_slots(nodes)
            progress = Progress(console, getattr(plan.experiment.task, "num_steps", 0))
            session.observe = _observe_with(progress.update, _show_news(plan, console), track)
            console.print(f"{session.study.budget.describe()}, {slots} at a time{_describe_gpus(resources, nodes)}.")
            with progress.show():
                say = partial(console.print, markup=False, highlight=False, soft_wrap=True)
                work_off(session, slots=0 if is_serial else slots, resources=resources, cluster=cluster, say=say)
    except KeyboardInterrupt:
        session.study.reread()
        console.print("Interrupted.")
    except RayLostError as error:
        console.print(f"Stopped: Ray is lost ({error}).", markup=False, soft_wrap=True)
    except StorageError as error:
        session.halt(str(error))
    console.print(f"This session took {describe_seconds(time.monotonic() - start)}.")


def _show_estimate(plan: Plan, record: StudyRecord, console: Console) -> None:
    """Prints how long the search will take, if no trial has told yet and this machine can."""
    if not plan.experiment.resources.estimate or record.seconds_per_trial is not None:
        return
    found = estimate(plan, record, sample(plan))
    if found is not None:
        text = describe_estimate(plan, record, found, count_slots(plan))
        console.print(f"Estimate: {text}.", markup=False, highlight=False, soft_wrap=True)


def _describe_gpus(resources: Resources, nodes: Sequence[Node]) -> str:
    """What a trial gets of the GPUs; '' where there are none."""
    num_gpus = int(sum(node.gpus for node in nodes))
    if resources.gpus:
        return f", with {resources.gpus:g} of {num_gpus} GPUs each" if num_gpus else ", on a GPU"
    return f", on CPUs; none uses the {num_gpus} GPUs, which resources.gpus=1 changes" if num_gpus else ""


def _observe_with(*observers: Callable[[Session], None]) -> Callable[[Session], None]:
    def observe(session: Session) -> None:
        for observer in observers:
            observer(session)

    return observe


def _show_news(plan: Plan, console: Console) -> Callable[[Session], None]:
    """Prints when the pruner decides by other objectives than before."""

    def show(session: Session) -> None:
        for line in plan.pruner.list_news():
            console.print(f"Note: {line}.", markup=False, soft_wrap=True)

    return show


def _conclude(plan: Plan, session: Session, console: Console, tracker: Tracker) -> ExitCode:
    """Writes and shows the results so far, and prints the commands to run next."""
    for warning in session.warnings:
        console.print(f"Note: {warning}", markup=False)
    if session.halt_reason:
        console.print(f"Stopped: {session.halt_reason}", markup=False, soft_wrap=True)
        return ExitCode.STORAGE
    session.write_tables()
    if session.study.record.front.trials:
        certainty = show_front(plan, session.study.record, console)
        tracker.conclude(candidate_rows(session.study.record, session.study.record.results, certainty))
    resume = _resume_with(plan.experiment)
    record = session.study.record
    if record.results and not record.feasible:
        console.print(describe_constraints(record), markup=False, soft_wrap=True)
    has_only_failed = record.count(State.FAILED) > 0 and not record.count(State.FINISHED)
    if session.study.gave_up or (session.is_done() and has_only_failed):
        show_failures(plan, session.study, resume, console)
        return ExitCode.GAVE_UP
    if session.is_done():
        if session.study.is_finishing:
            console.print(describe_finish(session.study, plan.folder.folder.location), markup=False, soft_wrap=True)
            take_back(plan.folder.folder)
        show_next_steps(plan, session.study, resume, console)
        return ExitCode.DONE
    console.print(f"Work is left; resume with: {resume}", markup=False, soft_wrap=True)
    return ExitCode.WORK_LEFT


def _choose(plan: Plan, record: StudyRecord) -> list[Chosen]:
    """The candidates to confirm."""
    experiment = plan.experiment
    least = experiment.confirm.least_probability
    return choose_candidates(plan.folder, record, plan.task, seed=experiment.seed, least_probability=least)


def _resume_with(experiment: Experiment) -> str:
    """The command that resumes a study; all other settings are in its folder."""
    storage = hide_secrets(experiment.storage)
    if storage.startswith(("'", '"')):
        storage = quote(storage)  # bare, these would be read as quotes
    place = [f"storage={storage}"] if storage != "studies" else []
    return f"{own_command()} {shlex.join(('search', f'study={experiment.study}', *place))}"
