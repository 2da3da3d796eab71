"""What a search on this machine would do, without starting it: the plan, its time and its memory."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console

from paretoseg.cluster.local import LocalConfig
from paretoseg.cluster.resources import Node
from paretoseg.cluster.serial import SerialConfig
from paretoseg.search.commands.doctor_devices import list_gpus
from paretoseg.search.commands.doctor_places import find_memory_gb
from paretoseg.search.commands.estimate import describe_estimate, estimate, sample
from paretoseg.search.commands.plan import Plan
from paretoseg.search.config.config import name_option
from paretoseg.search.reports.text import shorten_count
from paretoseg.search.study.record import StudyRecord
from paretoseg.spaces.search_space import DIMENSIONS, Candidate
from paretoseg.trainables.preferences import PreferenceTask
from paretoseg.trainables.trainable import ESTIMATED_MEMORY


def describe_dry_run(plan: Plan, console: Console) -> None:
    """Prints what the search would do; trains some candidates for a moment to say how long it takes.

    Args:
        plan: The search, which passed all checks.
        console: Where it is printed.
    """
    record = plan.folder.read_record() if plan.folder.exists() else None
    place = plan.folder.folder.location
    console.print(f"Plan of {place}; nothing is started or written.", markup=False, soft_wrap=True)
    for name, text in _list_settings(plan, record):
        console.print(f"  {name:<9} {text}", markup=False, soft_wrap=True)
    candidates = sample(plan)
    costs = _predict(plan, candidates)
    slots = count_slots(plan)
    for name, text in (("size", _describe_size(costs)), ("memory", _describe_memory(costs, slots))):
        if text:
            console.print(f"  {name:<9} {text}", markup=False, soft_wrap=True)
    found = estimate(plan, record, candidates)
    console.print(f"  {'time':<9} {describe_estimate(plan, record, found, slots)}", markup=False, soft_wrap=True)
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


def _predict(plan: Plan, candidates: Sequence[Candidate]) -> list[Mapping[str, float]]:
    """What is known of each candidate without a training."""
    task = plan.task
    if not isinstance(task, PreferenceTask):
        return [{} for _ in candidates]
    return [task.predict(one, task.predictable()) for one in candidates]


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
