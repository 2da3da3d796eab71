"""Measuring a trained network: on clean images, and on the battery of corruptions.

Inference slides a window of the size of the training patch over the image, so that a network sees as much context in
use as it saw in training.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from monai.inferers.utils import sliding_window_inference
from torch import Tensor, nn

from trainables.corruptions import corrupt, corruption_generator
from trainables.datasets import Case
from trainables.degeneracy import find_degeneracy
from trainables.measures import DICE, HD95, NSD, Measure, Scoring
from trainables.metrics import compare_surfaces, describe_emptiness, dice
from trainables.severities import CLEAN
from trainables.trainable import MEAN, CaseScore

WINDOW_OVERLAP = 0.25
"""Least share of a window that its neighbour covers again."""

PIXELS_PER_PASS = 2**17
"""Pixels or voxels that go through the network at once: bounds the memory, whatever the size of images and windows."""

PIXELS_PER_BATCH = 2**22
"""Pixels or voxels of whole images that are held with their logits at once; a larger image is alone in its batch."""


@dataclass(frozen=True)
class Condition:
    """One state in which every case is measured."""

    corruption: str
    severity: int


CLEAN_CONDITION = Condition(CLEAN, 0)


@dataclass(frozen=True)
class Battery:
    """All conditions of a measurement, with the seed of their draws."""

    conditions: tuple[Condition, ...]
    seed: int

    @classmethod
    def of(cls, corruptions: Sequence[str], severities: Sequence[int], seed: int) -> Battery:
        """Clean, then every corruption at every severity."""
        pairs = itertools.product(corruptions, severities)
        return cls((CLEAN_CONDITION, *(Condition(*pair) for pair in pairs)), seed)


@dataclass(frozen=True)
class Scores:
    """What a network reached on some cases."""

    rows: tuple[CaseScore, ...]
    """One for every condition, case, measure and foreground class, and one for the mean over the classes."""

    degenerate: str
    """Why the network counts as broken, judged on clean images, or ''."""


def predict(
    network: nn.Module, images: Float[Tensor, "b c *spatial"], patch: int
) -> Float[Tensor, "b classes *spatial"]:
    """Logits of whole images; windows of edge `patch` overlap, and their logits are averaged.

    Images smaller than the window are padded with zeros, as in training.
    """
    spatial_dims = images.ndim - 2
    windows_per_pass = max(PIXELS_PER_PASS // patch**spatial_dims, 1)
    with torch.inference_mode():
        logits = sliding_window_inference(
            images, (patch,) * spatial_dims, windows_per_pass, network, overlap=WINDOW_OVERLAP, mode="constant"
        )
    assert isinstance(logits, Tensor)
    return logits


def measure(
    network: nn.Module, cases: Sequence[Case], battery: Battery, *, patch: int, scoring: Scoring, device: str = "cpu"
) -> Scores:
    """The scores of every case under every condition, by measure and foreground class.

    The network is put into evaluation mode for the while. A corrupted image depends on case, corruption, severity and
    the battery's seed alone: neither on the network nor on the order.
    """
    was_training = network.training
    network.eval()
    rows: list[CaseScore] = []
    clean: list[tuple[Tensor, Tensor]] = []
    for condition in battery.conditions:
        for batch in _to_batches(cases):
            images = torch.cat([degrade(case, condition, battery.seed) for case in batch]).to(device)
            labels = torch.stack([to_tensor(case.label) for case in batch]).to(device)
            masks = predict(network, images, patch).argmax(dim=1).to(torch.uint8)
            scores = dice(masks, labels, scoring.num_classes).tolist()
            for case, mask, label, values in zip(batch, masks.cpu(), labels.cpu(), scores, strict=True):
                rows += _to_rows(case, condition, scoring, masks=(mask, label), dice_scores=values)
                if condition == CLEAN_CONDITION:
                    clean.append((mask, label))
    network.train(was_training)
    masks_and_labels = [mask for mask, _ in clean], [label for _, label in clean]
    return Scores(tuple(rows), find_degeneracy(*masks_and_labels, scoring.class_names) if clean else "")


def degrade(case: Case, condition: Condition, seed: int) -> Float[Tensor, "1 c *spatial"]:
    """The case's image under a condition: the same for every network, on the CPU."""
    generator = corruption_generator(case.name, condition.corruption, condition.severity, seed)
    return corrupt(to_tensor(case.image)[None], condition.corruption, condition.severity, generator)


def to_tensor(array: np.ndarray) -> Tensor:
    """A copy of an image or label as a tensor: a case may lie in a file that is mapped and must not be written to."""
    return torch.from_numpy(np.array(array))


def _to_batches(cases: Sequence[Case]) -> Iterator[list[Case]]:
    """Cases of one shape that are held at once, together all cases."""
    groups: dict[tuple[int, ...], list[Case]] = {}
    for case in cases:
        groups.setdefault(case.label.shape, []).append(case)
    for shape, group in groups.items():
        size = max(PIXELS_PER_BATCH // math.prod(shape), 1)
        yield from (group[start : start + size] for start in range(0, len(group), size))


def _to_rows(
    case: Case, condition: Condition, scoring: Scoring, *, masks: tuple[Tensor, Tensor], dice_scores: Sequence[float]
) -> Iterator[CaseScore]:
    """The rows of one case under one condition: of every measure a row per foreground class, then the mean.

    Args:
        case: Whose rows they are.
        condition: Under which it was predicted.
        scoring: What is measured.
        masks: The prediction and the reference.
        dice_scores: By foreground class.
    """
    empty = describe_emptiness(*masks, scoring.num_classes)
    values: dict[Measure, Sequence[float]] = {DICE: dice_scores}
    measures = scoring.measures(is_clean=condition == CLEAN_CONDITION)
    if NSD in measures:
        values[NSD], values[HD95] = compare_surfaces(
            *masks, scoring.num_classes, spacing_mm=scoring.spacing_mm, tolerance_mm=scoring.nsd_tolerance_mm
        )
    for measure in measures:
        of_classes = values[measure]
        place = (case.name, case.domain, condition.corruption, condition.severity, measure.name)
        for name, value, what in zip(scoring.class_names[1:], of_classes, empty, strict=True):
            yield CaseScore(*place, value, name, what)
        yield CaseScore(*place, statistics.fmean(of_classes), MEAN)
