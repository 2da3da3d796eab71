"""Which image changes candidates may see in training; a score on the same changes measures what was learned."""

from __future__ import annotations

from collections.abc import Iterable

from paretoseg.spaces.recipe import AUGMENTATIONS, Recipe, augmentation_families
from paretoseg.spaces.search_space import Candidate, SearchSpace


def find_exposure(space: SearchSpace, baselines: Iterable[Candidate] = ()) -> frozenset[str]:
    """The families of image changes that at least one candidate of the space, or a baseline, sees in training.

    Names as in `paretoseg.spaces.recipe.FAMILIES`, or `mirroring`.
    """
    strongest = float(space.domains["augmentation_strength"].from_unit(1.0))
    mirroring = "on" if space.domains["mirroring"].contains("on") else "off"
    options = [name for name in AUGMENTATIONS if space.domains["augmentation"].contains(name)]
    recipes = [Recipe(augmentation=name, augmentation_strength=strongest, mirroring=mirroring) for name in options]
    recipes += [candidate.recipe for candidate in baselines]
    if space.domains["training"].contains("nnunet"):
        recipes.append(Recipe(mirroring=mirroring, training="nnunet"))
    return frozenset[str]().union(*(augmentation_families(recipe) for recipe in recipes))
