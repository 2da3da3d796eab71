"""One network of a transfer matrix: trained with one kind of augmentation, then measured under every corruption."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.image_task import ImageTask
from paretoseg.trainables.segmentation.reference import ReferenceNetwork, train_reference
from paretoseg.trainables.severities.levels import LEVELS
from paretoseg.trainables.trainable import CLEAN, Assignment, Condition
from paretoseg.trainables.transfer.matrix import TransferNetwork
from paretoseg.trainables.transfer.scores import CaseScores, weigh_severities


def train_and_measure(
    task: ImageTask,
    assignment: Assignment,
    kind: str,
    *,
    cases: Sequence[Case],
    folder: Path,
    observe: Callable[[int, int], None],
) -> TransferNetwork:
    """The scores of a network that is trained for it; resumes from a checkpoint.

    Args:
        task: Training budget, data, corruptions with their severities and strengths.
        assignment: The candidate with this kind of augmentation, seed, threads and device.
        kind: The kind of augmentation.
        cases: The cases that are measured.
        folder: Existing folder of this network's checkpoints.
        observe: Called after every step with the number of steps done, and of all.

    Raises:
        ValueError: if training diverges, or a corruption leaves an image that is not finite.
        MemoryError: if it does not fit.
    """
    checkpoint = train_reference(task, assignment, folder, observe)
    network = ReferenceNetwork(task, assignment, checkpoint, cases)
    scores = _measure(network, task.battery().conditions, [case.name for case in cases])
    return TransferNetwork(kind, assignment.seed, scores, network.degenerate)


def _measure(network: ReferenceNetwork, conditions: Sequence[Condition], names: Sequence[str]) -> dict[str, CaseScores]:
    """The score of every case by corruption, without corruptions that move a class out of some case's image.

    All that move no label are measured in one pass, the others one by one.
    """
    moving: dict[str, list[Condition]] = {}
    for condition in conditions:
        if condition.corruption != CLEAN and LEVELS[condition.corruption].moves_labels:
            moving.setdefault(condition.corruption, []).append(condition)
    scores = weigh_severities(network.measure_rows([one for one in conditions if one.corruption not in moving]), names)
    for group in moving.values():
        with contextlib.suppress(ValueError):
            scores |= weigh_severities(network.measure_rows(group), names)
    return scores
