"""Measuring a trained network: on clean images, and on the battery of corruptions.

Inference slides a window of the size of the training patch over the image, so that a network gets the same context as
in training.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, UInt8
from monai.inferers.utils import sliding_window_inference
from torch import Tensor, nn

from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.data.regions import Regions, find_order
from paretoseg.trainables.evaluation.case_rows import to_rows
from paretoseg.trainables.evaluation.degeneracy import Verdict
from paretoseg.trainables.evaluation.degrading import CaseBatch, Seen, count_pixels, original_of
from paretoseg.trainables.evaluation.gate import PredictMasks, judge
from paretoseg.trainables.evaluation.known_pixels import clear_ignored
from paretoseg.trainables.evaluation.metrics import dice
from paretoseg.trainables.evaluation.restoring import restore_mask
from paretoseg.trainables.scoring.battery import Battery, MeasuringRules
from paretoseg.trainables.scoring.measures import Scoring
from paretoseg.trainables.scoring.windows import WINDOW_OVERLAP
from paretoseg.trainables.trainable import CLEAN_CONDITION, CaseScore, Condition

PIXELS_PER_PASS = 2**17
"""Pixels or voxels that go through the network at once: bounds the memory for images and windows of any size."""

LEAST_WINDOWS = {2: 1, 3: 2}
"""Smallest number of windows per pass by number of spatial axes: on a CPU, torch takes several times as long for a
single volume, because it uses oneDNN only for larger batches.
"""

PIXELS_PER_BATCH = 2**22
"""Pixels or voxels of whole images, on the larger of the grids of network and file, that are in memory at once with
their logits; a larger image is a batch of its own.
"""


@dataclass(frozen=True)
class NetworkScores:
    """The scores of a network on some cases."""

    rows: tuple[CaseScore, ...]
    """One per condition, case, measure and foreground class, and one for the mean over the classes."""

    degenerate: str
    """Why the network counts as degenerate, judged on clean images; '' if it does not."""

    note: str = ""
    """What would make it degenerate if more cases showed it, or ''."""


def predict(
    network: nn.Module, images: Float[Tensor, "b c *spatial"], window: Sequence[int]
) -> Float[Tensor, "b classes *spatial"]:
    """Logits of whole images; the logits of overlapping windows of these extents are averaged.

    Images smaller than the window are padded with zeros, as in training.
    """
    windows_per_pass = max(PIXELS_PER_PASS // math.prod(window), LEAST_WINDOWS[len(window)])
    with torch.inference_mode():
        logits = sliding_window_inference(
            images, tuple(window), windows_per_pass, network, overlap=WINDOW_OVERLAP, mode="constant"
        )
    assert isinstance(logits, Tensor)
    return logits


def measure(
    network: nn.Module,
    cases: Sequence[Case],
    battery: Battery,
    *,
    window: Sequence[int],
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
        window: Extents of the sliding window, in pixels or voxels.
        scoring: The measures.
        device: Device of the network.
        shift: The cases of every shift set in the battery, by name.

    Raises:
        ValueError: if a corruption breaks an image or its label; the message names case, corruption and severity.
    """
    was_training = network.training
    network.eval()
    rows: dict[Condition, dict[str, list[CaseScore]]] = {condition: {} for condition in battery.conditions}
    clean: dict[str, tuple[Tensor, Tensor]] = {}
    for part, conditions in _share_out(cases, battery, shift or {}):
        for batch in _to_batches(part, scoring.spacing_mm, battery.rules):
            seen = CaseBatch(batch, battery, scoring.spacing_mm, device)
            for condition, number, masks, dice_scores in _answer(network, seen, conditions, window, scoring):
                case, spacing_mm = batch[number], seen.spacing_mm
                of_case = to_rows(case, condition, scoring, spacing_mm, masks=masks, dice_scores=dice_scores)
                rows[condition][case.name] = list(of_case)
                if condition == CLEAN_CONDITION and battery.has_gate:
                    clean[case.name] = masks
    probe = partial(_predict_probes, network, battery=battery, window=window, scoring=scoring, device=device)
    seen_clean = [case for case in cases if case.name in clean]
    verdict = _judge(seen_clean, clean, scoring, probe) if clean else Verdict()
    network.train(was_training)
    all_cases = {"": cases, **(shift or {})}
    ordered = (of_case.get(case.name, []) for condition, of_case in rows.items() for case in all_cases[condition.shift])
    return NetworkScores(tuple(row for of_case in ordered for row in of_case), verdict.reason, verdict.warning)


def _judge(
    cases: Sequence[Case],
    clean: Mapping[str, tuple[Tensor, Tensor]],
    scoring: Scoring,
    predict_masks: PredictMasks,
) -> Verdict:
    """What the predictions on clean images, each with its reference, say about the network."""
    predicted, actual = ({name: pair[place] for name, pair in clean.items()} for place in (0, 1))
    names, regions = scoring.class_names, scoring.regions
    return judge(cases, predicted, actual, class_names=names, predict_masks=predict_masks, regions=regions)


