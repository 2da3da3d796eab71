"""The table of test-time corruptions: degradations of an image between scanner and network.

Every entry of `CORRUPTIONS` maps a batch of images and labels to images and labels on their device. Intensities are in
units of the clean image's range: 0 and 1 are its ends, and values beyond them are allowed before and after. No
corruption clips: the caller scales or clips afterwards. A function takes a strength in the unit given in
`severities/levels.py`, never a severity, because a calibration may have found other strengths. Most do not change
labels; those of `geometry.py` move them with the images.

A score on corruptions that a network was trained on measures what it learned: `Levels.family` names the related
augmentation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from paretoseg.spaces.plugins import Table
from paretoseg.trainables.corruptions.blur import (
    anisotropy,
    anisotropy_1,
    gaussian_blur,
    legacy_leaking_blur,
    low_resolution,
    low_resolution_1,
    motion_blur,
)
from paretoseg.trainables.corruptions.draws import Generators, Images
from paretoseg.trainables.corruptions.geometry import Labels, elastic_deformation, rotation, scaling, translation
from paretoseg.trainables.corruptions.grids import Grids, take_nearest, unit_grids
from paretoseg.trainables.corruptions.intensity import (
    bias_field,
    contrast_down,
    contrast_up,
    gamma_down,
    gamma_up,
    intensity_scale_down,
    intensity_scale_up,
    intensity_shift_down,
    intensity_shift_up,
    occlusion,
)
from paretoseg.trainables.corruptions.kspace import ghosting, gibbs_ringing, kspace_spike, motion
from paretoseg.trainables.corruptions.noise import (
    gaussian_noise,
    impulse_noise,
    legacy_speckle,
    rician_noise,
    speckle_noise,
)
from paretoseg.trainables.seeds import derive_seed
from paretoseg.trainables.severities.levels import LEVELS, check_corruption, read_plugged
from paretoseg.trainables.trainable import CLEAN

ImageCorruption = Callable[[Tensor, float, Generators], Tensor]
"""Maps images, a strength and one generator per image to corrupted images."""

SpacedCorruption = Callable[[Tensor, float, Generators, Sequence[float]], Tensor]
"""As `ImageCorruption`, with the edge lengths of voxels."""

Corruption = Callable[[Tensor, Tensor, float, Generators, Grids], tuple[Tensor, Tensor]]
"""Maps images, labels, a strength, one generator per image and the grids to corrupted images and their labels."""


def corruption_generator(case: str, corruption: str, severity: int, seed: int) -> torch.Generator:
    """As `case_generator`, but with draws of its own for every severity, as version 1 of the corruptions has them."""
    return torch.Generator().manual_seed(derive_seed("corruption", case, corruption, severity, seed))


def case_generator(case: str, corruption: str, seed: int) -> torch.Generator:
    """A CPU generator whose draws depend only on these three, so that every network gets the same corrupted image.

    All severities share one draw: axis, pose, field and lines stay the same, and only their strength rises.
    """
    return torch.Generator().manual_seed(derive_seed("corruption", case, corruption, seed))


def corrupt(
    images: Images,
    labels: Labels,
    corruption: str,
    strength: float,
    generators: Generators,
    grids: Grids | None = None,
    version: int = 2,
) -> tuple[Images, Labels]:
    """Images and labels after a corruption from the table; unchanged for 'none'.

    With the same draws, a greater strength of version 2 changes an image at least as much.

    Args:
        images: In units of the clean image's range, on any device; the result has them too and is not clipped.
        labels: On the same device; returned unchanged unless the corruption moves them.
        corruption: A name from `LEVELS`, or 'none'.
        strength: In the unit given in `LEVELS`.
        generators: One CPU generator per image; the result for an image depends only on its own.
        grids: Where pixels lie; None for labels on the images' grid, with edges of length 1.
        version: 2, or 1 for images as older studies have them.

    Raises:
        ValueError: for an unknown corruption.
    """
    if corruption == CLEAN:
        return images, labels
    check_corruption(corruption)
    assert len(images) == len(labels) == len(generators), "every image needs a label and a generator"
    assert grids is not None or images.shape[2:] == labels.shape[1:], "labels of another shape need their grid"
    return VERSIONS[version][corruption](images, labels, strength, generators, grids or unit_grids(images))


def _leave_labels(function: ImageCorruption) -> Corruption:
    def apply(images: Tensor, labels: Tensor, strength: float, draws: Generators, _: Grids) -> tuple[Tensor, Tensor]:
        return function(images, strength, draws), labels

    return apply


def _leave_labels_in_space(function: SpacedCorruption) -> Corruption:
    def apply(
        images: Tensor, labels: Tensor, strength: float, draws: Generators, grids: Grids
    ) -> tuple[Tensor, Tensor]:
        return function(images, strength, draws, grids.image_mm), labels

    return apply


def _read_labels(images: Tensor, labels: Tensor, strength: float, _: Generators, grids: Grids) -> tuple[Tensor, Tensor]:
    seen = take_nearest(labels, grids, images.shape[2:])
    return legacy_leaking_blur(images, seen, strength, grids.image_mm), labels


_ON_IMAGES: tuple[ImageCorruption, ...] = (
    gaussian_noise, rician_noise, speckle_noise, impulse_noise,
    low_resolution, anisotropy,
    ghosting, kspace_spike, gibbs_ringing,
    bias_field, gamma_up, gamma_down, contrast_up, contrast_down,
    intensity_shift_up, intensity_shift_down, intensity_scale_up, intensity_scale_down, occlusion,
    legacy_speckle,
)  # fmt: skip

_IN_SPACE: tuple[SpacedCorruption, ...] = (gaussian_blur, motion_blur, motion)

_ON_BOTH: tuple[Corruption, ...] = (elastic_deformation, rotation, scaling, translation)

_OWN: Mapping[str, Corruption] = {
    **{function.__name__: _leave_labels(function) for function in _ON_IMAGES},
    **{function.__name__: _leave_labels_in_space(function) for function in _IN_SPACE},
    **{function.__name__: function for function in _ON_BOTH},
    legacy_leaking_blur.__name__: _read_labels,
}
"""Our own corruptions by name."""


def _read_plugged(found: Any) -> Corruption:
    plugged = read_plugged(found)
    return plugged.apply if plugged.levels.moves_labels else _leave_labels(plugged.apply)


CORRUPTIONS = Table("corruption", _OWN, _read_plugged)
"""Every corruption by name: ours, then those of plug-ins."""

VERSIONS: Mapping[int, Mapping[str, Corruption]] = {
    1: Table(
        "corruption",
        {
            **_OWN,
            low_resolution.__name__: _leave_labels(low_resolution_1),
            anisotropy.__name__: _leave_labels(anisotropy_1),
        },
        _read_plugged,
    ),
    2: CORRUPTIONS,
}
"""The corruptions of every version that studies may have."""

assert CORRUPTIONS.own.keys() == LEVELS.own.keys(), (
    "every corruption needs a function here and its levels in severities/levels.py"
)
