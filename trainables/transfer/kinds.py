"""The kinds of augmentation whose gains are measured, and the networks that show them. Free of torch."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from paretoseg.spaces.recipe import FAMILIES, Recipe
from paretoseg.spaces.search_space import Candidate

WITHOUT = "none"
"""The network that every other one is compared with: it is trained without any augmentation."""

MIRRORING = "mirroring"

KINDS = (*FAMILIES, MIRRORING)
"""Every kind of augmentation, as studies open them one by one."""


def build_candidate(kind: str) -> Candidate:
    """The default candidate, trained with one kind of augmentation, or `WITHOUT` any.

    Its strength is the default of `Recipe.augmentation_strength`.
    """
    recipe = Recipe(augmentation=WITHOUT, mirroring="on") if kind == MIRRORING else Recipe(augmentation=kind)
    return replace(Candidate(), recipe=recipe)


def find_opened(exposure: Collection[str]) -> tuple[str, ...]:
    """The kinds that some candidate of a study trains with.

    Args:
        exposure: The families of image changes that candidates see in training, as `find_exposure` gives them.
    """
    return tuple(kind for kind in KINDS if {kind, *FAMILIES.get(kind, ())} & {*exposure})
