"""Recipes: equal trainings are equal recipes, and what a training has seen is known by name."""

from __future__ import annotations

import dataclasses

import pytest

from paretoseg.spaces.recipe import AUGMENTATIONS, FAMILIES, Recipe, augmentation_families


def test_without_augmentation_its_strength_means_nothing() -> None:
    weak, strong = (Recipe(augmentation="none", augmentation_strength=strength) for strength in (0.1, 0.9))
    assert weak.canonical() == strong.canonical() == Recipe(augmentation="none")


@pytest.mark.parametrize("augmentation", [name for name in AUGMENTATIONS if name != "none"])
def test_any_other_recipe_is_canonical(augmentation: str) -> None:
    recipe = Recipe(augmentation=augmentation, augmentation_strength=0.9)
    assert recipe.canonical() is recipe


def test_every_subset_of_the_kinds_is_one_option() -> None:
    assert len(set(AUGMENTATIONS.values())) == len(AUGMENTATIONS) == 2 ** len(FAMILIES)
    assert frozenset().union(*AUGMENTATIONS.values()) == FAMILIES.keys()


def test_the_families_of_a_recipe_by_hand() -> None:
    recipe = Recipe(augmentation="spatial_noise_blur")
    assert augmentation_families(recipe) == {"rotation", "scaling", "noise", "blur"}
    assert augmentation_families(Recipe(mirroring="on", augmentation="none")) == {"mirroring"}
    assert augmentation_families(Recipe(augmentation="none")) == frozenset()


def test_at_no_strength_only_mirroring_is_met() -> None:
    recipe = Recipe(mirroring="on", augmentation="spatial_intensity_noise_blur", augmentation_strength=0.0)
    assert augmentation_families(recipe) == {"mirroring"}
    assert augmentation_families(dataclasses.replace(recipe, mirroring="off")) == frozenset()
