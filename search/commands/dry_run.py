"""What a search on this machine would do, without starting it: the plan, its time and its memory."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console

from paretoseg.cluster.cluster import DirectConfig
from paretoseg.cluster.local import LocalConfig
from paretoseg.cluster.resources import Node
from paretoseg.cluster.serial import SerialConfig
from paretoseg.search.commands.doctor_devices import list_gpus
from paretoseg.search.commands.doctor_places import find_memory_gb
from paretoseg.search.commands.plan import Plan
from paretoseg.search.config.config import name_option
from paretoseg.search.reports.text import describe_seconds, shorten_count
from paretoseg.search.study.record import StudyRecord
from paretoseg.spaces.search_space import DIMENSIONS, Candidate
from paretoseg.trainables.preferences import PreferenceTask
from paretoseg.trainables.trainable import ESTIMATED_MEMORY, Assignment, Split, Task

_NUM_SAMPLES = 20
"""Candidates whose size and memory are counted."""

_SAMPLE_STREAM = 3
"""Keeps these draws apart from those of trials and designs."""

_SHORT_SECONDS = 30.0
"""The first step also sets things up. If it is short, a second one is timed instead."""


@dataclass(frozen=True)
class Timing:
    """How long a trial takes."""

    seconds: float
    source: str
    """Where the number comes from, in words."""


def describe_dry_run(plan: Plan, console: Console) -> None:
    """Prints what the search would do; trains one candidate for a step to say how long it takes.

    Args:
        plan: The search, which passed all checks.
        console: Where it is printed.
    """
    record = plan.folder.read_record() if plan.folder.exists() else None
    place = plan.folder.folder.location
    console.print(f"Plan of {place}; nothing is started or written.", markup=False, soft_wrap=True)
    for name, text in _list_settings(plan, record):
        console.print(f"  {name:<9} {text}", markup=False, soft_wrap=True)
    candidates, costs = _sample(plan)
    slots = count_slots(plan)
    for name, text in (("size", _describe_size(costs)), ("memory", _describe_memory(costs, slots))):
        if text:
            console.print(f"  {name:<9} {text}", markup=False, soft_wrap=True)
    timing = _find_time(plan, record, _choose_middle(candidates, costs))
    console.print(f"  {'time':<9} {_describe_time(plan, record, timing, slots)}", markup=False, soft_wrap=True)
    for note in (*plan.notes, *plan.task.notes(plan.space)):
        console.print(f"Note: {note}.", markup=False, soft_wrap=True)


def _list_settings(plan: Plan, record: StudyRecord | None) -> Iterator[tuple[str, str]]:
    experiment = plan.experiment
    counts = dict.fromkeys(("train", "validation", "test"), 0)
    for row in plan.task.split_rows():
        counts[row.split] += not row.shift
    if any(counts.values()):
        yield "data", ", ".join(f"{count} {split}" for split, count in counts.items()) + " cases"
    goals = ", ".join(f"{item.name} ({item.direction.value})" for item in plan.task.objectives())
    yield "goals", goals + "".join(f"; {text}" for text in plan.constraints)
    yield "space", f"{len(plan.space.searched)} of {len(DIMENSIONS)} dimensions are open"
    strategy, pruner = name_option("strategy", experiment.strategy), name_option("pruner", experiment.pruner)
    yield "search", f"strategy {strategy}, pruner {pruner}, {experiment.budget.describe()}{_describe_confirm(plan)}"
    if record is not None:
        yield "resumes", f"{record.num_searched} trials were started before"


def _describe_confirm(plan: Plan) -> str:
    confirm = plan.experiment.confirm
    if confirm.seeds == 1:
        return ""
    return f", then up to {confirm.candidates} candidates with {confirm.seeds} seeds each"


def _sample(plan: Plan) -> tuple[list[Candidate], list[Mapping[str, float]]]:
    """Candidates of the space, and what is known of each without a training."""
    generator = np.random.default_rng([plan.experiment.seed, _SAMPLE_STREAM])
    candidates = [plan.space.sample(generator) for _ in range(_NUM_SAMPLES)]
    task = plan.task
    if not isinstance(task, PreferenceTask):
        return candidates, [{} for _ in candidates]
    return candidates, [task.predict(one, task.predictable()) for one in candidates]


def _choose_middle(candidates: Sequence[Candidate], costs: Sequence[Mapping[str, float]]) -> Candidate:
    """The candidate whose operations are the median of all."""
    order = sorted(range(len(candidates)), key=lambda index: costs[index].get("flops", 0.0))
    return candidates[order[len(order) // 2]]


def _describe_size(costs: Sequence[Mapping[str, float]]) -> str:
    known = [cost["parameters"] for cost in costs if "parameters" in cost]
    if not known:
        return ""
    low, high = shorten_count(min(known)), shorten_count(max(known))
    return f"{low} to {high} parameters in {len(known)} candidates of the space"


def _describe_memory(costs: Sequence[Mapping[str, float]], slots: int | None) -> str:
    known = [cost[ESTIMATED_MEMORY] for cost in costs if ESTIMATED_MEMORY in cost]
    if not known:
        return ""
    text = f"estimated {min(known):.2g} to {max(known):.2g} GB a training"
    if slots is not None:
        text += f", {slots} at a time; this machine has {find_memory_gb():.1f} GB"
    return text


def count_slots(plan: Plan) -> int | None:
    """How many trials run at a time; None if only the Ray that is attached to knows."""
    cluster, resources = plan.experiment.cluster, plan.experiment.resources
    if isinstance(cluster, SerialConfig):
        return 1
    if not isinstance(cluster, LocalConfig):
        return None
    cpus = cluster.cpus or len(os.sched_getaffinity(0))
    gpus = cluster.gpus if cluster.gpus >= 0 else len(list_gpus())
    return resources.count_slots([Node(cpus, max(gpus, math.ceil(resources.gpus)))])


def _find_time(plan: Plan, record: StudyRecord | None, candidate: Candidate) -> Timing | None:
    """How long a trial takes, by the study's own trials, or else by one step; None if only a cluster can tell."""
    if record is not None and record.seconds_per_trial is not None:
        return Timing(record.seconds_per_trial, "by the study's own trials")
    resources = plan.experiment.resources
    assert isinstance(plan.experiment.cluster, DirectConfig), "every other place takes jobs"
    if resources.num_workers > 1:
        return None
    device = "cuda" if resources.gpus else "cpu"
    assignment = Assignment(candidate, plan.experiment.seed, resources.num_threads, device)
    return _measure(plan.task, assignment)


