"""The keys `space.*`, and the search space that they describe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, make_dataclass
from typing import Any

from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.canonical import find_used_dimensions
from paretoseg.spaces.domain import list_values
from paretoseg.spaces.earlier import BEFORE
from paretoseg.spaces.families import find_added, find_own_dimensions
from paretoseg.spaces.recipe import AUGMENTATIONS
from paretoseg.spaces.search_space import DIMENSIONS, EVERYTHING, SearchSpace

_CHANGED = {"augmentation": (EVERYTHING, [name for name, kinds in AUGMENTATIONS.items() if "noise_blur" not in kinds])}
"""Dimensions of which presets once searched a part: the key's default, and what a null in an earlier study means."""


def _define_key(name: str) -> Any:
    if name not in _CHANGED:
        return field(default=None)
    default, before = _CHANGED[name]
    return field(default=default, metadata={BEFORE: before})


STARTS = ("patch", "depth")
"""The dimensions whose first value may be set."""

Space = make_dataclass(
    "Space",
    [
        ("preset", str, field(default="core")),
        *((name, Any, _define_key(name)) for name in DIMENSIONS),
        *((f"start_{name}", Any, field(default=None)) for name in STARTS),
    ],
)
"""The preset, and a key a dimension: null leaves it to the preset, a value pins, a list narrows, `all` opens it.

`start_patch` and `start_depth` are those of the first candidate, where they are not the nearest to the usual ones.
"""


def fill_defaults(space: Any) -> None:
    """Replaces a null in a new study's `Space` where a null means something else in earlier studies."""
    for name, (default, _) in _CHANGED.items():
        if space[name] is None:
            space[name] = default


def read_restrictions(space: Any) -> dict[str, object]:
    """What a `Space` narrows, by dimension."""
    names = [name for name in vars(space) if name != "preset" and not name.startswith("start_")]
    return {name: value for name in names if (value := getattr(space, name)) is not None}


def find_added_keys(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that the families of plug-ins in `space.family` add, each with its value, or null.

    Args:
        asked: What the overrides ask for, by dotted key.

    Raises:
        ValueError: for an unknown family.
    """
    families = find_added(asked.get("space.family"))
    keys = (f"space.{name}" for family in families for name in find_own_dimensions(family))
    return {key: asked.get(key) for key in keys}


def widen(space: Any, added: Mapping[str, Any]) -> Any:
    """A `Space` with further keys, from `find_added_keys`."""
    values = {key.removeprefix("space."): value for key, value in added.items()}
    kind = make_dataclass("Space", [(name, Any, field(default=None)) for name in values], bases=(Space,))
    return kind(**{**space, **values})


def build_space(space: Any, *, matched_by: str) -> SearchSpace:
    """What is searched.

    Args:
        space: A `Space`.
        matched_by: The key whose number the width follows from; '' if it is searched.

    Raises:
        ValueError: for an unknown preset, a value outside its domain, a space without any possible network, or one
            whose networks cannot be of one size.
    """
    wishes, start = read_restrictions(space), _read_start(space)
    if not matched_by:
        return SearchSpace(wishes, space.preset, start)
    if "width" in wishes:
        raise ValueError(f"the width follows from {matched_by}; leave out {matched_by} or space.width")
    matched = SearchSpace({**wishes, "width": Architecture.width}, space.preset, start)
    families = map(str, list_values(matched.domains["family"]))
    found = [name for name in families if "width" not in find_used_dimensions(name)]
    if found:
        raise ValueError(
            f"{matched_by} needs families whose width can be chosen, got {', '.join(found)}; name the others in "
            f"space.family, or set {matched_by}=0"
        )
    return matched


def _read_start(space: Any) -> dict[str, Any]:
    """The values of the first candidate that are set."""
    return {name: value for name in STARTS if (value := getattr(space, f"start_{name}")) is not None}
