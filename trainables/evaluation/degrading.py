"""Cases as networks see them under a condition: corrupted, then scaled and cropped as a file in use would be.

The image before scaling is corrupted, and the reference on the grid of its file moves with it. Studies of earlier
versions corrupt the scaled image instead, or are scored on the prepared grid; `MeasuringRules` says which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from paretoseg.trainables.corruptions.grids import Grids
from paretoseg.trainables.corruptions.table import case_generator, corrupt, corruption_generator
from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.data.ignored import IGNORED
from paretoseg.trainables.data.placement import Placement, place
from paretoseg.trainables.data.preprocessing import ZSCORE_RANGE, Original, Rescaling, find_foreground
from paretoseg.trainables.scoring.battery import Battery, MeasuringRules
from paretoseg.trainables.severities.levels import find_strength
from paretoseg.trainables.trainable import CLEAN, Condition


@dataclass(frozen=True, eq=False)
class Seen:
    """One case under one condition."""

    image: Float[Tensor, "c *prepared"]
    """What the network gets, in [0, 1]."""

    label: UInt8[Tensor, "*scored"]
    """The reference, on the grid on which masks are scored."""

    placement: Placement
    """Where the image lies on that grid."""

    @property
    def whole_image(self) -> Float[Tensor, "c *resampled"]:
        """The image before it was cropped, 0 where it was cut off, so that all images of a case are alike."""
        if not self.placement.is_cropped:
            return self.image
        whole = self.image.new_zeros(len(self.image), *self.placement.resampled_shape)
        whole[(slice(None), *self.placement.slices)] = self.image
        return whole


def original_of(case: Case, spacing_mm: Sequence[float]) -> Original:
    """The case before scaling and cropping; a case that is not from a file is its own original."""
    return case.original or Original(case.image, case.label, place(case.label.shape, spacing_mm, spacing_mm))


def count_pixels(case: Case, original: Original, rules: MeasuringRules) -> int:
    """Pixels or voxels of a case on the largest grid on which it is corrupted, predicted or scored."""
    if rules.knows_only_prepared:
        return int(case.label.size)
    return max(int(original.image[0].size), int(original.label.size) if rules.is_native else 0)


class CaseBatch:
    """Cases of one shape on a device, uploaded once, as they look under any condition; equal for every network.

    Args:
        cases: Whose images, references and spacings have the same shapes.
        battery: The strengths and draws of corruptions, and the rules of measuring.
        spacing_mm: Of prepared cases, as recorded.
        device: Where they are.
    """

    def __init__(self, cases: Sequence[Case], battery: Battery, spacing_mm: Sequence[float], device: str) -> None:
        self._cases, self._battery, self._device = tuple(cases), battery, device
        self._originals = [original_of(case, spacing_mm) for case in cases]
        self._images: Tensor | None = None
        rules, placement = battery.rules, self._originals[0].placement
        label_arrays = [
            self._choose_label(case, original) for case, original in zip(cases, self._originals, strict=True)
        ]
        self.labels = torch.stack([to_tensor(label) for label in label_arrays]).to(device)
        self._places = [self._place(case, original) for case, original in zip(cases, self._originals, strict=True)]
        edges = placement.resampled_mm
        label_edges = placement.spacing_mm if rules.is_native else edges
        if rules.corruption_version == 1:
            label_edges = tuple(label / edge for label, edge in zip(label_edges, edges, strict=True))
            edges = (1.0,) * len(edges)
        self._grids = Grids(edges, label_edges)
        # On the prepared grid, the spacing that is recorded: `stretched` voxels differ from it a little.
        self.spacing_mm = tuple(placement.spacing_mm if rules.is_native else spacing_mm)

    @property
    def num_pixels(self) -> int:
        """Pixels or voxels of all cases together, as `count_pixels` counts them."""
        rules = self._battery.rules
        return sum(count_pixels(*pair, rules) for pair in zip(self._cases, self._originals, strict=True))

    def degrade(self, condition: Condition) -> list[Seen]:
        """Every case under a condition.

        Raises:
            ValueError: if a corrupted image is not finite, or the corruption removes a class from a reference.
        """
        if condition.corruption == CLEAN:
            return [
                Seen(to_tensor(case.image).to(self._device), label, placed)
                for case, label, placed in zip(self._cases, self.labels, self._places, strict=True)
            ]
        images, labels = self._corrupt(self._upload(), condition)
        self._check(images, labels, condition)
        return [
            self._finish(number, image, label) for number, (image, label) in enumerate(zip(images, labels, strict=True))
        ]

    def find_lost(self, condition: Condition) -> list[str]:
        """For every case what a corruption would move out of its reference, '' for nothing; its image is not needed."""
        shapes = [
            (case.image if self._battery.rules.knows_only_prepared else original.image).shape[1:]
            for case, original in zip(self._cases, self._originals, strict=True)
        ]
        blank = torch.zeros(len(shapes), 1, *shapes[0], device=self._device)
        _, labels = self._corrupt(blank, condition)
        return describe_lost(self.labels, labels)

    def _corrupt(self, images: Tensor, condition: Condition) -> tuple[Tensor, Tensor]:
        """Images and the references, corrupted."""
        name, severity, battery = condition.corruption, condition.severity, self._battery
        if battery.rules.corruption_version == 1:
            generators = [corruption_generator(case.name, name, severity, battery.seed) for case in self._cases]
        else:
            generators = [case_generator(case.name, name, battery.seed) for case in self._cases]
        strength = find_strength(battery.strengths, name, severity)
        version = battery.rules.corruption_version
        return corrupt(images, self.labels, name, strength, generators, self._grids, version=version)

    def _upload(self) -> Float[Tensor, "b c *spatial"]:
        """The images that are corrupted."""
        if self._images is None:
            if self._battery.rules.knows_only_prepared:
                arrays = [case.image for case in self._cases]
            elif self._battery.rules.corrupts_before_scaling:
                arrays = [original.image for original in self._originals]
            else:
                arrays = [original.image.clip(0.0, 1.0) for original in self._originals]
            self._images = torch.stack([to_tensor(array) for array in arrays]).to(self._device)
        return self._images

    def _finish(self, number: int, image: Tensor, label: Tensor) -> Seen:
        """A corrupted image as the network gets it."""
        placed, original = self._places[number], self._originals[number]
        if self._battery.rules.knows_only_prepared:
            return Seen(image.clamp(0.0, 1.0), label, placed)
        if not self._battery.rules.corrupts_before_scaling:
            return Seen(image.clamp(0.0, 1.0)[(slice(None), *placed.slices)], label, placed)
        scaled = rescale(image, original)
        if original.is_cropped:
            placed = placed.cropped_to(find_foreground(scaled.cpu().numpy()))
            scaled = scaled[(slice(None), *placed.slices)]
        return Seen(scaled, label, placed)

    def _choose_label(self, case: Case, original: Original) -> np.ndarray:
        rules = self._battery.rules
        if rules.is_native:
            return original.label
        if rules.corrupts_before_scaling:
            return original.placement.resample_label(original.label)
        return case.label

    def _place(self, case: Case, original: Original) -> Placement:
        rules, placement = self._battery.rules, original.placement
        if rules.is_native:
            return placement
        edges = placement.resampled_mm
        if rules.corrupts_before_scaling:
            return place(placement.resampled_shape, edges, edges).cropped_to(placement.slices)
        return place(case.label.shape, edges, edges)

    def _check(self, images: Tensor, labels: Tensor, condition: Condition) -> None:
        is_finite = images.isfinite().flatten(start_dim=1).all(dim=1).tolist()
        lost_of = describe_lost(self.labels, labels)
        for case, finite, lost in zip(self._cases, is_finite, lost_of, strict=True):
            if lost or not finite:
                what = lost or "an image with numbers that are not finite"
                raise ValueError(
                    f"{condition.corruption} of severity {condition.severity} gives {what} on case '{case.name}'; "
                    "leave the severity or the corruption out, or the case"
                )


def rescale(image: Float[Tensor, "c *spatial"], original: Original) -> Float[Tensor, "c *spatial"]:
    """A changed image in [0, 1], scaled as its file would be: `Original.rescale` on any device."""
    if original.rescaling is Rescaling.clip:
        return image.clamp(0.0, 1.0)
    if image.device.type == "cpu":
        return torch.from_numpy(original.rescale(image.numpy()))
    return torch.stack([_rescale_channel(channel, original) for channel in image])


def _rescale_channel(channel: Tensor, original: Original) -> Tensor:
    if original.rescaling is Rescaling.zscore:
        mean, deviation = channel.double().mean(), channel.double().std(correction=0)
        low, high = mean - ZSCORE_RANGE * deviation, mean + ZSCORE_RANGE * deviation
    else:
        low, high = (_find_percentile(channel.flatten(), percent) for percent in original.percentiles)
    scaled: Tensor = ((channel.double() - low) / (high - low)).clamp(0.0, 1.0).float()
    return torch.where(high > low, scaled, torch.zeros_like(scaled))


def _find_percentile(values: Float[Tensor, " n"], percent: float) -> Float[Tensor, ""]:
    """The percentile with linear interpolation, as NumPy's; torch's own refuses more than 16 million numbers."""
    place_ = percent / 100 * (len(values) - 1)
    lower = int(place_)
    below, above = (values.kthvalue(min(rank, len(values))).values.double() for rank in (lower + 1, lower + 2))
    found: Tensor = below + (above - below) * (place_ - lower)
    return found


def describe_lost(labels: UInt8[Tensor, "b *spatial"], moved: UInt8[Tensor, "b *spatial"]) -> list[str]:
    """Per case, a description of a label that lost a whole class; '' if none did.

    Where a class is missing, a network that never predicts it would be right.
    """
    if moved is labels:
        return [""] * len(labels)
    found = []
    for before, after in zip(labels, moved, strict=True):
        left = _find_classes(after)
        gone = _find_classes(before) - left
        missing = f"a label without class {min(gone)}" if gone else ""
        found.append(missing if left else missing and "an empty label")
    return found


def _find_classes(label: UInt8[Tensor, "*spatial"]) -> set[int]:
    """The known classes of a label without the background; counted, which takes a fraction of the time of sorting."""
    return {*label.flatten().bincount().nonzero()[:, 0].tolist()} - {0, IGNORED}


def to_tensor(array: np.ndarray) -> Tensor:
    """A copy of an image or label as a tensor; a copy, because a case may be a memory-mapped file."""
    return torch.from_numpy(np.array(array))
