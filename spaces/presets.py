"""Which dimensions a study searches unless it names them: a search of everything at once finds little."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.canonical import FAMILY_ONLY
from paretoseg.spaces.recipe import AUGMENTATIONS, Recipe
from paretoseg.spaces.suggestion import suggest

CORE = (
    *("skip", "depth", "width", "attention"),
    *("patch", "foreground_ratio", "mirroring", "augmentation", "learning_rate"),
)
"""The dimensions that are searched by default."""

_ARCHITECTURE = tuple(field.name for field in dataclasses.fields(Architecture))
_RECIPE = tuple(field.name for field in dataclasses.fields(Recipe))

PRESETS: Mapping[str, frozenset[str]] = {
    "core": frozenset(CORE),
    "architecture": frozenset(CORE) | (frozenset(_ARCHITECTURE) - {"family", *FAMILY_ONLY}),
    "recipe": frozenset(CORE) | frozenset(_RECIPE),
    "families": frozenset(CORE) | {"family"},
    "full": frozenset(_ARCHITECTURE) | frozenset(_RECIPE),
}
"""By name, the dimensions that are searched; all others keep their defaults."""

_HELD_OUT = "noise_blur"
"""The kind of augmentation that does to training images what the battery does to test images."""

UNNAMED: Mapping[str, tuple[str, ...]] = {
    "augmentation": tuple(name for name, kinds in AUGMENTATIONS.items() if _HELD_OUT not in kinds)
}
"""What a preset opens of a dimension, where that is not all of it: whoever wants the rest names it.

A network that met noise in training is not robust to noise, it has learned it.
"""


def read_preset(name: str) -> frozenset[str]:
    """The dimensions that a preset searches.

    Raises:
        ValueError: for an unknown preset; one line that names the known ones.
    """
    if name not in PRESETS:
        raise ValueError(f"unknown space.preset '{name}'; {suggest(name, PRESETS)}known: {', '.join(PRESETS)}")
    return PRESETS[name]
