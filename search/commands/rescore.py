"""The command `paretoseg rescore`: measures stored networks again, without training."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from rich.console import Console

from paretoseg.cluster.cluster import DirectConfig
from paretoseg.cluster.exit_codes import ExitCode
from paretoseg.cluster.resources import Resources
from paretoseg.search.commands.stopping import end_in_order, leave_ray, restore
from paretoseg.search.reports.drift_text import describe_drift, drift_table, drift_to_csv
from paretoseg.search.reports.robustness_text import show_beside
from paretoseg.search.reports.text import describe_seconds
from paretoseg.search.rescoring.code_version import name_version
from paretoseg.search.rescoring.config import (
    check_differences,
    compose_rescoring,
    name_settings,
    read_settings,
    share_of_one,
)
from paretoseg.search.rescoring.data import check_cases
from paretoseg.search.rescoring.jobs import Rescoring, choose_trials, is_done, list_jobs
from paretoseg.search.rescoring.rules import complete_settings
from paretoseg.search.running.runner import connect, work_off
from paretoseg.search.running.session import JobSettings
from paretoseg.search.running.watchdog import RayLostError
from paretoseg.search.running.worker import Job
from paretoseg.search.store.folder import StorageError
from paretoseg.search.store.lock import hold_lock
from paretoseg.search.store.rescore_folder import PICTURE, TABLE, RescoreFolder
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.study.rescore_record import Rescored, RescoreRecord, read_drift
from paretoseg.search.trials.trial import Trial
from paretoseg.trainables.image_task import ImageTask
from paretoseg.trainables.trainable import Task

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class _Plan:
    """A rescoring that passed all checks and can start."""

    study: StudyRecord
    trials: Sequence[Trial]
    target: RescoreFolder
    empty_record: RescoreRecord
    """What is to be measured; it has no results."""

    jobs: Sequence[Job]
    """All jobs of the rescoring, those that are done included."""

    cluster: DirectConfig
    resources: Resources
    notes: Sequence[str]


def rescore(location: str, overrides: Sequence[str], name: str | None, console: Console) -> int:
    """Measures again the trials of a study whose networks are kept; returns the exit code.

    The study itself is only read, so a search may be running. What was measured before under the same name is not
    measured again.

    Args:
        location: Folder or URI of the study.
        overrides: What is measured differently from the study, and where.
        name: Of the rescoring; None for one that is derived from its settings.
        console: Where progress and the answer are shown.

    Raises:
        ValueError: for a mistake of the user's, before anything is written.
        LockedError: if another process is working on the same rescoring.
        StorageError: if a folder cannot be written.
    """
    plan = _make_plan(location, overrides, name)
    with hold_lock(plan.target.folder, kind="rescoring"):
        record = _continue_record(plan)
        plan.target.tidy_up()
        plan.target.write_record(record)
        waiting = [job for job in plan.jobs if not is_done(job, record, plan.target)]
        _announce(plan, waiting, console)
        queue = Rescoring(record, plan.target, waiting, time.time, _show_with(console, len(waiting)))
        if waiting:
            _run(plan, queue, console)
        return _conclude(plan, queue, console)


def _make_plan(location: str, overrides: Sequence[str], name: str | None) -> _Plan:
    if name is not None and not _NAME.fullmatch(name):
        raise ValueError(
            "--name must be at most 100 letters, digits, '.', '_' or '-' and start with a letter or digit, got "
            f"{name!r}"
        )
    folder = StudyFolder(location)
    study = folder.read_record()
    before = RescoreFolder(folder.folder, name).read_record() if name is not None else None
    composed, rules = compose_rescoring(folder, study.created, overrides, before.settings if before else None)
    experiment = composed.experiment
    task = _check_task(experiment.build_task())
    if before is None and not rules:
        check_differences(location, overrides)
    notes = [*check_cases(folder, task), *task.describe_left_out()]
    trials = choose_trials(folder, study)
    resources = share_of_one(experiment.resources)
    cluster = experiment.cluster
    assert isinstance(cluster, DirectConfig), "a rescoring is no job"
    cluster.check(resources)
    settings = read_settings(composed, task)
    name = name or name_settings(settings)
    target = RescoreFolder(folder.folder, name)
    empty = RescoreRecord(study.created.study, name, settings, tuple(overrides), task.objectives(), name_version())
    job_settings = JobSettings(resources.num_threads, "cuda" if resources.gpus else "cpu", resources.timeout_min)
    plan = _Plan(
        study=study,
        trials=trials,
        target=target,
        empty_record=empty,
        jobs=list_jobs(trials, task, job_settings, folder, target),
        cluster=cluster,
        resources=resources,
        notes=[*folder.journal.describe_left_out(), *rules, *notes, *_describe_gone(study, trials)],
    )
    _continue_record(plan)  # refuses another rescoring of this name before anything is written
    return plan


def _check_task(task: Task) -> ImageTask:
    if not isinstance(task, ImageTask):
        raise ValueError("only studies with task=segmentation have networks to measure; this one has another task")
    try:
        task.check()
    except ValueError as error:
        raise ValueError("; ".join(str(error).splitlines())) from None
    return task


def _describe_gone(study: StudyRecord, trials: Sequence[Trial]) -> list[str]:
    """A note on trials that might join the front but have no checkpoint to measure; empty if there are none."""
    num_sound = sum(trial.is_eligible for trial in study.trials)
    if num_sound == len(trials):
        return []
    return [
        f"{num_sound - len(trials)} of {num_sound} finished trials are off the front and keep no checkpoint: whether "
        "they would join it is not known"
    ]


def _continue_record(plan: _Plan) -> RescoreRecord:
    """The record to continue: keeps the results that were measured before with the same settings.

    Raises:
        ValueError: if another rescoring has the name.
    """
    before = plan.target.read_record()
    if before is None:
        return plan.empty_record
    wanted = plan.empty_record.settings
    made_with = complete_settings(before.settings, wanted, plan.study.created.overrides)
    if made_with != wanted or before.study != plan.empty_record.study:
        words = " ".join(before.overrides) or "the study's own settings"
        raise ValueError(
            f"'{plan.target.folder.location}' holds a rescoring with other settings ({words}); choose another name "
            "with --name NAME"
        )
    return replace(plan.empty_record, results=before.results)


def _announce(plan: _Plan, waiting: Sequence[Job], console: Console) -> None:
    for note in plan.notes:
        console.print(f"Note: {note}.", markup=False, soft_wrap=True)
    num_done, num_trials = len(plan.jobs) - len(waiting), len(plan.trials)
    done = f", {num_done} of {len(plan.jobs)} measurements are done already" if num_done else ""
    console.print(
        f"Rescoring {num_trials} trial{'s' * (num_trials != 1)} of {plan.study.created.study} into "
        f"{plan.target.folder.location}{done}. Ctrl-C stops; the same command resumes.",
        markup=False,
        soft_wrap=True,
    )


def _show_with(console: Console, total: int) -> Callable[[Rescored], None]:
    """Prints a line for every result."""
    shown: list[Rescored] = []

    def show(result: Rescored) -> None:
        shown.append(result)
        values = " ".join(f"{name} {value:.3f}" for name, value in result.objectives.items())
        parts = (f"[{len(shown)}/{total}] trial {result.trial_id} {result.split}", values, result.degenerate)
        note = f"note: {result.note}" if result.note else ""
        took = describe_seconds(result.seconds)
        line = "  ".join(part for part in (*parts, note, result.failure, took) if part)
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    return show


def _run(plan: _Plan, queue: Rescoring, console: Console) -> None:
    """Runs the queue until it is empty, a signal arrives, the storage fails or Ray is lost."""
    end_in_order("the same command", plan.cluster.abandon)
    try:
        with connect(plan.cluster, leave_ray, plan.target.folder.local_path) as (nodes, is_serial):
            slots = 0 if is_serial else min(plan.resources.count_slots(nodes), len(queue.waiting))
            say = partial(console.print, markup=False, highlight=False, soft_wrap=True)
            work_off(queue, slots=slots, resources=plan.resources, cluster=plan.cluster, say=say)
    except KeyboardInterrupt:
        console.print("Interrupted.")
    except RayLostError as error:
        console.print(f"Stopped: Ray is lost ({error}).", markup=False, soft_wrap=True)
    except StorageError as error:
        queue.halt(str(error))
    finally:
        restore()


def _conclude(plan: _Plan, queue: Rescoring, console: Console) -> int:
    """Writes and shows the drift as far as it is known."""
    record, folder = queue.record, plan.target
    if queue.halt_reason:
        raise StorageError(queue.halt_reason)
    drift = read_drift(plan.study, record)
    if drift.moves:
        objectives = record.objectives
        from paretoseg.search.reports.drift_picture import draw_drift  # matplotlib: late, so that refusals come at once

        folder.write_table(drift_to_csv(drift, objectives))
        folder.write_picture(draw_drift(f"{record.study}, measured again as {record.name}", drift, objectives))
        title = f"{record.study}, measured again as {record.name} (before -> after, on validation cases)"
        console.print(drift_table(title, drift, objectives))
        for part in show_beside([move.after for move in drift.moves]):
            console.print(part, soft_wrap=True)
        for line in describe_drift(drift):
            console.print(line, markup=False, soft_wrap=True)
        place = folder.folder.location
        console.print(f"Picture: {place}/{PICTURE}\nTable:   {place}/{TABLE}", markup=False, soft_wrap=True)
    left = [job for job in plan.jobs if not is_done(job, record, folder)]
    if left:
        trials = ", ".join(dict.fromkeys(str(job.trial_id) for job in left))
        console.print(
            f"Work is left: trials {trials} are not measured completely; the same command resumes.",
            markup=False,
            soft_wrap=True,
        )
    return ExitCode.WORK_LEFT if left else ExitCode.DONE
