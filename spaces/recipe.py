"""How a network is trained: everything that shapes the weights but not the network."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from paretoseg.spaces.domain import Choice, Float, Int

AUGMENTATIONS: Mapping[str, frozenset[str]] = {
    "none": frozenset(),
    "spatial": frozenset({"spatial"}),
    "intensity": frozenset({"intensity"}),
    "noise_blur": frozenset({"noise_blur"}),
    "spatial_intensity": frozenset({"spatial", "intensity"}),
    "spatial_noise_blur": frozenset({"spatial", "noise_blur"}),
    "intensity_noise_blur": frozenset({"intensity", "noise_blur"}),
    "spatial_intensity_noise_blur": frozenset({"spatial", "intensity", "noise_blur"}),
}
"""Every option of `Recipe.augmentation` with the kinds of transforms that it switches on."""

FAMILIES: Mapping[str, frozenset[str]] = {
    "spatial": frozenset({"rotation", "scaling"}),
    "intensity": frozenset({"contrast", "brightness", "gamma"}),
    "noise_blur": frozenset({"noise", "blur"}),
}
"""Every kind of transforms with the families of image changes that a network meets through it."""


@dataclass(frozen=True)
class Recipe:
    """The training of one network."""

    patch: Annotated[int, Int(16, 256, step=16)] = 32
    """Edge of the square or cubic training patch (the context), in pixels or voxels."""

    foreground_ratio: Annotated[float, Float(0.0, 1.0)] = 0.5
    """Share of training patches that are centred on foreground; the others are centred anywhere."""

    batch_factor: Annotated[float, Float(0.25, 4.0, log=True)] = 1.0
    """Size of the batch relative to the task's; iterations are as many fewer, so that all trials see as many pixels."""

    mirroring: Annotated[str, Choice(("off", "on"))] = "off"
    """Random flips and right-angle turns: for images without an up and down, of classes without a side."""

    augmentation: Annotated[str, Choice(tuple(AUGMENTATIONS))] = "spatial"
    """Training transforms: rotation and scaling; random gain, offset and gamma; noise and blur; or several."""

    augmentation_strength: Annotated[float, Float(0.0, 1.0)] = 0.5
    """How far the transforms reach, from not at all to as far as is plausible."""

    loss: Annotated[str, Choice(("dice", "dice_cross_entropy", "dice_focal", "tversky"))] = "dice_cross_entropy"
    """What is minimised."""

    optimiser: Annotated[str, Choice(("adamw", "adam", "sgd"))] = "adamw"
    """Who takes the steps; `sgd` has Nesterov momentum."""

    learning_rate: Annotated[float, Float(1e-4, 1e-1, log=True)] = 1e-2
    """Peak learning rate, reached after the warm-up."""

    weight_decay: Annotated[float, Float(1e-6, 1e-1, log=True)] = 1e-4
    """Pull of the weights towards 0: decoupled from the gradient in `adamw`, part of it in the others."""

    schedule: Annotated[str, Choice(("cosine", "polynomial", "constant"))] = "cosine"
    """How the learning rate falls after the warm-up."""

    def canonical(self) -> Recipe:
        """The recipe with what has no effect reset to its default: equal trainings are then equal recipes."""
        if self.augmentation == "none":
            return dataclasses.replace(self, augmentation_strength=Recipe.augmentation_strength)
        return self


def augmentation_families(recipe: Recipe) -> frozenset[str]:
    """The families of image changes that a network meets in this training: names as in `FAMILIES`, or `mirroring`.

    A score on corruptions of one of these families says how well they were learned, not how robust the network is to
    what it has never seen.
    """
    kinds = AUGMENTATIONS[recipe.augmentation] if recipe.augmentation_strength > 0.0 else frozenset[str]()
    mirroring = frozenset({"mirroring"}) if recipe.mirroring == "on" else frozenset[str]()
    return mirroring.union(*(FAMILIES[kind] for kind in kinds))
