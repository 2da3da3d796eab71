"""Which dimensions a network uses, so that two candidates for the same network become equal.

A dimension that has no effect takes its resting value. An option that a network does not know is replaced by the option
that it builds instead. Both stay inside the search space.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from paretoseg.spaces.architecture import NUM_SKIP_LEVELS, PLANNED
from paretoseg.spaces.domain import Domain, Value
from paretoseg.spaces.families import FAMILIES

SKIP_LEVELS = tuple(f"skip_level_{level}" for level in range(1, NUM_SKIP_LEVELS + 1))
"""The dimensions that switch skips on and off, finest level first."""

FAMILY_ONLY = ("bias", "head")
"""Dimensions that our own network ignores."""

MIN_DEPTHS: Mapping[str, int] = {"dynunet": 3}
"""Smallest depth of families that need more than two levels."""

_LEVELS = ("depth", "width")

FAMILY_DIMENSIONS: Mapping[str, tuple[str, ...]] = {
    "composable": (
        *("skip", *_LEVELS, "attention", "block", "blocks", "kernel", "norm", "activation", "dropout"),
        *("upsampling", "deep_supervision", *SKIP_LEVELS),
    ),
    "unet": ("skip", *_LEVELS, "block", "blocks", "kernel", "norm", "activation", "dropout", "bias"),
    "attention_unet": (*_LEVELS, "kernel", "dropout"),
    "basic_unet_plus_plus": (
        *("width", "norm", "activation", "dropout", "upsampling", "deep_supervision", "bias", "head"),
    ),
    "vnet": ("skip", "activation", "dropout"),
    "segresnet": (*_LEVELS, "blocks", "norm", "activation", "dropout", "upsampling"),
    "dynunet": (*_LEVELS, "block", "kernel", "norm", "activation", "dropout", "deep_supervision"),
    "unetr": ("width", "block", "norm", "dropout"),
    "swin_unetr": ("width", "norm", "dropout"),
    "nnunet": ("width",),
    "resenc": ("width",),
}
"""The dimensions that each family uses, apart from `family` itself."""

FAMILY_OPTIONS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "unet": {"skip": ("concatenation", "none"), "block": ("plain", "residual")},
    "vnet": {"skip": ("addition", "none")},
    "dynunet": {"block": ("plain", "residual")},
    "unetr": {"block": ("residual", "plain")},
}
"""The options that a family supports; any other option builds the first one listed."""


def find_used_dimensions(family: str) -> tuple[str, ...]:
    """The dimensions of `Architecture` that a family uses, a plug-in's too, apart from `family` itself."""
    return FAMILY_DIMENSIONS.get(family) or FAMILIES[family].uses


def canonicalise(
    values: Mapping[str, Value], resting: Mapping[str, Value], domains: Mapping[str, Domain]
) -> dict[str, Value]:
    """The values, with every dimension that the network ignores at its resting value.

    Args:
        values: Every dimension of a candidate, inside the domains.
        resting: The value of each dimension when it has no effect, inside the domains.
        domains: The search space.
    """
    found = dict(values)
    family = str(found["family"])
    _settle_options(found, FAMILY_OPTIONS.get(family, {}), resting=resting, domains=domains)
    if family == "composable":
        _settle_skips(found, resting=resting, domains=domains)
    for name in find_unused(found):
        found[name] = resting[name]
    return found


def find_unused(values: Mapping[str, Value]) -> Iterator[str]:
    """The dimensions that have no effect in the architecture; a planned network decides on its patch, too."""
    family, depth = str(values["family"]), int(values["depth"])
    used = find_used_dimensions(family)
    for names in FAMILY_DIMENSIONS.values():
        yield from (name for name in names if name not in used)
    if family == "composable":
        yield from SKIP_LEVELS if values["skip"] == "none" else SKIP_LEVELS[depth - 1 :]
        if depth == 2:
            yield "deep_supervision"
    if family == "unet" and values["block"] != "residual":
        yield "blocks"
    if family in PLANNED:
        yield "patch"


def _settle_options(
    values: dict[str, Value],
    known: Mapping[str, tuple[str, ...]],
    *,
    resting: Mapping[str, Value],
    domains: Mapping[str, Domain],
) -> None:
    """Replaces, in place, options that a family does not support by the option it builds, if the space contains it."""
    for name, options in known.items():
        if values[name] in options:
            continue
        stands_for = [options[0], resting[name], *(item for item in _list(domains[name]) if item not in options)]
        possible = (item for item in stands_for if item not in options[1:] and domains[name].contains(item))
        values[name] = next(possible, values[name])


def _settle_skips(values: dict[str, Value], *, resting: Mapping[str, Value], domains: Mapping[str, Domain]) -> None:
    """Sets `skip`, in place, to none if no level has one, and dense to concatenation if only the deepest has one."""
    levels = SKIP_LEVELS[: int(values["depth"]) - 1]
    if values["skip"] == "none":
        return
    if all(values[level] == "off" for level in levels):
        values["skip"] = "none" if domains["skip"].contains("none") else resting["skip"]
    elif values["skip"] == "dense" and all(values[level] == "off" for level in levels[:-1]):
        values["skip"] = "concatenation" if domains["skip"].contains("concatenation") else "dense"


def _list(domain: Domain) -> tuple[Value, ...]:
    """All options of a choice."""
    first = domain.from_unit(0.0)
    return (first, *domain.neighbours(first))
