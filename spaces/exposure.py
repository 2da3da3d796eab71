"""Which image changes candidates may see in training; a score on the same changes measures what was learned."""

from __future__ import annotations

from paretoseg.spaces.recipe import AUGMENTATIONS, Recipe, augmentation_families
from paretoseg.spaces.search_space import SearchSpace


def find_exposure(space: SearchSpace) -> frozenset[str]:
    """The families of image changes that at least one candidate of the space sees in training.

    Names as in `paretoseg.spaces.recipe.FAMILIES`, or `mirroring`.
    """
    strongest = float(space.domains["augmentation_strength"].from_unit(1.0))
    mirroring = "on" if space.domains["mirroring"].contains("on") else "off"
    options = [name for name in AUGMENTATIONS if space.domains["augmentation"].contains(name)]
    if space.domains["training"].contains("nnunet"):
        return augmentation_families(Recipe(mirroring=mirroring, training="nnunet"))
    recipes = [Recipe(augmentation=name, augmentation_strength=strongest, mirroring=mirroring) for name in options]
    return frozenset[str]().union(*(augmentation_families(recipe) for recipe in recipes))
