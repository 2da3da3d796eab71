"""One network of a transfer matrix: trained with one kind of augmentation, then measured under every corruption."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.image_task import ImageTask
from paretoseg.trainables.segmentation.reference import ReferenceNetwork, train_reference
from paretoseg.trainables.trainable import CLEAN_CONDITION, Assignment, Condition
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
        ValueError: if training diverges.
        MemoryError: if it does not fit.
    """
    train_reference(task, assignment, folder, observe)
    network = ReferenceNetwork(task, assignment, folder, cases)
    by_corruption: dict[str, list[Condition]] = {}
    for condition in task.battery().conditions:
        if condition != CLEAN_CONDITION:
            by_corruption.setdefault(condition.corruption, []).append(condition)
    scores = _measure(network, by_corruption, [case.name for case in cases])
    return TransferNetwork(kind, assignment.seed, scores, network.degenerate)


def _measure(
    network: ReferenceNetwork, by_corruption: Mapping[str, Sequence[Condition]], names: Sequence[str]
) -> dict[str, CaseScores]:
    """The score of every case by corruption; without those corruptions that leave nothing to measure."""
    try:
        return weigh_severities(
            network.measure_rows([CLEAN_CONDITION, *(one for group in by_corruption.values() for one in group)]), names
        )
    except ValueError:  # found out one by one, because a single pass over the battery is faster
        scores = weigh_severities(network.measure_rows([CLEAN_CONDITION]), names)
    for conditions in by_corruption.values():
        try:
            scores |= weigh_severities(network.measure_rows(conditions), names)
        except ValueError:
            continue
    return scores
