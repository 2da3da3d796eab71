"""What is settled and checked before a search starts."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit, urlunsplit

import numpy as np

from paretoseg.search.config.config import Composed, Experiment, compose
from paretoseg.search.config.resuming import describe_earlier, merge_overrides
from paretoseg.search.config.settling import settle
from paretoseg.search.config.splits import check_splits
from paretoseg.search.config.starting import Start, find_start
from paretoseg.search.config.stored_task import compose_stored
from paretoseg.search.config.used_plugins import find_used
from paretoseg.search.store.reachable import check_storage
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.strategies.known_first import put_first
from paretoseg.search.strategies.pruner import Pruner
from paretoseg.search.strategies.strategy import Strategy
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.study.voxels import TRAINED_VOXELS
from paretoseg.search.tracking.plan import settle_mode
from paretoseg.spaces.constraint import Constraint
from paretoseg.spaces.plugins import Plugin, describe_changes, refuse_missing
from paretoseg.spaces.search_space import Candidate, SearchSpace
from paretoseg.trainables.preferences import limit_space
from paretoseg.trainables.trainable import Task

_LIMIT_STREAM = 2
"""Keeps the draws that look for a candidate within the constraints apart from those of trials and designs."""


@dataclass(frozen=True)
class Plan:
    """A search that passed all checks and can start."""

    experiment: Experiment
    text: str
    overrides: tuple[str, ...]
    folder: StudyFolder
    space: SearchSpace
    task: Task
    strategy: Strategy
    pruner: Pruner
    segments: tuple[str, ...]
    """The journal's segments when the plan was made; other ones show that another process worked on the study since."""

    notes: tuple[str, ...] = ()
    """What the user should know about the settings of the study."""

    constraints: tuple[str, ...] = ()
    """What candidates must meet."""

    known: tuple[Candidate, ...] = ()
    """The candidates that the user knew."""

    warm: tuple[Candidate, ...] = ()
    """Those of earlier studies."""

    plugins: tuple[Plugin, ...] = ()
    """What the search takes from other packages."""

    baselines: tuple[Candidate, ...] = ()
    """What candidates are compared with."""


def make_plan(composed: Composed, overrides: Sequence[str]) -> Plan:
    """Checks all that can be checked before the search starts; returns the plan.

    Raises:
        ValueError: that says what is wrong and what to do.
    """
    check_storage(composed.experiment.storage, locate(composed.experiment))
    folder = StudyFolder(locate(composed.experiment))
    segments = folder.journal.list_segments()
    overrides = merge_overrides((), overrides)
    record = folder.read_record() if folder.exists() else None
    has_usual = composed.experiment.baselines is None
    if record is not None:
        composed = compose_stored(folder, record.created, overrides)
        overrides = merge_overrides(record.created.overrides, overrides)
        _check_seed(record, composed.experiment.seed)
    else:
        folder.check_unused()
        composed = settle(composed)
    experiment = composed.experiment
    space, task, constraints = _check_task(experiment, folder, record)
    space = limit_space(space, task, constraints, np.random.default_rng([experiment.seed, _LIMIT_STREAM]))
    start = _find_start(composed, overrides, record, space, task, has_usual=has_usual)
    experiment.cluster.check(experiment.resources)
    settle_mode(experiment.tracking)
    return Plan(
        experiment=experiment,
        text=composed.text,
        overrides=tuple(overrides),
        folder=folder,
        space=space,
        task=task,
        strategy=_build_strategy(experiment, space, task, start),
        pruner=experiment.pruner.build(task.objectives(), constraints),
        segments=segments,
        notes=start.notes,
        constraints=tuple(map(str, constraints)),
        known=start.known,
        warm=start.warm,
        baselines=start.baselines,
        plugins=find_used(experiment),
    )


def _find_start(
    composed: Composed,
    overrides: Sequence[str],
    record: StudyRecord | None,
    space: SearchSpace,
    task: Task,
    *,
    has_usual: bool,
) -> Start:
    """What comes first in a study, as it was when the study started, with all notes for the user.

    Args:
        composed: The config.
        overrides: With which the study was started, and those of this command.
        record: Of the study, if it exists.
        space: Its space.
        task: Its task.
        has_usual: Whether a new study has the usual baselines of its task.
    """
    if record is not None:
        created = record.created
        notes = [*describe_earlier(composed, overrides), *describe_changes(created.plugins)]
        return Start(created.baselines, created.known, created.warm, tuple(notes))
    experiment = composed.experiment
    start = find_start(experiment, space, task)
    why_none = experiment.task.choose_baselines(space)[1] if has_usual else ""
    calibrate = _calibrate_with(overrides)
    new = experiment.task.check_new(experiment.data, space, task.split_rows(), calibrate=calibrate)
    return replace(start, notes=(*start.notes, *filter(None, [why_none]), *new))


