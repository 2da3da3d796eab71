"""Families of networks that plug-ins add, each with dimensions of its own. Free of torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.domain import Choice, Domain, Value
from paretoseg.spaces.plugins import Table
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.suggestion import suggest


@dataclass(frozen=True)
class NetworkFamily:
    """What an entry point of the group `paretoseg.family` points to."""

    architecture: type[Architecture]
    """A frozen dataclass that derives from `Architecture`; its further fields are the dimensions of this family alone.

    Like those of `Architecture`, they are annotated with a `Domain` and have a default. Their names start with a word
    of the family, because no two families of a search may share one. `total_stride` and `smallest_extent` are those of
    an encoder-decoder of the depth, unless the class has others.
    """

    uses: tuple[str, ...]
    """The dimensions of `Architecture` that change the network: all others stay at their defaults."""

    build: Callable[..., Any]
    """`build(architecture, spatial_dims=2, in_channels=1, num_classes=2)` returns a module of torch.

    The module maps images (b, in_channels, ...spatial) to logits (b, num_classes, ...spatial).
    """

    @property
    def dimensions(self) -> Mapping[str, Domain]:
        """Its own dimensions with their domains, in the order of declaration."""
        shared = read_domains(Architecture)
        return {name: domain for name, domain in read_domains(self.architecture).items() if name not in shared}


def read_domains(part: type) -> Mapping[str, Domain]:
    """Every field of a dataclass with the domain that it is annotated with, in the order of declaration.

    Raises:
        ValueError: if a field has none.
    """
    return _read_domains_once(part)


@cache
def _read_domains_once(part: type) -> Mapping[str, Domain]:
    hints = get_type_hints(part, include_extras=True)
    domains = {}
    for item in dataclasses.fields(part):
        found = [one for one in get_args(hints[item.name]) if isinstance(one, Domain)]
        if get_origin(hints[item.name]) is not Annotated or not found:
            raise ValueError(f"{part.__name__}.{item.name} must be annotated with a domain, such as Int(1, 4)")
        domains[item.name] = found[0]
    return MappingProxyType(domains)


_FAMILY = read_domains(Architecture)["family"]
assert isinstance(_FAMILY, Choice)
OUR_FAMILIES = _FAMILY.options
"""The families of paretoseg itself."""


def _read_family(found: Any) -> NetworkFamily:
    """What an entry point points to, checked."""
    if not isinstance(found, NetworkFamily):
        raise ValueError(f"it must be a NetworkFamily, got {found!r}")
    kind = found.architecture
    if not (isinstance(kind, type) and issubclass(kind, Architecture) and "__dataclass_fields__" in vars(kind)):
        raise ValueError(f"its architecture must be a frozen dataclass that derives from Architecture, got {kind!r}")
    try:
        domains, made = read_domains(kind), kind()
    except (NameError, TypeError) as error:
        raise ValueError(f"{kind.__name__} cannot be read: {error}") from None
    for name in found.dimensions:
        if name in read_domains(Recipe):
            raise ValueError(f"{kind.__name__}.{name} is a dimension of training already; give it another name")
        if not domains[name].contains(getattr(made, name)):
            raise ValueError(f"the default of {kind.__name__}.{name} must lie in {domains[name].describe()}")
    unknown = [name for name in found.uses if name not in read_domains(Architecture) or name == "family"]
    if unknown:
        hint = suggest(unknown[0], read_domains(Architecture))
        raise ValueError(f"uses names '{unknown[0]}'; {hint}known: {', '.join(read_domains(Architecture))}")
    return found


FAMILIES: Table[NetworkFamily] = Table("family", {}, _read_family, reserved=OUR_FAMILIES)
"""The families that plug-ins add, by name. They are searched only where `space.family` names them."""


def find_added(family: object) -> list[str]:
    """The families of plug-ins that a search names.

    Args:
        family: What it narrows the family to: a name, a list of names, or anything else for ours.

    Raises:
        ValueError: as `check_family` does.
    """
    names = [family] if isinstance(family, str) else family if isinstance(family, list | tuple) else []
    added = [str(name) for name in dict.fromkeys(names) if name not in ("all", *OUR_FAMILIES)]
    for name in added:
        check_family(name)
    return added


def extend_dimensions(dimensions: Mapping[str, Domain], family: object) -> tuple[dict[str, Domain], dict[str, Value]]:
    """The dimensions with those of families of plug-ins behind them, and the defaults of the latter.

    Args:
        dimensions: Ours; their `family` gets further options.
        family: As for `find_added`.

    Raises:
        ValueError: as `find_added` does, or if two families have a dimension of one name.
    """
    extended, defaults, added = dict(dimensions), dict[str, Value](), find_added(family)
    if added:
        extended["family"] = Choice((*OUR_FAMILIES, *added))
    for one in added:
        for name, domain in find_own_dimensions(one).items():
            if name in extended:
                raise ValueError(f"two families of space.family have a dimension '{name}'; search one of them")
            extended[name], defaults[name] = domain, getattr(find_kind(one), name)
    return extended, defaults


def check_family(name: str) -> None:
    """Raises ValueError, with the nearest and the known names, if a family is unknown or its plug-in is broken."""
    known = [*OUR_FAMILIES, *FAMILIES]
    if name not in known:
        raise ValueError(f"unknown family '{name}'; {suggest(name, known)}known: {', '.join(known)}")
    if name not in OUR_FAMILIES:
        FAMILIES[name]


def find_own_dimensions(family: str) -> Mapping[str, Domain]:
    """The dimensions that only this family has, with their domains; none for families of ours.

    Raises:
        ValueError: as `check_family` does.
    """
    check_family(family)
    return {} if family in OUR_FAMILIES else FAMILIES[family].dimensions


def find_kind(family: str) -> type[Architecture]:
    """The class of a family's architectures.

    Raises:
        ValueError: as `check_family` does.
    """
    if family in OUR_FAMILIES:
        return Architecture
    check_family(family)
    return FAMILIES[family].architecture
