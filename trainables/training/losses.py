"""Training losses: MONAI's losses by name, and deep supervision over several resolutions.

All of them take logits (b, classes, ...spatial) and labels (b, ...spatial), and compute overlaps over the whole batch.
Otherwise the Dice of a class that a patch lacks would depend only on the smoothing constant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from monai.losses.dice import DiceCELoss, DiceLoss
from monai.losses.focal_loss import FocalLoss
from monai.losses.tversky import TverskyLoss
from torch import Tensor, nn
from torch.nn import functional

from paretoseg.spaces.recipe import Recipe
from paretoseg.trainables.data.ignored import IGNORED
from paretoseg.trainables.data.regions import Regions, select_class

TVERSKY_WEIGHTS = (0.3, 0.7)
"""Weights of false positives and false negatives (Salehi et al., 2017): missed foreground counts more."""

_NNUNET_SMOOTHING = 1e-5
_NDIM_3D = 5


class DiceFocal(nn.Module):
    """The sum of Dice and focal loss (Lin et al., 2017, gamma 2), both on softmax probabilities.

    MONAI's own sum uses a sigmoid per class in the focal loss, whose optimum differs from that of the Dice.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dice = DiceLoss(to_onehot_y=True, softmax=True, batch=True)
        self.focal = FocalLoss(to_onehot_y=True, use_softmax=True)

    def forward(
        self, logits: Float[Tensor, "b classes *spatial"], labels: Int64[Tensor, "b 1 *spatial"]
    ) -> Float[Tensor, ""]:
        """The loss of a batch, a scalar; lower is better."""
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


@dataclass(frozen=True)
class LabelKind:
    """What is special about the labels of a dataset."""

    has_ignored: bool = False
    """Whether there are pixels about which nothing is known; they do not count."""

    regions: Regions | None = None
    """What the classes consist of, if they overlap."""


PLAIN = LabelKind()
"""Every pixel has one class."""


class OfRegions(nn.Module):
    """A loss of classes that overlap: each has a sigmoid of its own, and no background.

    Dice and Tversky are those of each region over the batch; cross-entropy and focal loss are the means over regions.

    Args:
        name: An entry of `LOSSES`.
        regions: What the classes consist of.
    """

    def __init__(self, name: str, regions: Regions) -> None:
        super().__init__()
        self.regions, self.terms = regions, nn.ModuleList(build() for build in _REGION_LOSSES[name])

    def forward(
        self, logits: Float[Tensor, "b regions *spatial"], labels: Int64[Tensor, "b 1 *spatial"]
    ) -> Float[Tensor, ""]:
        """The loss of a batch, a scalar; lower is better."""
        targets = to_targets(labels, self.regions).to(logits.dtype)
        return torch.stack([term(logits, targets) for term in self.terms]).sum()


_REGION_LOSSES: Mapping[str, Sequence[Callable[[], nn.Module]]] = {
    "dice": [lambda: DiceLoss(sigmoid=True, batch=True)],
    "dice_cross_entropy": [lambda: DiceLoss(sigmoid=True, batch=True), nn.BCEWithLogitsLoss],
    "dice_focal": [lambda: DiceLoss(sigmoid=True, batch=True), FocalLoss],
    "tversky": [lambda: TverskyLoss(sigmoid=True, batch=True, alpha=TVERSKY_WEIGHTS[0], beta=TVERSKY_WEIGHTS[1])],
}
"""The parts of every loss where classes overlap."""


