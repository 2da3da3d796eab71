"""Measuring a trained network: on clean images, and on the battery of corruptions.

Inference slides a window of the size of the training patch over the image, so that a network gets the same context as
in training.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from monai.inferers.utils import sliding_window_inference
from torch import Tensor, nn

from paretoseg.trainables.corruptions.table import corrupt, corruption_generator
from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.evaluation.degeneracy import find_degeneracy, find_ignored_images
from paretoseg.trainables.evaluation.metrics import compare_surfaces, describe_emptiness, dice
from paretoseg.trainables.scoring.battery import Battery
from paretoseg.trainables.scoring.measures import DICE, HD95, NSD, Measure, Scoring
from paretoseg.trainables.scoring.windows import WINDOW_OVERLAP
from paretoseg.trainables.seeds import derive_seed
from paretoseg.trainables.severities.levels import find_strength
from paretoseg.trainables.trainable import CLEAN, CLEAN_CONDITION, MEAN, CaseScore, Condition

PIXELS_PER_PASS = 2**17
"""Pixels or voxels that go through the network at once: bounds the memory for images and windows of any size."""

LEAST_WINDOWS = {2: 1, 3: 2}
"""Smallest number of windows per pass by number of spatial axes: on a CPU, torch takes several times as long for a
single volume, because it uses oneDNN only for larger batches.
"""

PIXELS_PER_BATCH = 2**22
"""Pixels or voxels of whole images that are in memory at once with their logits; a larger image is a batch of its own.
"""


MAX_PROBED = 4
"""Largest number of cases with which it is tested whether a network ignores its images."""


@dataclass(frozen=True)
class NetworkScores:
    """The scores of a network on some cases."""

    rows: tuple[CaseScore, ...]
    """One per condition, case, measure and foreground class, and one for the mean over the classes."""

    degenerate: str
    """Why the network counts as degenerate, judged on clean images; '' if it does not."""


def predict(
    network: nn.Module, images: Float[Tensor, "b c *spatial"], patch: int
) -> Float[Tensor, "b classes *spatial"]:
    """Logits of whole images; the logits of overlapping windows of edge `patch` are averaged.

    Images smaller than the window are padded with zeros, as in training.
    """
    spatial_dims = images.ndim - 2
    windows_per_pass = max(PIXELS_PER_PASS // patch**spatial_dims, LEAST_WINDOWS[spatial_dims])
    with torch.inference_mode():
        logits = sliding_window_inference(
            images, (patch,) * spatial_dims, windows_per_pass, network, overlap=WINDOW_OVERLAP, mode="constant"
        )
    assert isinstance(logits, Tensor)
    return logits


def measure(
    network: nn.Module,
    cases: Sequence[Case],
    battery: Battery,
    *,
    patch: int,
    scoring: Scoring,
    device: str = "cpu",
    shift: Mapping[str, Sequence[Case]] | None = None,
) -> NetworkScores:
    """The scores of every case under every condition, by measure and foreground class.

    The network is in evaluation mode while it is measured. A corrupted image depends only on case, corruption, severity
    and the battery's seed, not on the network or the order.

    Args:
        network: Maps images to logits.
        cases: In-distribution cases; measured under all conditions without a shift set.
        battery: The conditions to measure.
        patch: Edge of the window.
        scoring: The measures.
        device: Device of the network.
        shift: The cases of every shift set in the battery, by name.

    Raises:
        ValueError: if a corruption breaks an image or its label; the message names case, corruption and severity.
    """
    was_training = network.training
    network.eval()
    rows: dict[Condition, list[CaseScore]] = {condition: [] for condition in battery.conditions}
    clean: dict[str, tuple[Tensor, Tensor]] = {}
    for part, conditions in _share_out(cases, battery, shift or {}):
        for batch in _to_batches(part):
            for condition, masks, labels in _answer(network, batch, conditions, battery, patch=patch, device=device):
                scores = dice(masks, labels, scoring.num_classes).tolist()
                for case, mask, label, values in zip(batch, masks.cpu(), labels.cpu(), scores, strict=True):
                    rows[condition] += _to_rows(case, condition, scoring, masks=(mask, label), dice_scores=values)
                    if condition == CLEAN_CONDITION:
                        clean[case.name] = mask, label
    degenerate = ""
    if clean and battery.has_gate:
        predicted, actual = ({name: pair[place] for name, pair in clean.items()} for place in (0, 1))
        degenerate = find_degeneracy([*predicted.values()], [*actual.values()], scoring.class_names)
        degenerate = degenerate or _probe(network, cases, predicted, patch, device)
    network.train(was_training)
    return NetworkScores(tuple(row for of_condition in rows.values() for row in of_condition), degenerate)


def _share_out(
    cases: Sequence[Case], battery: Battery, shift: Mapping[str, Sequence[Case]]
) -> Iterator[tuple[list[Case], list[Condition]]]:
    """Yields cases and the conditions under which they are measured; together the whole battery."""
    by_cases: dict[tuple[str, ...], tuple[list[Case], list[Condition]]] = {}
    for condition in battery.conditions:
        chosen = battery.choose_cases(shift[condition.shift] if condition.shift else cases, condition)
        names = (condition.shift, *(case.name for case in chosen))
        by_cases.setdefault(names, (chosen, []))[1].append(condition)
    yield from by_cases.values()


def _answer(
    network: nn.Module,
    batch: Sequence[Case],
    conditions: Sequence[Condition],
    battery: Battery,
    *,
    patch: int,
    device: str,
) -> Iterator[tuple[Condition, Tensor, Tensor]]:
    """Yields condition, predicted classes and labels of a batch; several conditions at once if memory allows."""
    num_at_once = max(PIXELS_PER_BATCH // (len(batch) * batch[0].label.size), 1)
    for start in range(0, len(conditions), num_at_once):
        part = conditions[start : start + num_at_once]
        seen = [degrade(batch, condition, battery, device) for condition in part]
        images = torch.cat([images for images, _ in seen])
        masks = predict(network, images, patch).argmax(dim=1).to(torch.uint8)
        by_condition = masks.reshape(len(part), len(batch), *masks.shape[1:])
        yield from zip(part, by_condition, [labels for _, labels in seen], strict=True)


def degrade(
    cases: Sequence[Case], condition: Condition, battery: Battery, device: str = "cpu"
) -> tuple[Float[Tensor, "b c *spatial"], UInt8[Tensor, "b *spatial"]]:
    """Images and labels of cases of one shape under a condition; equal for every network.

    Raises:
        ValueError: if the corrupted image is not finite, or the corruption removes a class from a label.
    """
    images = torch.stack([to_tensor(case.image) for case in cases]).to(device)
    labels = torch.stack([to_tensor(case.label) for case in cases]).to(device)
    if condition.corruption == CLEAN:
        return images, labels
    name, severity = condition.corruption, condition.severity
    generators = [corruption_generator(case.name, name, severity, battery.seed) for case in cases]
    strength = find_strength(battery.strengths, name, severity)
    corrupted, moved = corrupt(images, labels, name, strength, generators, version=1)
    corrupted = corrupted.clamp(0.0, 1.0)
    is_finite = corrupted.isfinite().flatten(start_dim=1).all(dim=1).tolist()
    for case, finite, lost in zip(cases, is_finite, _find_lost(labels, moved), strict=True):
        if lost or not finite:
            what = lost or "an image with numbers that are not finite"
            raise ValueError(
                f"{name} of severity {severity} gives {what} on case '{case.name}'; leave the severity or the "
                "corruption out, or the case"
            )
    return corrupted, moved


def _find_lost(labels: UInt8[Tensor, "b *spatial"], moved: UInt8[Tensor, "b *spatial"]) -> list[str]:
    """Per case, a description of a label that lost a whole class; '' if none did.

    Where a class is missing, a network that never predicts it would be right.
    """
    if moved is labels:
        return [""] * len(labels)
    found = []
    for before, after in zip(labels, moved, strict=True):
        left = set(after.unique().tolist()) - {0}
        gone = set(before.unique().tolist()) - {0} - left
        missing = f"a label without class {min(gone)}" if gone else ""
        found.append(missing if left else missing and "an empty label")
    return found


def to_tensor(array: np.ndarray) -> Tensor:
    """A copy of an image or label as a tensor; a copy, because a case may be a memory-mapped file."""
    return torch.from_numpy(np.array(array))


def _probe(network: nn.Module, cases: Sequence[Case], masks: Mapping[str, Tensor], patch: int, device: str) -> str:
    """Why the network counts as ignoring its images, judged by its masks of shuffled images; '' if it does not.

    Args:
        network: In evaluation mode.
        cases: The cases on which it was measured.
        masks: Its predictions on their clean images, by name of the case.
        patch: Edge of the window.
        device: Device of the network.
    """
    plain, shuffled = [], []
    for batch in _to_batches(cases[:MAX_PROBED]):
        images = torch.stack([_shuffle(case) for case in batch]).to(device)
        shuffled += list(predict(network, images, patch).argmax(dim=1).to(torch.uint8).cpu())
        plain += [masks[case.name] for case in batch]
    return find_ignored_images(plain, shuffled)


def _shuffle(case: Case) -> Float[Tensor, "c *spatial"]:
    """The case's image with its pixels shuffled, all channels alike; the order depends only on the case's name."""
    generator = torch.Generator().manual_seed(derive_seed("probe", case.name))
    image = to_tensor(case.image)
    places = torch.randperm(case.label.size, generator=generator)
    return image.flatten(start_dim=1)[:, places].reshape(image.shape)


def _to_batches(cases: Sequence[Case]) -> Iterator[list[Case]]:
    """Yields batches of cases of one shape that fit into memory; together all cases."""
    groups: dict[tuple[int, ...], list[Case]] = {}
    for case in cases:
        groups.setdefault(case.label.shape, []).append(case)
    for shape, group in groups.items():
        size = max(PIXELS_PER_BATCH // math.prod(shape), 1)
        yield from (group[start : start + size] for start in range(0, len(group), size))


def _to_rows(
    case: Case, condition: Condition, scoring: Scoring, *, masks: tuple[Tensor, Tensor], dice_scores: Sequence[float]
) -> Iterator[CaseScore]:
    """Yields the rows of one case under one condition: per measure one row per foreground class, then the mean.

    Args:
        case: The case.
        condition: The condition under which it was predicted.
        scoring: The measures.
        masks: Prediction and reference.
        dice_scores: Per foreground class.
    """
    empty = describe_emptiness(*masks, scoring.num_classes)
    values: dict[Measure, Sequence[float]] = {DICE: dice_scores}
    measures = scoring.measures(is_clean=condition.corruption == CLEAN)
    if NSD in measures:
        values[NSD], values[HD95] = compare_surfaces(
            *masks, scoring.num_classes, spacing_mm=scoring.spacing_mm, tolerance_mm=scoring.nsd_tolerance_mm
        )
    for measure in measures:
        of_classes = values[measure]
        place = (case.name, case.domain, condition.corruption, condition.severity, measure.name)
        for name, value, what in zip(scoring.class_names[1:], of_classes, empty, strict=True):
            yield CaseScore(*place, value, name, what, condition.shift)
        yield CaseScore(*place, statistics.fmean(of_classes), MEAN, shift=condition.shift)
