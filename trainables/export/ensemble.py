"""Several networks as one: each slides over the whole image by itself, then their probabilities are averaged.

Copied into bundles of several networks, so it imports only torch and MONAI.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from monai.inferers.inferer import SlidingWindowInferer
from torch import Tensor, nn
from torch.nn import functional


class Ensemble(nn.Module):
    """Networks of one shape whose probabilities are averaged.

    Called like a network, it averages on a single window. For images that are larger than the window, use
    `EnsembleInferer`: every network answers for the whole image before the average is taken.

    Args:
        members: The networks, at least two.
        overlaps: Whether classes overlap, so that each has a probability of its own (sigmoid).
    """

    def __init__(self, members: Sequence[nn.Module], overlaps: bool = False) -> None:
        super().__init__()
        self.members, self.overlaps = nn.ModuleList(members), overlaps

    def forward(self, images: Tensor) -> Tensor:
        """Logits (batch, classes, ...spatial) whose probabilities are the mean of the members'."""
        return average_logits((member(images) for member in self.members), self.overlaps)


class EnsembleInferer(SlidingWindowInferer):  # type: ignore[misc]  # MONAI states no types
    """Slides a window over the image for every member of an `Ensemble`, then averages; takes what its base takes."""

    def __call__(self, inputs: Tensor, network: Any, *args: Any, **kwargs: Any) -> Tensor:
        """Logits (batch, classes, ...spatial) whose probabilities are the mean of the members'."""
        slide = super().__call__
        return average_logits((slide(inputs, member, *args, **kwargs) for member in network.members), network.overlaps)


def average_logits(logits: Iterable[Tensor], overlaps: bool = False) -> Tensor:
    """Logits whose softmax over classes, axis 1, is the mean of the softmax of each of some logits of one shape.

    It is the logarithm of that mean, so that all that takes logits of one network takes these too. Only the sum is in
    memory beside the logits that come next. If classes overlap, it is the same for the sigmoid of every class.
    """
    total, number = None, 0
    for one in logits:
        found = _take_logarithms(one.float(), overlaps)
        total = found if total is None else torch.logaddexp(total, found)
        number += 1
    assert total is not None, "there is nothing to average"
    return total[0] - total[1] if overlaps else total - math.log(number)


def _take_logarithms(logits: Tensor, overlaps: bool) -> Tensor:
    """Of the probabilities; if classes overlap, that each is there, and that it is not, along a new first axis."""
    if not overlaps:
        return logits.log_softmax(dim=1)
    return torch.stack((functional.logsigmoid(logits), functional.logsigmoid(-logits)))
