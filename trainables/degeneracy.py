"""Finding networks that are broken rather than robust.

A network that always answers the same looks perfectly robust, because nothing that happens to the image changes its
answer.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Int64
from torch import Tensor
from torch.nn import functional

MIN_SHARE = 0.02
"""Least predicted foreground (background), as a share of the reference's, that does not count as next to nothing."""

MAX_SAMENESS = 0.95
"""Mean Dice of all predicted masks with their consensus from which they count as the same."""


def find_degeneracy(predictions: Sequence[Int64[Tensor, "..."]], labels: Sequence[Int64[Tensor, "..."]]) -> str:
    """Why predictions on clean images show a broken network, or '' if they do not.

    Args:
        predictions: Predicted classes of every case, 0 is background. Sizes may differ between cases.
        labels: The references, in the same order.
    """
    predicted, actual = [mask > 0 for mask in predictions], [mask > 0 for mask in labels]
    total = sum(mask.numel() for mask in actual)
    num_predicted, num_actual = (sum(int(mask.sum()) for mask in masks) for masks in (predicted, actual))
    if num_predicted < MIN_SHARE * num_actual:
        shares = f"{num_predicted / total:.2%} of the pixels, reference {num_actual / total:.2%}"
        return f"predicts almost no foreground ({shares})"
    if total - num_predicted < MIN_SHARE * (total - num_actual):
        return f"predicts almost everything as foreground ({num_predicted / total:.2%} of the pixels)"
    sameness = measure_sameness(predicted)
    # References that are alike themselves prove nothing: then a good network answers alike, too.
    if len(predicted) > 1 and sameness >= MAX_SAMENESS > measure_sameness(actual):
        return f"predicts the same mask for every image (mean Dice {sameness:.3f} with their consensus)"
    return ""


def measure_sameness(masks: Sequence[Bool[Tensor, "..."]]) -> float:
    """Mean Dice of masks with the mask of what at least half of them hold, in [0, 1]; 1 means all are equal.

    Masks of another size than the first are brought to it by nearest neighbour.
    """
    size = masks[0].shape
    stack = torch.stack([_resize(mask.float(), size) for mask in masks])
    consensus = (stack.mean(dim=0) >= 0.5).float()
    axes = tuple(range(1, stack.ndim))
    total = stack.sum(dim=axes) + consensus.sum()
    scores = torch.where(total == 0, 1.0, 2.0 * (stack * consensus).sum(dim=axes) / total.clamp(min=1.0))
    return float(scores.mean())


def _resize(mask: Tensor, size: torch.Size) -> Tensor:
    if mask.shape == size:
        return mask
    return functional.interpolate(mask[None, None], size=list(size), mode="nearest")[0, 0]