def _share_out(
    cases: Sequence[Case], battery: Battery, shift: Mapping[str, Sequence[Case]]
) -> Iterator[tuple[list[Case], list[Condition]]]:
    """Yields cases and all conditions under which they are measured, so that every case is uploaded once."""
    conditions_of: dict[tuple[str, str], list[Condition]] = {}
    for condition in battery.conditions:
        for case in battery.choose_cases(shift[condition.shift] if condition.shift else cases, condition):
            conditions_of.setdefault((condition.shift, case.name), []).append(condition)
    alike: dict[tuple[Condition, ...], list[Case]] = {}
    for name, of_set in {"": cases, **shift}.items():
        for case in of_set:
            if (name, case.name) in conditions_of:
                alike.setdefault(tuple(conditions_of[name, case.name]), []).append(case)
    for conditions, group in alike.items():
        yield group, list(conditions)


def _answer(
    network: nn.Module, batch: CaseBatch, conditions: Sequence[Condition], window: Sequence[int], scoring: Scoring
) -> Iterator[tuple[Condition, int, tuple[Tensor, Tensor], list[float]]]:
    """Yields condition, number of the case in the batch, prediction and reference on the CPU, and Dice by class.

    Several conditions go through the network at once if memory allows.
    """
    num_at_once = max(PIXELS_PER_BATCH // batch.num_pixels, 1)
    for start in range(0, len(conditions), num_at_once):
        seen = [
            (condition, *item)
            for condition in conditions[start : start + num_at_once]
            for item in enumerate(batch.degrade(condition))
        ]
        masks = predict_masks(network, [item for _, _, item in seen], window, scoring.regions)
        labels = [clear_ignored(item.label, item.label) for _, _, item in seen]
        scores = dice(torch.stack(masks), torch.stack(labels), scoring.num_classes, scoring.regions).tolist()
        for (condition, number, _), mask, label, values in zip(seen, masks, labels, scores, strict=True):
            yield condition, number, (mask.cpu(), label.cpu()), values


def predict_each(
    network: nn.Module, images: Sequence[Float[Tensor, "c *spatial"]], window: Sequence[int]
) -> list[Float[Tensor, "classes *spatial"]]:
    """The logits of images that may differ in shape; those of one shape are one batch."""
    logits: dict[int, Tensor] = {}
    by_shape: dict[torch.Size, list[int]] = {}
    for number, image in enumerate(images):
        by_shape.setdefault(image.shape, []).append(number)
    for numbers in by_shape.values():
        of_shape = predict(network, torch.stack([images[number] for number in numbers]), window)
        logits |= dict(zip(numbers, of_shape, strict=True))
    return [logits[number] for number in range(len(images))]


def predict_masks(
    network: nn.Module, seen: Sequence[Seen], window: Sequence[int], regions: Regions | None = None
) -> list[UInt8[Tensor, "*scored"]]:
    """The predicted classes of images, on the grids on which they are scored; background where nothing is known."""
    logits = predict_each(network, [item.image for item in seen], window)
    order = find_order(regions)
    masks = [restore_mask(of_image, item.placement, order=order) for of_image, item in zip(logits, seen, strict=True)]
    return [clear_ignored(mask, item.label) for mask, item in zip(masks, seen, strict=True)]


def _predict_probes(
    network: nn.Module, probes: Sequence[Case], battery: Battery, window: Sequence[int], scoring: Scoring, device: str
) -> dict[str, Tensor]:
    """The predicted classes of cases whose images were changed, by name, on the CPU."""
    masks: dict[str, Tensor] = {}
    for batch in _to_batches(probes, scoring.spacing_mm, battery.rules):
        seen = CaseBatch(batch, battery, scoring.spacing_mm, device).degrade(CLEAN_CONDITION)
        found = predict_masks(network, seen, window, scoring.regions)
        masks |= {case.name: mask.cpu() for case, mask in zip(batch, found, strict=True)}
    return masks


def _to_batches(cases: Sequence[Case], spacing_mm: Sequence[float], rules: MeasuringRules) -> Iterator[list[Case]]:
    """Yields batches of cases with grids of one shape and spacing that fit into memory; together all cases."""
    groups: dict[tuple[object, ...], list[Case]] = {}
    for case in cases:
        placement = original_of(case, spacing_mm).placement
        key = (case.label.shape, placement.shape, placement.resampled_shape, placement.spacing_mm)
        groups.setdefault(key, []).append(case)
    for group in groups.values():
        size = max(PIXELS_PER_BATCH // count_pixels(group[0], original_of(group[0], spacing_mm), rules), 1)
        yield from (group[start : start + size] for start in range(0, len(group), size))
