"""Pictures of single cases, clean and corrupted, with the predictions of a trained network.

Of a volume, the slice with most of the reference is shown, or the middle one if the reference is empty. Scores are
those of the whole volume.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from paretoseg.trainables.data.datasets import Case, load_once
from paretoseg.trainables.data.ignored import IGNORED
from paretoseg.trainables.data.regions import find_order
from paretoseg.trainables.evaluation.degrading import CaseBatch
from paretoseg.trainables.evaluation.known_pixels import clear_ignored
from paretoseg.trainables.evaluation.label_moves import find_lost
from paretoseg.trainables.evaluation.measuring import predict_each
from paretoseg.trainables.evaluation.metrics import dice
from paretoseg.trainables.evaluation.restoring import restore_mask
from paretoseg.trainables.image_task import ImageTask
from paretoseg.trainables.networks.capacity import draw_blueprint
from paretoseg.trainables.networks.checkpoint import load_network
from paretoseg.trainables.scoring.battery import Battery
from paretoseg.trainables.trainable import Assignment, Condition, Split

MAX_EDGE = 256
"""Longest edge of a picture in pixels; larger images are subsampled."""


@dataclass(frozen=True)
class CasePicture:
    """Image and reference of a case under a condition, equal for all networks."""

    image: UInt8[np.ndarray, "h w *rgb"]
    """Grey, or RGB if the image has three channels; 0 to 255 for intensities 0 to 1."""

    reference: UInt8[np.ndarray, "h w"]
    """Class of every pixel, 0 is background."""

    place: str = ""
    """Which part of the case is shown, such as 'slice 12 of 36'; '' for all of it."""


@dataclass(frozen=True)
class PredictionPicture:
    """The prediction of one network for a `CasePicture`."""

    predicted: UInt8[np.ndarray, "h w"]
    """Class of every pixel, 0 is background."""

    dice: float
    """Mean Dice over foreground classes, 0 to 1, of the whole case."""


PictureKey = tuple[str, Condition]
"""What is looked at: name of the case, and the condition that it is shown under."""


def find_cases(task: ImageTask, split: Split, names: Sequence[str]) -> list[Case]:
    """The cases with these names, in this order.

    Raises:
        ValueError: if the data cannot be loaded or lacks a case, because the study was run on other data.
    """
    known = {case.name: case for case in load_once(task.data).cases(split)}
    missing = [name for name in names if name not in known]
    if missing:
        raise ValueError(
            f"the data has no {split.value} case {missing[0]!r} any more; bring back the data that the study was run on"
        )
    return [known[name] for name in names]


def find_unfit(task: ImageTask, cases: Sequence[Case], conditions: Sequence[Condition]) -> list[Condition]:
    """The conditions that would move a class out of one of the cases, so that it cannot be shown under them."""
    battery, spacing_mm = task.battery(), load_once(task.data).spacing_mm
    return [condition for condition in conditions if find_lost(cases, condition, battery, spacing_mm)]


def render_cases(
    task: ImageTask, cases: Sequence[Case], conditions: Sequence[Condition]
) -> Mapping[PictureKey, CasePicture]:
    """Every case under every condition, as it was measured."""
    return {(case.name, condition): _scene(case, condition, task) for case in cases for condition in conditions}


def render_predictions(
    task: ImageTask,
    assignment: Assignment,
    checkpoint: Path,
    cases: Sequence[Case],
    conditions: Sequence[Condition],
) -> Mapping[PictureKey, PredictionPicture]:
    """The predictions of a trained network for every case under every condition.

    Args:
        task: The task on which it was trained.
        assignment: Its candidate; threads and device are also used here.
        checkpoint: Folder with its weights.
        cases: The cases to predict.
        conditions: What each case is shown under.

    Raises:
        ValueError: if the weights are missing, damaged, or of another architecture.
    """
    torch.set_num_threads(assignment.num_threads)
    blueprint = draw_blueprint(assignment.candidate, load_once(task.data), task.network_rules)
    network = load_network(blueprint, checkpoint).to(assignment.device)
    answers = {}
    dataset = load_once(task.data)
    spacing_mm, num_classes, regions = dataset.spacing_mm, dataset.num_classes, dataset.regions
    order = find_order(regions)
    for case in cases:
        # All conditions of a case in one batch: this needs far fewer calls, and one case fits into memory.
        scored, shown = (CaseBatch([case], battery, spacing_mm, "cpu") for battery in _batteries(task))
        where = _choose_slice(shown.labels[0].numpy())
        seen = [scored.degrade(condition)[0] for condition in conditions]
        all_logits = predict_each(network, [item.image.to(assignment.device) for item in seen], blueprint.window)
        for condition, item, logits in zip(conditions, seen, all_logits, strict=True):
            mask = restore_mask(logits.cpu(), item.placement, order=order)
            pair = clear_ignored(mask, item.label), clear_ignored(item.label, item.label)
            score = float(dice(pair[0][None], pair[1][None], num_classes, regions).mean())
            picture = restore_mask(logits.cpu(), shown.degrade(condition)[0].placement, order=order)
            answers[case.name, condition] = PredictionPicture(_to_picture(picture.numpy(), where), score)
    return answers


def _batteries(task: ImageTask) -> tuple[Battery, Battery]:
    """The battery as it is measured, and the same on the prepared grid, on which pictures are drawn."""
    battery = task.battery()
    return battery, replace(battery, rules=replace(battery.rules, is_native=False))


def _scene(case: Case, condition: Condition, task: ImageTask) -> CasePicture:
    batch = CaseBatch([case], _batteries(task)[1], load_once(task.data).spacing_mm, "cpu")
    [seen] = batch.degrade(condition)
    where = _choose_slice(batch.labels[0].numpy())
    image, label = seen.whole_image, clear_ignored(seen.label, seen.label).numpy()
    shown = image if image.shape[0] == 3 else image[:1]
    channels = [_to_picture(_to_bytes(channel), where) for channel in shown]
    picture = channels[0] if len(channels) == 1 else np.stack(channels, axis=-1)
    place = f"slice {where + 1} of {len(label)}" if label.ndim == 3 else ""
    return CasePicture(picture, _to_picture(label, where), place)


def _to_bytes(channel: Tensor) -> UInt8[np.ndarray, "..."]:
    array: np.ndarray = (channel * 255).round().numpy().astype(np.uint8)
    return array


def _to_picture(array: UInt8[np.ndarray, "..."], place: int) -> UInt8[np.ndarray, "h w"]:
    """Two axes, each at most `MAX_EDGE` long, of a volume the slice at `place`; all pictures are subsampled alike."""
    if array.ndim == 3:
        array = array[place]
    stride = math.ceil(max(array.shape) / MAX_EDGE)
    return np.ascontiguousarray(array[::stride, ::stride])


def _choose_slice(label: UInt8[np.ndarray, "..."]) -> int:
    """Index of the slice with most of the reference, or of the middle one if the reference is empty; 0 in 2D."""
    if label.ndim == 2:
        return 0
    sizes = ((label > 0) & (label != IGNORED)).sum(axis=(1, 2))
    return int(sizes.argmax()) if sizes.any() else len(sizes) // 2