def _build_strategy(experiment: Experiment, space: SearchSpace, task: Task, start: Start) -> Strategy:
    """The study's strategy, after what comes first."""
    strategy = experiment.strategy.build(space, task.objectives(), experiment.seed)
    outside = [candidate for candidate in start.baselines if not space.contains(candidate)]
    return put_first(strategy, start.known, start.warm, start.baselines, outside)


def _check_task(
    experiment: Experiment, folder: StudyFolder, record: StudyRecord | None
) -> tuple[SearchSpace, Task, tuple[Constraint, ...]]:
    """The space, task and constraints of a search, checked on their own and against the study that exists."""
    space, (task, constraints) = experiment.build_space(), experiment.build_task_and_constraints()
    if record is not None:
        _check_same_search(folder, record, space, task)
    _check_voxels(experiment, task)
    task.check()
    check_splits(folder, task)
    return space, task, constraints


def _check_voxels(experiment: Experiment, task: Task) -> None:
    """Refuses a budget of voxels for a task that does not count them."""
    if experiment.budget.voxels is not None and TRAINED_VOXELS not in task.cost_names():
        raise ValueError("budget.voxels needs a task that counts them, as segmentation does; use budget.trials instead")


def _calibrate_with(overrides: Sequence[str]) -> str:
    """The command that calibrates the data of a study."""
    words = [word for word in overrides if word.partition("=")[0].split(".")[0] in ("data", "experiment")]
    return shlex.join(("paretoseg", "calibrate", *words))


def _check_seed(record: StudyRecord, seed: int) -> None:
    """Refuses an `experiment.yaml` whose seed is not the one in the journal."""
    if record.trials and record.trials[0].seed != seed:
        raise ValueError(
            f"experiment.yaml says seed={seed}, but the study was started with seed={record.trials[0].seed}; restore "
            "experiment.yaml from a backup"
        )


def _check_same_search(folder: StudyFolder, record: StudyRecord, space: SearchSpace, task: Task) -> None:
    """Refuses a journal with other objectives, or with candidates outside the space."""
    place = folder.journal.location
    names, wanted = ([item.name for item in items] for items in (record.objectives, task.objectives()))
    if names != wanted:
        raise ValueError(
            f"{place}: record 0 ('created') names the objectives {', '.join(names)}, but experiment.yaml those of "
            f"{', '.join(wanted)}; restore both from a backup"
        )
    for trial in record.trials:
        if trial.candidate in record.created.baselines:
            continue
        try:
            space.encode(trial.candidate)
        except ValueError as error:
            events = folder.read_events()
            number = next(n for n, event in enumerate(events) if getattr(event, "candidate", None) == trial.candidate)
            raise ValueError(
                f"{place}: record {number} ('started') is of trial {trial.trial_id}, whose {error}, while the space of "
                "experiment.yaml does not hold that; restore both from a backup"
            ) from None


def compose_new_or_stored(overrides: Sequence[str]) -> Composed:
    """The config; accepts a key that only fits what the study was started with, such as one of its cluster."""
    try:
        return compose(overrides)
    except ValueError:
        stored = _find_stored(overrides)
        if not stored:
            raise
        return compose(merge_overrides(stored, overrides))


def _find_stored(overrides: Sequence[str]) -> Sequence[str]:
    """The overrides that the named study was started with; empty if there is no such study.

    Raises:
        ValueError: if a plug-in of the study is not installed.
    """
    named = [word for word in overrides if word.split("=", 1)[0] in ("experiment", "storage", "study")]
    try:
        folder = StudyFolder(locate(compose(named).experiment))
        created = folder.read_record().created if folder.exists() else None
    except ValueError:
        return ()
    refuse_missing(created.plugins if created else ())
    return created.overrides if created else ()


def locate(experiment: Experiment) -> str:
    """The folder or URI of an experiment's study."""
    if "://" not in experiment.storage:
        return os.path.join(experiment.storage, experiment.study)
    parts = urlsplit(experiment.storage)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{experiment.study}"))
