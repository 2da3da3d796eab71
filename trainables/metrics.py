"""How well a predicted mask matches the reference."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor


def dice(
    predictions: Int64[Tensor, "b *spatial"], labels: Int64[Tensor, "b *spatial"], num_classes: int
) -> Float[Tensor, "b classes"]:
    """Dice per case and foreground class, 2 |A and B| / (|A| + |B|), in [0, 1], higher is better.

    If a class is empty in both prediction and reference, the score is 1; if in one of them only, it is 0. Never NaN: a
    network that predicts nothing is not dropped from a mean.

    Returns:
        Shape (b, num_classes - 1): the background is left out.
    """
    classes = torch.arange(1, num_classes, device=labels.device)
    predicted = predictions.flatten(start_dim=1)[:, None] == classes[:, None]
    actual = labels.flatten(start_dim=1)[:, None] == classes[:, None]
    overlap = (predicted & actual).sum(dim=2)
    total = predicted.sum(dim=2) + actual.sum(dim=2)
    return torch.where(total == 0, 1.0, 2.0 * overlap / total.clamp(min=1))
