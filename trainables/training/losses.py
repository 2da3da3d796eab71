"""What training minimises: MONAI's losses by name, and deep supervision over several resolutions.

All of them take logits (b, classes, ...spatial) and labels (b, ...spatial), and count overlaps over the whole batch: a
patch without a class would otherwise make that class's Dice a matter of the smoothing constant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Float, Int64
from monai.losses.dice import DiceCELoss, DiceLoss
from monai.losses.focal_loss import FocalLoss
from monai.losses.tversky import TverskyLoss
from torch import Tensor, nn
from torch.nn import functional

TVERSKY_WEIGHTS = (0.3, 0.7)
"""Weights of false positives and of false negatives (Salehi et al., 2017): what is missed counts more."""


class DiceFocal(nn.Module):
    """The sum of Dice and focal loss (Lin et al., 2017, gamma 2), both of the softmax.

    MONAI's own sum takes the focal loss of a sigmoid a class, whose optimum is another one than that of the Dice.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dice = DiceLoss(to_onehot_y=True, softmax=True, batch=True)
        self.focal = FocalLoss(to_onehot_y=True, use_softmax=True)

    def forward(
        self, logits: Float[Tensor, "b classes *spatial"], labels: Int64[Tensor, "b 1 *spatial"]
    ) -> Float[Tensor, ""]:
        """The loss of a batch."""
        loss: Tensor = self.dice(logits, labels) + self.focal(logits, labels)
        return loss


LOSSES: Mapping[str, Callable[[], nn.Module]] = {
    "dice": lambda: DiceLoss(to_onehot_y=True, softmax=True, batch=True),
    "dice_cross_entropy": lambda: DiceCELoss(to_onehot_y=True, softmax=True, batch=True),
    "dice_focal": DiceFocal,
    "tversky": lambda: TverskyLoss(
        to_onehot_y=True, softmax=True, batch=True, alpha=TVERSKY_WEIGHTS[0], beta=TVERSKY_WEIGHTS[1]
    ),
}
"""Every option of `Recipe.loss` with its builder."""


def supervise(
    loss: nn.Module, logits: Sequence[Float[Tensor, "b classes ..."]], labels: Int64[Tensor, "b *spatial"]
) -> Float[Tensor, ""]:
    """The loss of a network's output and of its auxiliary outputs, as a weighted mean.

    The weight halves with every auxiliary output, and all weights sum to 1 (Isensee et al., 2021). In float32 at
    least, whatever the precision of the logits.

    Args:
        loss: Built by an entry of `LOSSES`.
        logits: The output at the resolution of the labels, then the auxiliary ones, finest first.
        labels: Brought to each coarser resolution by taking the nearest pixel.
    """
    weights = [0.5**level for level in range(len(logits))]
    terms = [
        weight * loss(at_least_float32(output), shrink_labels(labels, output.shape[2:])[:, None])
        for weight, output in zip(weights, logits, strict=True)
    ]
    return torch.stack(terms).sum() / sum(weights)


def at_least_float32(numbers: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """The numbers in float32, or as they are where they hold more digits: sums of half precision lose too many."""
    return numbers.to(torch.promote_types(numbers.dtype, torch.float32))


def shrink_labels(labels: Int64[Tensor, "b *spatial"], size: Sequence[int]) -> Int64[Tensor, "b *smaller"]:
    """The labels at a lower resolution: of the pixels that become one, that nearest to the middle."""
    if labels.shape[1:] == tuple(size):
        return labels
    # Labels are at most 255, which float32 holds exactly; interpolation takes no integers.
    shrunk = functional.interpolate(labels[:, None].float(), size=tuple(size), mode="nearest-exact")
    return shrunk[:, 0].long()
