"""How a network is trained: everything that affects the weights but not the architecture."""

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
"""Every kind of transform with the families of image changes that it shows the network."""


@dataclass(frozen=True)
class Recipe:
    """The training of one network."""

    patch: Annotated[int, Int(16, 256, step=16)] = 32
    """Edge of the square or cubic training patch (the context), in pixels or voxels."""

    foreground_ratio: Annotated[float, Float(0.0, 1.0)] = 0.5
    """Share of training patches that are centred on foreground; the others are centred anywhere."""

    batch_factor: Annotated[float, Float(0.25, 4.0, log=True)] = 1.0
    """Batch size relative to the task's; iterations scale inversely, so that all trials see as many pixels."""

    mirroring: Annotated[str, Choice(("off", "on"))] = "off"
    """Random flips, and right-angle turns in a plane of equal spacing; for classes without a side or direction."""

    augmentation: Annotated[str, Choice(tuple(AUGMENTATIONS))] = "spatial"
    """Training transforms: rotation and scaling; random gain, offset and gamma; noise and blur; or several."""

    augmentation_strength: Annotated[float, Float(0.0, 1.0)] = 0.5
    """Strength of the transforms, from none to as strong as is plausible."""

    loss: Annotated[str, Choice(("dice", "dice_cross_entropy", "dice_focal", "tversky"))] = "dice_cross_entropy"
    """The training loss."""

    optimiser: Annotated[str, Choice(("adamw", "adam", "sgd"))] = "adamw"
    """The optimiser; `sgd` has Nesterov momentum."""

    learning_rate: Annotated[float, Float(1e-4, 1e-1, log=True)] = 1e-2
    """Peak learning rate, reached after the warm-up."""

    weight_decay: Annotated[float, Float(1e-6, 1e-1, log=True)] = 1e-4
    """Weight decay: decoupled from the gradient in `adamw`, part of it in the others."""

    schedule: Annotated[str, Choice(("cosine", "polynomial", "constant"))] = "cosine"
    """How the learning rate falls after the warm-up."""

    training: Annotated[str, Choice(("own", "nnunet"))] = "own"
    """Who decides on loss, optimiser, schedule and transforms: the fields above (own), or nnU-Net's recipe (nnunet)."""

    @property
    def unused(self) -> tuple[str, ...]:
        """The fields that have no effect."""
        if self.training == "nnunet":
            return _REPLACED
        return ("augmentation_strength",) if self.augmentation == "none" else ()

    def canonical(self) -> Recipe:
        """The recipe with fields that have no effect reset to their defaults: equal trainings are equal recipes."""
        unused = self.unused
        return dataclasses.replace(self, **{name: getattr(Recipe, name) for name in unused}) if unused else self


_REPLACED = ("augmentation", "augmentation_strength", "loss", "optimiser", "schedule")
"""The fields that have no effect beside nnU-Net's recipe."""

NNUNET = Recipe(foreground_ratio=0.33, mirroring="on", learning_rate=1e-2, weight_decay=3e-5, training="nnunet")
"""nnU-Net's recipe: Isensee et al., Nature Methods 18:203-211 (2021), as in nnU-Net 2."""


def augmentation_families(recipe: Recipe) -> frozenset[str]:
    """The families of image changes that a network sees in this training: names as in `FAMILIES`, or `mirroring`.

    A score on corruptions of these families measures what the network learned, not its robustness to changes it has
    never seen.
    """
    kinds = AUGMENTATIONS[recipe.augmentation] if recipe.augmentation_strength > 0.0 else frozenset[str]()
    if recipe.training == "nnunet":
        kinds = frozenset(FAMILIES)
    mirroring = frozenset({"mirroring"}) if recipe.mirroring == "on" else frozenset[str]()
    return mirroring.union(*(FAMILIES[kind] for kind in kinds))
