"""Finds networks that are degenerate rather than robust.

A network with a constant output looks perfectly robust, because no change of the image changes its output. An honest
network must pass, also one that finds small objects in few images: it is rightly empty on most, and misses some.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Integer
from torch import Tensor
from torch.nn import functional

from paretoseg.trainables.data.regions import Regions, select_class

MIN_SHARE = 0.02
"""Smallest predicted foreground (background), as a share of the reference's, that does not count as almost none."""

MAX_SAMENESS = 0.95
"""Mean Dice of all predicted masks with their consensus from which they count as the same. Also the smallest Dice over
classes, between masks of images and of their shuffled pixels, from which a network counts as ignoring its images.
"""

MIN_VARIATION = 0.5
"""Smallest variation of predicted masks (1 - sameness), as a share of the references', that an honest network has."""

MIN_HOLDERS = 4
"""Smallest number of cases with a class from which a network that finds it in none of them counts as degenerate. An
honest one that misses 3 of 10 objects misses 4 of 4 in less than 1 % of studies.
"""


@dataclass(frozen=True)
class Verdict:
    """What masks say about a network; both are empty if nothing is wrong."""

    reason: str = ""
    """Why the network is degenerate."""

    warning: str = ""
    """What would make it degenerate if more cases showed it."""


def find_degeneracy(
    predictions: Sequence[Integer[Tensor, "..."]],
    labels: Sequence[Integer[Tensor, "..."]],
    class_names: Sequence[str] = (),
    regions: Regions | None = None,
) -> Verdict:
    """Whether predictions on clean images show a degenerate network.

    Args:
        predictions: Predicted classes of every case, 0 is background. Sizes may differ between cases.
        labels: The references, in the same order.
        class_names: Names by label, the background first. With several foreground classes, each must be predicted on at
            least one of the cases that have it. Without names, classes are not distinguished.
        regions: What the classes consist of, if they overlap.
    """
    predicted, actual = [mask > 0 for mask in predictions], [mask > 0 for mask in labels]
    whole = _find_full(predicted, actual) or _find_sameness(predicted, actual)
    if whole:
        return Verdict(whole)
    if lost := _find_lost(predicted, actual):
        return _weigh(lost, sum(bool(mask.any()) for mask in actual))
    return _find_missed(predictions, labels, class_names, regions)


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


def _find_full(predicted: Sequence[Tensor], actual: Sequence[Tensor]) -> str:
    """Whether almost everything is foreground, in words, or ''."""
    total = sum(mask.numel() for mask in actual)
    num_predicted, num_actual = (sum(int(mask.sum()) for mask in masks) for masks in (predicted, actual))
    if total - num_predicted < MIN_SHARE * (total - num_actual):
        return f"predicts almost everything as foreground ({num_predicted / total:.2%} of the pixels)"
    return ""


def _find_sameness(predicted: Sequence[Tensor], actual: Sequence[Tensor]) -> str:
    """Whether all masks are the same, in words, or ''.

    Masks that are empty in most cases say nothing. If the references themselves are alike, a good network also predicts
    the same mask, or smoother ones that are a little more alike.
    """
    if len(predicted) < 2 or 2 * sum(bool(mask.any()) for mask in predicted) <= len(predicted):
        return ""
    sameness = measure_sameness(predicted)
    holders = [mask for mask in actual if mask.any()]
    variation = 1.0 - measure_sameness(holders) if len(holders) > 1 else 1.0
    if sameness < MAX_SAMENESS or 1.0 - sameness >= MIN_VARIATION * variation:
        return ""
    return f"predicts the same mask for every image (mean Dice {sameness:.3f} with their consensus)"


def _find_lost(predicted: Sequence[Tensor], actual: Sequence[Tensor]) -> str:
    """Whether almost no foreground is predicted, in words, or ''; not if one large object is all that is missed."""
    total = sum(mask.numel() for mask in actual)
    counts = [(int(mask.sum()), int(other.sum())) for mask, other in zip(predicted, actual, strict=True)]
    num_predicted, num_actual = (sum(of_masks) for of_masks in zip(*counts, strict=True))
    is_found = [2 * some >= num for some, num in counts if num]
    if num_predicted >= MIN_SHARE * num_actual or 2 * sum(is_found) > len(is_found):
        return ""
    shares = f"{num_predicted / total:.2%} of the pixels, reference {num_actual / total:.2%}"
    return f"predicts almost no foreground ({shares})"


def _find_missed(
    predictions: Sequence[Tensor], labels: Sequence[Tensor], class_names: Sequence[str], regions: Regions | None
) -> Verdict:
    """Whether there are foreground classes that are predicted on none of the cases that have them."""
    if len(class_names) <= 2:  # a single class was already judged as foreground
        return Verdict()
    missed = []
    for index, name in enumerate(class_names[1:], start=1):
        holders = [
            mask for mask, label in zip(predictions, labels, strict=True) if select_class(label, index, regions).any()
        ]
        if holders and not any(select_class(mask, index, regions).any() for mask in holders):
            cases = "the only case that holds" if len(holders) == 1 else f"any of the {len(holders)} cases that hold"
            missed.append((f"'{name}' on {cases} it", len(holders)))
    enough = [words for words, num in missed if num >= MIN_HOLDERS]
    few = [words for words, num in missed if num < MIN_HOLDERS]
    return Verdict(
        "never predicts " + ", nor ".join(enough) if enough else "",
        "never predicts " + ", nor ".join(few) + ": too few to judge it" if few else "",
    )


def _weigh(finding: str, num_holders: int) -> Verdict:
    """The finding as a reason if enough cases hold what is missing, else as a warning."""
    if num_holders >= MIN_HOLDERS:
        return Verdict(finding)
    cases = "only 1 case holds" if num_holders == 1 else f"only {num_holders} cases hold"
    return Verdict(warning=f"{finding}, but {cases} any: too few to judge it")


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
