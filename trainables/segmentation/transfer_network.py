"""One network of a transfer matrix: trained with one kind of augmentation, then measured under every corruption."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.image_task import ImageTask
from paretoseg.trainables.segmentation.reference import ReferenceNetwork, train_reference
from paretoseg.trainables.trainable import Assignment
from paretoseg.trainables.transfer.matrix import TransferNetwork
from paretoseg.trainables.transfer.scores import weigh_severities


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
    rows = network.measure_rows(task.battery().conditions)
    scores = weigh_severities(rows, [case.name for case in cases])
    return TransferNetwork(kind, assignment.seed, scores, network.degenerate)