class NnunetLoss(nn.Module):
    """The sum of Dice and cross-entropy as in nnU-Net: the Dice leaves the background out.

    It is that of the whole batch in two dimensions, and the mean over images in three.

    Args:
        regions: What the classes consist of, if they overlap; then each has a sigmoid of its own.
    """

    def __init__(self, regions: Regions | None = None) -> None:
        super().__init__()
        self.regions = regions
        kind = {"softmax": True, "to_onehot_y": True} if regions is None else {"sigmoid": True}
        self.of_batch, self.of_each = (
            DiceLoss(
                include_background=regions is not None,
                batch=is_whole,
                smooth_nr=_NNUNET_SMOOTHING,
                smooth_dr=_NNUNET_SMOOTHING,
                **kind,
            )
            for is_whole in (True, False)
        )
        self.entropy = nn.CrossEntropyLoss() if regions is None else nn.BCEWithLogitsLoss()

    def forward(
        self, logits: Float[Tensor, "b classes *spatial"], labels: Int64[Tensor, "b 1 *spatial"]
    ) -> Float[Tensor, ""]:
        """The loss of a batch, a scalar; lower is better."""
        overlap = self.of_each if logits.ndim == _NDIM_3D else self.of_batch
        if self.regions is None:
            loss: Tensor = overlap(logits, labels) + self.entropy(logits, labels[:, 0])
            return loss
        targets = to_targets(labels, self.regions).to(logits.dtype)
        of_regions: Tensor = overlap(logits, targets) + self.entropy(logits, targets)
        return of_regions


def to_targets(labels: Int64[Tensor, "b 1 *spatial"], regions: Regions) -> Bool[Tensor, "b regions *spatial"]:
    """Where each of the regions is."""
    number = range(1, len(regions.values) + 1)
    return torch.cat([select_class(labels, index, regions) for index in number], dim=1)


def build_loss(name: str, regions: Regions | None = None) -> nn.Module:
    """The loss of this name, for classes that overlap or not."""
    return LOSSES[name]() if regions is None else OfRegions(name, regions)


def choose_loss(recipe: Recipe, regions: Regions | None = None) -> nn.Module:
    """The loss of a recipe, for classes that overlap or not."""
    return NnunetLoss(regions) if recipe.training == "nnunet" else build_loss(recipe.loss, regions)


class OfKnownPixels(nn.Module):
    """A loss of the pixels that are known, as if there were no others; 0 for a batch without any.

    All pixels of a batch are taken together anyway, so their places do not matter.

    Args:
        loss: Built by an entry of `LOSSES`.
    """

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(
        self, logits: Float[Tensor, "b classes *spatial"], labels: Int64[Tensor, "b 1 *spatial"]
    ) -> Float[Tensor, ""]:
        """The loss of a batch, a scalar; lower is better."""
        is_known = labels[:, 0] != IGNORED
        if not is_known.any():
            return logits.sum() * 0.0
        known = logits.movedim(1, -1)[is_known].T[None]
        loss: Tensor = self.loss(known, labels[:, 0][is_known][None, None])
        return loss


def deep_supervision_loss(
    loss: nn.Module,
    logits: Sequence[Float[Tensor, "b classes ..."]],
    labels: Int64[Tensor, "b *spatial"],
    *,
    leaves_last: bool = False,
) -> Float[Tensor, ""]:
    """The weighted mean of the losses of a network's output and its auxiliary outputs, a scalar.

    The weight halves with every auxiliary output, and all weights sum to 1 (Isensee et al., 2021). In float32 at
    least, whatever the precision of the logits.

    Args:
        loss: Built by an entry of `LOSSES`.
        logits: The output at the resolution of the labels, then the auxiliary ones, finest first.
        labels: Downsampled to each coarser resolution by nearest neighbour.
        leaves_last: Whether the coarsest of several outputs has the weight 0, as in nnU-Net 2.
    """
    weights = [0.5**level for level in range(len(logits))]
    if leaves_last and len(weights) > 1:
        weights[-1] = 0.0
    terms = [
        weight * loss(at_least_float32(output), shrink_labels(labels, output.shape[2:])[:, None])
        for weight, output in zip(weights, logits, strict=True)
    ]
    return torch.stack(terms).sum() / sum(weights)


def at_least_float32(numbers: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """The numbers in float32, or as they are where they hold more digits: sums of half precision lose too many."""
    return numbers.to(torch.promote_types(numbers.dtype, torch.float32))


def shrink_labels(labels: Int64[Tensor, "b *spatial"], size: Sequence[int]) -> Int64[Tensor, "b *smaller"]:
    """The labels at a lower resolution, by nearest neighbour of each new pixel's centre."""
    if labels.shape[1:] == tuple(size):
        return labels
    # Labels are at most 255, which float32 holds exactly; interpolation takes no integers.
    shrunk = functional.interpolate(labels[:, None].float(), size=tuple(size), mode="nearest-exact")
    return shrunk[:, 0].long()
