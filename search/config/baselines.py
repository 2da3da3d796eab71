"""The baselines of a study, from the key `baselines`: which they are, and how wide."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np

from paretoseg.spaces.baselines import build_baseline, name_baseline
from paretoseg.spaces.domain import Int
from paretoseg.spaces.planned import PLANNED_WIDTH
from paretoseg.spaces.search_space import DIMENSIONS, Candidate, SearchSpace
from paretoseg.trainables.image_task import BaselineTask
from paretoseg.trainables.trainable import Task

MOST_WORK = 3.0
"""Most operations of a baseline's training, relative to those of a median trial, before its width is scaled."""

_NUM_SAMPLES = 15
_SAMPLE_STREAM = 4
"""Keeps these draws apart from those of trials, designs and plans."""


def find_baselines(
    names: Sequence[str], task: Task, space: SearchSpace, seed: int
) -> tuple[tuple[Candidate, ...], list[str]]:
    """The candidates of baselines, and notes for the user, one line each.

    A baseline whose training takes more than `MOST_WORK` times the operations of a median trial gets fewer channels:
    the most with which it does not.

    Args:
        names: From `paretoseg.spaces.baselines.BASELINES`.
        task: That of the study.
        space: Of which a median trial is one.
        seed: The study's, for the draw of candidates.

    Raises:
        ValueError: if the task has no networks that could be baselines.
    """
    if not names:
        return (), []
    if not isinstance(task, BaselineTask):
        raise ValueError("baselines are networks that segment images, which this task has none of; use baselines=[]")
    generator = np.random.default_rng([seed, _SAMPLE_STREAM])
    typical = statistics.median(task.count_work(space.sample(generator)) for _ in range(_NUM_SAMPLES))
    found, notes = [], []
    for name in names:
        candidate, work = _scale(name, task, most=MOST_WORK * typical)
        if candidate.architecture.width < PLANNED_WIDTH:
            notes.append(
                f"{name_baseline(build_baseline(name))} would take {work / typical:.1f} times the operations of a "
                f"median trial, more than {MOST_WORK:g}; it is trained with {candidate.architecture.width} instead of "
                f"{PLANNED_WIDTH} channels at full resolution, and called '{name_baseline(candidate)}'"
            )
        notes.append(f"baseline {name_baseline(candidate)}: {task.describe_training(candidate)}")
        found.append(_place(candidate, space))
    return tuple(found), notes


def _place(candidate: Candidate, space: SearchSpace) -> Candidate:
    """The same training as the space writes it, if it lies in there."""
    inside = space.canonical(candidate)
    return inside if space.contains(inside) else candidate


def _scale(name: str, task: BaselineTask, most: float) -> tuple[Candidate, float]:
    """The widest baseline whose training takes at most so many operations, and what the plan's own would take.

    The narrowest, if all take more.
    """
    domain = DIMENSIONS["width"]
    assert isinstance(domain, Int)
    whole = build_baseline(name)
    work = task.count_work(whole)
    if work <= most:
        return whole, work
    for width in range(PLANNED_WIDTH - domain.step, domain.low, -domain.step):
        candidate = build_baseline(name, width)
        if task.count_work(candidate) <= most:
            return candidate, work
    return build_baseline(name, domain.low), work