def _measure(task: Task, assignment: Assignment) -> Timing:
    task.warm_up()
    trainable = task.build(assignment)
    step = _time(trainable.step)
    if step < _SHORT_SECONDS and trainable.steps_done < trainable.num_steps:
        step = _time(trainable.step)
    evaluation = _time(lambda: trainable.evaluate(Split.VALIDATION))
    source = (
        f"{trainable.num_steps} steps of {describe_seconds(step)} and {describe_seconds(evaluation)} of measuring, by "
        "a candidate of median size that was trained for a moment"
    )
    return Timing(trainable.num_steps * step + evaluation, source)


def _time(work: Callable[[], object]) -> float:
    start = time.monotonic()
    work()
    return time.monotonic() - start


def _describe_time(plan: Plan, record: StudyRecord | None, timing: Timing | None, slots: int | None) -> str:
    """How long the search takes, with the confirmation at its largest."""
    if timing is None:
        return "not known before the first trials: several processes train a trial together"
    confirm = plan.experiment.confirm
    num_started = record.num_searched if record is not None else 0
    is_confirmed = record is not None and record.confirming is not None
    extra = (confirm.seeds - 1) * confirm.candidates if confirm.seeds > 1 and not is_confirmed else 0
    limit = plan.experiment.budget.trial_limit
    if limit is None:
        each = f"about {describe_seconds(timing.seconds)} a trial ({timing.source})"
        return f"{each}; the search ends after {plan.experiment.budget.describe()}"
    left = max(limit - num_started, 0)
    seconds = [math.ceil(number / (slots or 1)) * timing.seconds for number in (left, left + extra)]
    confirmed = f", up to {describe_seconds(seconds[1])} with the confirmation" if extra else ""
    one = "" if slots is not None else " of training, shared by as many as fit"
    return (
        f"about {describe_seconds(timing.seconds)} a trial ({timing.source}), so "
        f"{describe_seconds(seconds[0])}{one} for {left} trials{confirmed}"
    )
