"""The reference network of a calibration: trained once, then measured under corruptions of any strength.

It has the default architecture and recipe. The recipe augments by rotation and scaling, but not by noise, blur or
changes of intensity. So its loss is that of a network that has not seen the corruption in training.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.data.datasets import Case, load_once
from paretoseg.trainables.evaluation.measuring import NetworkScores, measure
from paretoseg.trainables.networks.capacity import build_matched
from paretoseg.trainables.scoring.battery import CLEAN_CONDITION, Battery, Condition
from paretoseg.trainables.scoring.measures import DICE, ObjectiveMetric, SurfaceMetrics
from paretoseg.trainables.scoring.objectives import RobustnessOver, select_means
from paretoseg.trainables.segmentation.task import SegmentationTask
from paretoseg.trainables.segmentation.trial import STATE_FILE, WEIGHTS_FILE
from paretoseg.trainables.severities.levels import NUM_SEVERITIES, Strengths
from paretoseg.trainables.trainable import Assignment, CaseScore

POINTS = 100.0
"""Dice points that equal a Dice of 1."""

_MIDDLE = 3
"""The severity whose draws are used for response curves: one draw per case for all strengths makes a curve smooth."""


def train_reference(
    task: SegmentationTask, assignment: Assignment, folder: Path, observe: Callable[[int], None]
) -> None:
    """Trains the network of the assignment and saves it in an existing folder; resumes from a checkpoint there.

    Args:
        task: Training budget and data.
        assignment: Candidate, seed, threads and device.
        folder: Folder of the checkpoints; it must not contain those of another candidate or seed.
        observe: Called after every step with the number of steps done.

    Raises:
        ValueError: if training diverges.
        MemoryError: if it does not fit.
    """
    # Measurements between steps are not needed here, so they are kept as small as possible.
    quick = dataclasses.replace(
        task,
        corruptions=("gaussian_noise",),
        severities=(1,),
        num_quick_cases=1,
        robustness_over=RobustnessOver.corruptions,
    )
    trainable = quick.build(assignment)
    if (folder / STATE_FILE).exists():
        trainable.load(folder)
    while trainable.steps_done < trainable.num_steps:
        trainable.step()
        trainable.save(folder)
        observe(trainable.steps_done)


class ReferenceNetwork:
    """A trained network that can be measured under any strength of a corruption.

    Args:
        task: The task on which it was trained.
        assignment: Its candidate; threads and device are also used here.
        checkpoint: Folder with its weights.
        cases: The cases on which it is measured.
    """

    def __init__(self, task: SegmentationTask, assignment: Assignment, checkpoint: Path, cases: Sequence[Case]) -> None:
        torch.set_num_threads(assignment.num_threads)
        dataset = load_once(task.data)
        self._network = build_matched(assignment.candidate, task.network_size, dataset)
        weights = torch.load(checkpoint / WEIGHTS_FILE, weights_only=True, map_location="cpu")
        self._network.load_state_dict(weights)
        self._network.eval().to(assignment.device)
        self._task, self._assignment, self._cases = task, assignment, cases
        # Only Dice, whatever the objective of the search: it takes a fraction of the time of surface distances.
        self._scoring = dataclasses.replace(
            task.scoring(dataset), metric=ObjectiveMetric.dice, surface_metrics=SurfaceMetrics.none
        )
        scores = self._measure(Battery((CLEAN_CONDITION,), task.battery_seed, task.severity_table))
        self.clean_dice = _mean_dice(scores.rows)
        self.degenerate = scores.degenerate

    clean_dice: float
    """Mean Dice over cases and foreground classes on clean images, 0 to 1; higher is better."""

    degenerate: str
    """Why the network counts as degenerate; '' if it does not."""

    def lose(self, corruption: str, strength: float) -> float:
        """Dice points lost at a strength (0 to 100, higher is worse); every case has the same draw at all strengths."""
        return self._lose(corruption, (strength, strength, strength, strength, strength), [_MIDDLE])[0]

    def lose_by_severity(self, corruption: str, strengths: Strengths) -> list[float]:
        """Dice points lost at severities 1 to 5 of these strengths, with the draws that a search uses there."""
        return self._lose(corruption, strengths, range(1, NUM_SEVERITIES + 1))

    def _lose(self, corruption: str, strengths: Strengths, severities: Sequence[int]) -> list[float]:
        conditions = tuple(Condition(corruption, severity) for severity in severities)
        table = {**self._task.severity_table, corruption: strengths}
        rows = self._measure(Battery(conditions, self._task.battery_seed, table)).rows
        by_severity = {severity: [row for row in rows if row.severity == severity] for severity in severities}
        return [POINTS * (self.clean_dice - _mean_dice(by_severity[severity])) for severity in severities]

    def _measure(self, battery: Battery) -> NetworkScores:
        return measure(
            self._network,
            self._cases,
            battery,
            patch=self._assignment.candidate.recipe.patch,
            scoring=self._scoring,
            device=self._assignment.device,
        )


def default_reference() -> Candidate:
    """The candidate of the reference network."""
    candidate = Candidate()
    assert candidate.recipe.augmentation == Recipe.augmentation == "spatial", (
        "it must not train on the corruptions it is measured under"
    )
    return candidate


def _mean_dice(rows: Sequence[CaseScore]) -> float:
    return statistics.fmean(row.value for row in select_means(rows, DICE.name))
