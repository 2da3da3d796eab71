"""Segmentation metrics: Dice, surface Dice (NSD) and the 95th percentile of surface distances (HD95).

Empty masks follow one policy, so that no score is ever NaN and none is left out of a mean. If a class is empty in both
prediction and reference, the match is perfect: Dice 1, NSD 1, HD95 0. If it is empty in one of them only, it is a
complete miss: Dice 0, NSD 0, HD95 the diagonal of the image, the largest possible distance. MONAI returns NaN for such
distances and leaves them out, which would reward a network that predicts nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Integer
from monai.metrics.utils import get_mask_edges, get_surface_distance
from torch import Tensor

from paretoseg.trainables.data.regions import Regions, select_class

PERCENTILE = 95


def dice(
    predictions: Integer[Tensor, "b *spatial"],
    labels: Integer[Tensor, "b *spatial"],
    num_classes: int,
    regions: Regions | None = None,
) -> Float[Tensor, "b classes"]:
    """Dice per case and foreground class, 2 |A and B| / (|A| + |B|), in [0, 1], higher is better.

    Empty masks: see the module's docstring; never NaN. Classes that overlap are compared one by one, as all others.

    Returns:
        Shape (b, num_classes - 1): the background is left out.
    """
    # Class by class: all classes at once would need as many times the memory.
    pairs = ([select_class(mask, index, regions) for mask in (predictions, labels)] for index in range(1, num_classes))
    scores = [_dice_of_masks(*pair) for pair in pairs]
    return torch.stack(scores, dim=1)


def compare_surfaces(
    prediction: Integer[Tensor, "*spatial"],
    label: Integer[Tensor, "*spatial"],
    num_classes: int,
    *,
    spacing_mm: Sequence[float],
    tolerance_mm: float,
    regions: Regions | None = None,
) -> tuple[list[float], list[float]]:
    """NSD and HD95 of one case, one number per foreground class.

    The surface of a mask is its pixels (voxels) that have a neighbour across a face outside the mask or the image;
    distances are between centres. NSD is the share of both surfaces that is within the tolerance of the other one, in
    [0, 1], higher is better (Nikolov et al., JMIR 2021, with pixels counted and not weighted by area, as MONAI does by
    default). HD95 is the larger of the two directed 95th percentiles of the distances in mm, lower is better. Both are
    built on MONAI's surface distances and agree with its own functions where no mask is empty.

    Args:
        prediction: Predicted class of every pixel or voxel.
        label: Its true class.
        num_classes: Background included.
        spacing_mm: Edge lengths of a pixel or voxel, in the order of the axes.
        tolerance_mm: The largest distance that counts as equal in NSD.
        regions: What the classes consist of, if they overlap.

    Returns:
        NSD and HD95, each of length num_classes - 1. Empty masks: see the module's docstring; never NaN.
    """
    prediction, label = prediction.cpu(), label.cpu()
    masks = ([select_class(mask, index, regions) for mask in (prediction, label)] for index in range(1, num_classes))
    pairs = [_compare_masks(predicted, actual, spacing_mm, tolerance_mm) for predicted, actual in masks]
    return [nsd for nsd, _ in pairs], [hd95_mm for _, hd95_mm in pairs]


def describe_emptiness(
    prediction: Integer[Tensor, "*spatial"],
    label: Integer[Tensor, "*spatial"],
    num_classes: int,
    regions: Regions | None = None,
) -> list[str]:
    """Per foreground class of one case, where it is empty: '' (nowhere), 'prediction', 'reference' or 'both'."""
    predicted, actual = (_count(mask, num_classes, regions) for mask in (prediction, label))
    words = {(False, False): "both", (False, True): "prediction", (True, False): "reference", (True, True): ""}
    return [words[some > 0, others > 0] for some, others in zip(predicted, actual, strict=True)]


def image_diagonal_mm(extents: Sequence[int], spacing_mm: Sequence[float]) -> float:
    """Length of the diagonal of an image, in millimetres: the HD95 of a class that is missed completely."""
    return math.hypot(*(extent * edge for extent, edge in zip(extents, spacing_mm, strict=True)))


def _dice_of_masks(predicted: Bool[Tensor, "b *spatial"], actual: Bool[Tensor, "b *spatial"]) -> Float[Tensor, " b"]:
    predicted, actual = predicted.flatten(start_dim=1), actual.flatten(start_dim=1)
    overlap = (predicted & actual).sum(dim=1)
    total = predicted.sum(dim=1) + actual.sum(dim=1)
    return torch.where(total == 0, 1.0, 2.0 * overlap / total.clamp(min=1))


def _compare_masks(
    predicted: Bool[Tensor, "*spatial"],
    actual: Bool[Tensor, "*spatial"],
    spacing_mm: Sequence[float],
    tolerance_mm: float,
) -> tuple[float, float]:
    if not predicted.any() and not actual.any():
        return 1.0, 0.0
    if not predicted.any() or not actual.any():
        return 0.0, image_diagonal_mm(actual.shape, spacing_mm)
    surfaces = get_mask_edges(predicted, actual)
    distances = [get_surface_distance(*pair, spacing=list(spacing_mm)) for pair in (surfaces, surfaces[::-1])]
    num_near = sum(int((some <= tolerance_mm).sum()) for some in distances)
    # NumPy's percentile, because torch's refuses more than 16 million numbers.
    hd95_mm = max(float(np.percentile(some.numpy(), PERCENTILE)) for some in distances)
    return num_near / sum(len(some) for some in distances), hd95_mm


def _count(mask: Tensor, num_classes: int, regions: Regions | None) -> list[int]:
    counts: list[int] = torch.bincount(mask.flatten(), minlength=num_classes)[:num_classes].tolist()
    if regions is None:
        return counts[1:]
    return [sum(counts[value] for value in values) for values in regions.values]
