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
from paretoseg.trainables.image_task import ImageTask
from paretoseg.trainables.networks.capacity import draw_blueprint
from paretoseg.trainables.networks.checkpoint import load_network
from paretoseg.trainables.scoring.battery import Battery
from paretoseg.trainables.scoring.measures import DICE, ObjectiveMetric, SurfaceMetrics
from paretoseg.trainables.scoring.objectives import select_means
from paretoseg.trainables.segmentation.trial import STATE_FILE
from paretoseg.trainables.severities.levels import NUM_SEVERITIES, Strengths
from paretoseg.trainables.trainable import CLEAN_CONDITION, Assignment, CaseScore, Condition

POINTS = 100.0
"""Dice points that equal a Dice of 1."""

_MIDDLE = 3
"""The severity whose draws are used for response curves: one draw per case for all strengths makes a curve smooth."""


def train_reference(task: ImageTask, assignment: Assignment, folder: Path, observe: Callable[[int, int], None]) -> None:
    """Trains the network of the assignment and saves it in an existing folder; resumes from a checkpoint there.

    Args:
        task: Training budget and data.
        assignment: Candidate, seed, threads and device.
        folder: Folder of the checkpoints; it must not contain those of another candidate or seed.
        observe: Called after every step with the number of steps done, and of all.

    Raises:
        ValueError: if training diverges.
        MemoryError: if it does not fit.
    """
    # What is measured on the way is of no use here.
    trainable = task.without_measuring().build(assignment)
    if (folder / STATE_FILE).exists():
        trainable.load(folder)
    while trainable.steps_done < trainable.num_steps:
        trainable.step()
        trainable.save(folder)
        observe(trainable.steps_done, trainable.num_steps)


class ReferenceNetwork:
    """A trained network that can be measured under any strength of a corruption.

    Args:
        task: The task on which it was trained.
        assignment: Its candidate; threads and device are also used here.
        checkpoint: Folder with its weights.
        cases: The cases on which it is measured.
    """

    def __init__(self, task: ImageTask, assignment: Assignment, checkpoint: Path, cases: Sequence[Case]) -> None:
        torch.set_num_threads(assignment.num_threads)
        dataset = load_once(task.data)
        blueprint = draw_blueprint(assignment.candidate, dataset, task.network_size)
        self._network = load_network(blueprint, checkpoint).to(assignment.device)
        self._battery, self._assignment, self._cases = task.battery(), assignment, cases
        # Only Dice, whatever the objective of the search: it takes a fraction of the time of surface distances.
        self._scoring = dataclasses.replace(
            task.scoring(dataset), metric=ObjectiveMetric.dice, surface_metrics=SurfaceMetrics.none
        )
        scores = self._measure(dataclasses.replace(self._battery, conditions=(CLEAN_CONDITION,)))
        self.clean_dice = _mean_dice(scores.rows)
        self.degenerate = scores.degenerate

    clean_dice: float
    """Mean Dice over cases and foreground classes on clean images, 0 to 1; higher is better."""

    degenerate: str
    """Why the network counts as degenerate; '' if it does not."""

    def measure_loss(self, corruption: str, strength: float) -> float:
        """Dice points lost at a strength (0 to 100, higher is worse); every case has the same draw at all strengths."""
        return self._lose(corruption, (strength, strength, strength, strength, strength), [_MIDDLE])[0]

    def measure_losses(self, corruption: str, strengths: Strengths) -> list[float]:
        """Dice points lost at severities 1 to 5 of these strengths, with the draws that a search uses there."""
        return self._lose(corruption, strengths, range(1, NUM_SEVERITIES + 1))

    def measure_rows(self, conditions: Sequence[Condition]) -> Sequence[CaseScore]:
        """The Dice of every case under conditions, with the strengths and draws of a search.

        Raises:
            ValueError: if a corruption breaks an image or its label; the message names it.
        """
        battery = dataclasses.replace(self._battery, conditions=tuple(conditions), has_gate=False, num_cases=0)
        return self._measure(battery).rows

    def _lose(self, corruption: str, strengths: Strengths, severities: Sequence[int]) -> list[float]:
        conditions = tuple(Condition(corruption, severity) for severity in severities)
        table = {**self._battery.strengths, corruption: strengths}
        rows = self._measure(Battery(conditions, self._battery.seed, table)).rows
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
