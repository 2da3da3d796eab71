"""Which dimensions a study searches unless it names them: a search over all dimensions at once finds little."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.canonical import FAMILY_ONLY
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.suggestion import suggest

CORE = (
    *("skip", "depth", "width", "attention"),
    *("patch", "foreground_ratio", "mirroring", "augmentation", "learning_rate"),
)
"""The dimensions that are searched by default."""

_ARCHITECTURE = tuple(field.name for field in dataclasses.fields(Architecture))
_RECIPE = tuple(field.name for field in dataclasses.fields(Recipe) if field.name != "training")

PRESETS: Mapping[str, frozenset[str]] = {
    "core": frozenset(CORE),
    "architecture": frozenset(CORE) | (frozenset(_ARCHITECTURE) - {"family", *FAMILY_ONLY}),
    "recipe": frozenset(CORE) | frozenset(_RECIPE),
    "families": frozenset(CORE) | {"family"},
    "full": frozenset(_ARCHITECTURE) | frozenset(_RECIPE),
}
"""The dimensions that each preset searches; all others keep their defaults.

None searches nnU-Net's recipe (`training`) or its networks: they are baselines, and searched only where they are named.
"""


def read_preset(name: str) -> frozenset[str]:
    """The dimensions that a preset searches.

    Raises:
        ValueError: for an unknown preset; one line that names the known ones.
    """
    if name not in PRESETS:
        raise ValueError(f"unknown space.preset '{name}'; {suggest(name, PRESETS)}known: {', '.join(PRESETS)}")
    return PRESETS[name]
