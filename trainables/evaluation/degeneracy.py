"""Finds networks that are degenerate rather than robust.

A network with a constant output looks perfectly robust, because no change of the image changes its output.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Integer
from torch import Tensor
from torch.nn import functional

MIN_SHARE = 0.02
"""Smallest predicted foreground (background), as a share of the reference's, that does not count as almost none."""

MAX_SAMENESS = 0.95
"""Mean Dice of all predicted masks with their consensus from which they count as the same. Also the smallest Dice over
classes, between masks of images and of their shuffled pixels, from which a network counts as ignoring its images.
"""


def find_degeneracy(
    predictions: Sequence[Integer[Tensor, "..."]],
    labels: Sequence[Integer[Tensor, "..."]],
    class_names: Sequence[str] = (),
) -> str:
    """Why predictions on clean images show a degenerate network, in words; '' if they do not.

    Args:
        predictions: Predicted classes of every case, 0 is background. Sizes may differ between cases.
        labels: The references, in the same order.
        class_names: Names by label, the background first. With several foreground classes, each must be predicted on at
            least one of the cases that have it. Without names, classes are not distinguished.
    """
    predicted, actual = [mask > 0 for mask in predictions], [mask > 0 for mask in labels]
    total = sum(mask.numel() for mask in actual)
    num_predicted, num_actual = (sum(int(mask.sum()) for mask in masks) for masks in (predicted, actual))
    if num_predicted < MIN_SHARE * num_actual:
        shares = f"{num_predicted / total:.2%} of the pixels, reference {num_actual / total:.2%}"
        return f"predicts almost no foreground ({shares})"
    if total - num_predicted < MIN_SHARE * (total - num_actual):
        return f"predicts almost everything as foreground ({num_predicted / total:.2%} of the pixels)"
    missed = _find_missed(predictions, labels, class_names)
    if missed:
        return f"never predicts {missed}"
    sameness = measure_sameness(predicted)
    # If the references themselves are alike, a good network also predicts the same mask.
    if len(predicted) > 1 and sameness >= MAX_SAMENESS > measure_sameness(actual):
        return f"predicts the same mask for every image (mean Dice {sameness:.3f} with their consensus)"
    return ""


def find_ignored_images(
    predictions: Sequence[Integer[Tensor, "..."]], shuffled: Sequence[Integer[Tensor, "..."]]
) -> str:
    """Why a network counts as ignoring its images, in words; '' if it does not.

    A network that uses its images gives other masks when their pixels are shuffled. Unlike comparing masks with each
    other, this test does not need references that differ.

    Args:
        predictions: Predicted classes of every image, 0 is background.
        shuffled: Predicted classes of the same images with shuffled pixels.
    """
    num_classes = 1 + max(int(mask.max()) for mask in (*predictions, *shuffled))
    likeness = min(_pool_overlap(predictions, shuffled, index) for index in range(num_classes))
    if likeness < MAX_SAMENESS:
        return ""
    return f"does not look at the image (Dice {likeness:.3f} with its own masks of images whose pixels were shuffled)"


def measure_sameness(masks: Sequence[Bool[Tensor, "..."]]) -> float:
    """Mean Dice of masks with their consensus (pixels in at least half of them), in [0, 1]; 1 means all are equal.

    Masks of other sizes than the first are resized to it by nearest neighbour.
    """
    size = masks[0].shape
    # One mask at a time, to keep only two volumes in memory besides the masks themselves.
    share = torch.zeros(size, dtype=torch.int32, device=masks[0].device)
    for mask in masks:
        share += _resize(mask, size)
    consensus = 2 * share >= len(masks)
    return sum(_overlap(_resize(mask, size), consensus) for mask in masks) / len(masks)


def _find_missed(predictions: Sequence[Tensor], labels: Sequence[Tensor], class_names: Sequence[str]) -> str:
    """The foreground classes that are predicted on none of the cases that have them, in words, or ''."""
    if len(class_names) <= 2:  # a single class was already judged as foreground
        return ""
    missed = []
    for index, name in enumerate(class_names[1:], start=1):
        holders = [mask for mask, label in zip(predictions, labels, strict=True) if (label == index).any()]
        if holders and not any((mask == index).any() for mask in holders):
            missed.append(f"'{name}' on any of the {len(holders)} cases that hold it")
    return ", nor ".join(missed)


def _pool_overlap(masks: Sequence[Tensor], others: Sequence[Tensor], index: int) -> float:
    """Dice of a class over all pixels of all masks; 1 if none of them contains it."""
    pairs = [(mask == index, other == index) for mask, other in zip(masks, others, strict=True)]
    total = sum(int(mask.sum()) + int(other.sum()) for mask, other in pairs)
    return 2.0 * sum(int((mask & other).sum()) for mask, other in pairs) / total if total else 1.0


def _overlap(mask: Tensor, other: Tensor) -> float:
    total = int(mask.sum()) + int(other.sum())
    return 2.0 * int((mask & other).sum()) / total if total else 1.0


def _resize(mask: Bool[Tensor, "..."], size: torch.Size) -> Bool[Tensor, "..."]:
    if mask.shape == size:
        return mask
    return functional.interpolate(mask[None, None].float(), size=list(size), mode="nearest")[0, 0] > 0.5
