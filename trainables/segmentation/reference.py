"""The reference network of a calibration: trained once, then measured under corruptions of any strength.

It has the default architecture and recipe. The recipe augments by rotation and scaling, but not by noise, blur or
changes of intensity. So its loss is that of a network that has not seen the corruption in training.
"""

from __future__ import annotations

import dataclasses
import shutil
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from paretoseg.spaces.atomic_file import UNFINISHED, sync_folder
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.data.datasets import Case, load_once
from paretoseg.trainables.evaluation.label_moves import find_left_out
from paretoseg.trainables.evaluation.measuring import NetworkScores, measure
from paretoseg.trainables.evaluation.similarity import measure_similarity
from paretoseg.trainables.image_task import ImageTask
from paretoseg.trainables.networks.capacity import draw_blueprint
from paretoseg.trainables.networks.checkpoint import load_network
from paretoseg.trainables.scoring.battery import Battery
from paretoseg.trainables.scoring.measures import DICE, POINTS, ObjectiveMetric, SurfaceMetrics
from paretoseg.trainables.scoring.objectives import select_means
from paretoseg.trainables.segmentation.trial import STATE_FILE
from paretoseg.trainables.severities.calibrating import SeverityResult, find_reversals
from paretoseg.trainables.severities.levels import Strengths
from paretoseg.trainables.trainable import CLEAN_CONDITION, Assignment, CaseScore, Condition, Trainable

_MIDDLE = 3
"""The severity whose draws are used: one draw per case for all strengths, as in a search."""

_UNFINISHED = f".checkpoint{UNFINISHED}"
"""Sub-folder of a checkpoint that is still being written."""


def train_reference(task: ImageTask, assignment: Assignment, folder: Path, observe: Callable[[int, int], None]) -> Path:
    """Trains the network of the assignment and saves it in an existing folder; resumes from a checkpoint there.

    Args:
        task: Training budget and data.
        assignment: Candidate, seed, threads and device.
        folder: Folder of the checkpoints; it must not contain those of another candidate or seed.
        observe: Called after every step with the number of steps done, and of all.

    Returns:
        The folder with the checkpoint of the whole training.

    Raises:
        ValueError: if training diverges.
        MemoryError: if it does not fit.
    """
    trainable = task.build(dataclasses.replace(assignment, quick_steps=()))
    checkpoint = _find_complete(folder)
    if checkpoint is not None:
        trainable.load(checkpoint)
    while checkpoint is None or trainable.steps_done < trainable.num_steps:
        trainable.step()
        checkpoint = _save(trainable, folder)
        observe(trainable.steps_done, trainable.num_steps)
    return checkpoint


def _save(trainable: Trainable, folder: Path) -> Path:
    """Saves into a new sub-folder, which gets its name once all files are in it; removes the earlier ones."""
    unfinished, complete = folder / _UNFINISHED, folder / f"step-{trainable.steps_done:04d}"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    trainable.save(unfinished)
    unfinished.rename(complete)
    sync_folder(folder)
    for other in folder.glob("step-*"):
        if other != complete:
            shutil.rmtree(other)
    return complete


def _find_complete(folder: Path) -> Path | None:
    """The last complete checkpoint in a folder, or None; an earlier version saved into the folder itself."""
    complete = max(folder.glob("step-*"), key=lambda path: int(path.name.removeprefix("step-")), default=None)
    return folder if complete is None and (folder / STATE_FILE).exists() else complete


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
        blueprint = draw_blueprint(assignment.candidate, dataset, task.network_rules)
        self._network, self._window = load_network(blueprint, checkpoint).to(assignment.device), blueprint.window
        self._battery, self._assignment, self._cases = task.battery(), assignment, cases
        # Only Dice, whatever the objective of the search: it takes a fraction of the time of surface distances.
        self._scoring = dataclasses.replace(
            task.scoring(dataset), metric=ObjectiveMetric.dice, surface_metrics=SurfaceMetrics.none
        )
        scores = self._measure(dataclasses.replace(self._battery, conditions=(CLEAN_CONDITION,)))
        self._clean, self._measured = _find_dice(scores.rows), dict[tuple[str, float], dict[str, float]]()
        self.clean_dice = statistics.fmean(self._clean.values())
        self.degenerate = scores.degenerate

    clean_dice: float
    """Mean Dice over cases and foreground classes on clean images, 0 to 1; higher is better."""

    degenerate: str
    """Why the network counts as degenerate; '' if it does not."""

    def measure_loss(self, corruption: str, strength: float) -> float:
        """Dice points lost at a strength (0 to 100, higher is worse); every case has the same draw at all strengths.

        The clean Dice is that of the same cases.

        Raises:
            ValueError: if every case would lose a class.
        """
        dice = self._measure_dice(corruption, strength)
        if not dice:
            raise ValueError(
                f"{corruption} moves a class out of every case at a strength of {strength:.3g}; leave it out of "
                "corruptions=[...]"
            )
        clean = statistics.fmean(self._clean[case] for case in dice)
        return POINTS * (clean - statistics.fmean(dice.values()))

    def measure_severities(self, corruption: str, strengths: Strengths) -> SeverityResult:
        """What severities 1 to 5 of these strengths do, with the same draws.

        Raises:
            ValueError: if every case would lose a class at a severity.
        """
        lost = [self.measure_loss(corruption, strength) for strength in strengths]
        batteries = [self._build_battery(corruption, strength) for strength in strengths]
        ssim = [
            measure_similarity(self._cases, battery.conditions[0], battery, self._scoring.spacing_mm)
            for battery in batteries
        ]
        reversals = find_reversals([self._measure_dice(corruption, strength) for strength in strengths])
        return SeverityResult(tuple(lost), reversals, tuple(ssim))

    def measure_rows(self, conditions: Sequence[Condition]) -> Sequence[CaseScore]:
        """The Dice of every case under conditions, with the strengths and draws of a search.

        Cases that would lose a class are left out.

        Raises:
            ValueError: if a corruption breaks an image; the message names it.
        """
        battery = dataclasses.replace(self._battery, conditions=tuple(conditions), has_gate=False, num_cases=0)
        left_out = find_left_out({"": self._cases}, battery, self._scoring.spacing_mm)
        return self._measure(dataclasses.replace(battery, left_out=left_out)).rows

    def find_lost(self, corruption: str, strength: float) -> list[str]:
        """The cases that would lose a class at a strength, found on their labels alone."""
        return sorted(name for _, name in self._build_battery(corruption, strength).left_out)

    def _build_battery(self, corruption: str, strength: float) -> Battery:
        """One condition of this strength, without the cases that would lose a class."""
        battery = dataclasses.replace(
            self._battery,
            conditions=(Condition(corruption, _MIDDLE),),
            strengths={**self._battery.strengths, corruption: (strength, strength, strength, strength, strength)},
            num_cases=0,
        )
        return dataclasses.replace(
            battery, left_out=find_left_out({"": self._cases}, battery, self._scoring.spacing_mm)
        )

    def _measure_dice(self, corruption: str, strength: float) -> dict[str, float]:
        """The Dice of every measured case, by its name; measured once."""
        key = corruption, strength
        if key not in self._measured:
            self._measured[key] = _find_dice(self._measure(self._build_battery(corruption, strength)).rows)
        return self._measured[key]

    def _measure(self, battery: Battery) -> NetworkScores:
        return measure(
            self._network,
            self._cases,
            battery,
            window=self._window,
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


def _find_dice(rows: Sequence[CaseScore]) -> dict[str, float]:
    """The mean Dice over foreground classes of every case, by its name."""
    return {row.case: row.value for row in select_means(rows, DICE.name)}
