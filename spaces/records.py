"""Converts plain values, as in JSON and YAML, to dataclasses and back; only this module decodes them.

cattrs decodes by the declared types of the fields, and strictly: an integer may not be a text or a boolean, a number
must be finite, a list must be a list, and an unknown field is refused. A missing field takes its default, as in a file
that an older version wrote. A field whose type is annotated with a `Domain` must lie in it. The first call imports
cattrs, because most commands can refuse a mistake without it.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import reprlib
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.domain import Choice, Domain, Float, Int
from paretoseg.spaces.families import FAMILIES, OUR_FAMILIES, find_kind, read_domains
from paretoseg.spaces.objective import LARGEST
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import DIMENSIONS, Candidate
from paretoseg.spaces.suggestion import suggest

if TYPE_CHECKING:
    from cattrs import Converter

_T = TypeVar("_T")
_Hook = Callable[[Any, Any], Any]

_MOST_BITS = 63
"""Bits of an integer, without its sign: it must fit into a column of a table."""

_MAX_SHOWN = 60
"""Most characters of a value or a name in a message."""


def encode(value: object) -> Any:
    """The plain values of an object, its fields in the order of declaration; inverse of `decode`."""
    return _build_converter(is_detailed=False).unstructure(value)


def decode(kind: type[_T], values: object) -> _T:
    """The object of a dataclass from plain values.

    Raises:
        ValueError: if a field is missing, unknown, of another type or not allowed; the message names the field and its
            value, in one line.
    """
    structure, refusals = _find_hook(kind)  # type: ignore[arg-type]  # a class is hashable
    try:
        return structure(values, kind)  # type: ignore[no-any-return]
    except refusals:
        pass
    try:  # again, with a slower converter that names the field
        return _build_converter(is_detailed=True).structure(values, kind)
    except refusals as error:
        raise _explain(error) from None


def parse_json(content: bytes | str) -> Any:
    """The plain values of a JSON text.

    Raises:
        ValueError: if it is not JSON, or nested too deeply.
    """
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def shorten(value: object) -> str:
    """A value as short text on one line, for a message."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = _MAX_SHOWN
    return short.repr(value)


@functools.cache
def _find_hook(kind: Any) -> tuple[_Hook, tuple[type[Exception], ...]]:
    """The function that decodes a class, and the errors that it raises for values that it refuses."""
    from cattrs.errors import CattrsError  # late: see the module's docstring

    return _build_converter(is_detailed=False).get_structure_hook(kind), (ValueError, KeyError, CattrsError)


@functools.cache
def _build_converter(*, is_detailed: bool) -> Converter:
    from cattrs import Converter  # late: see the module's docstring
    from cattrs.cols import homogenous_tuple_structure_factory
    from cattrs.gen import make_dict_structure_fn, mapping_structure_factory, override

    def structure_fields(kind: Any, *, is_strict: bool = True) -> _Hook:
        # cattrs alone would ignore the annotations of a type.
        hints = get_type_hints(kind, include_extras=True)
        hooks = {item.name: converter.get_structure_hook(hints[item.name]) for item in dataclasses.fields(kind)}
        fields: Any = {name: override(struct_hook=hook) for name, hook in hooks.items()}
        return make_dict_structure_fn(kind, converter, _cattrs_forbid_extra_keys=is_strict, **fields)

    def structure_tuple(kind: Any) -> _Hook:
        kinds = get_args(kind)
        if kinds[-1] is Ellipsis:
            return _only((list, tuple), "a list", homogenous_tuple_structure_factory(kind, converter))
        return _only((list, tuple), "a list", _fixed_tuple(kinds, converter))

    def structure_mapping(kind: Any) -> _Hook:
        hook: _Hook = mapping_structure_factory(kind, converter)
        if get_args(kind)[0] is int:
            hook = _numbered(hook)
        return _only(dict, "an object with named values", _quick(hook) if get_args(kind) == (str, float) else hook)

    converter = Converter(detailed_validation=is_detailed)
    for plain, hook in _PLAIN.items():
        converter.register_structure_hook(plain, hook)
    factories: list[tuple[Callable[[Any], bool], Callable[[Any], _Hook]]] = [
        (dataclasses.is_dataclass, lambda kind: _only(dict, "an object with named fields", structure_fields(kind))),
        (functools.partial(_stems_from, tuple), structure_tuple),
        (functools.partial(_stems_from, Mapping), structure_mapping),
        (_is_in_domain, _within_domain),
    ]
    for is_meant, factory in factories:
        converter.register_structure_hook_factory(is_meant, factory)
    converter.register_structure_hook(StrEnum, _member)

    strict, loose = (_of_any_family(functools.partial(structure_fields, is_strict=flag)) for flag in (True, False))
    flat = _flat_candidate(loose, structure_fields(Recipe, is_strict=False))
    converter.register_structure_hook(Architecture, _only(dict, "an object with named fields", strict))
    converter.register_structure_hook(Candidate, _only(dict, "an object with dimensions", flat))
    converter.register_unstructure_hook(Candidate, lambda candidate: candidate.as_dict())
    converter.register_unstructure_hook(Architecture, lambda architecture: dict(vars(architecture)))
    return converter


def _stems_from(origin: Any, kind: Any) -> bool:
    return get_origin(kind) is origin


def _only(container: type | tuple[type, ...], words: str, hook: _Hook) -> _Hook:
    """The hook, for values of one kind only: otherwise a text would pass as the list of its letters."""

    def check(values: Any, kind: Any) -> Any:
        if not isinstance(values, container):
            raise ValueError(f"must be {words}, got {shorten(values)}")
        return hook(values, kind)

    return check


def _numbered(hook: _Hook) -> _Hook:
    """The hook of a table by whole numbers, which are texts in JSON."""

    def structure(values: Any, kind: Any) -> Any:
        return hook({int(key) if isinstance(key, str) else key: value for key, value in values.items()}, kind)

    return structure


def _quick(hook: _Hook) -> _Hook:
    """The hook of a table of numbers, with a fast path for valid tables: they are the largest part of a journal."""

    def structure(values: Any, kind: Any) -> Any:
        for name, value in values.items():
            if type(value) is not float or not -LARGEST <= value <= LARGEST or not name.isascii():
                return hook(values, kind)
        return dict(values)

    return structure


def _fixed_tuple(kinds: tuple[Any, ...], converter: Converter) -> _Hook:
    hooks = [converter.get_structure_hook(kind) for kind in kinds]

    def structure(values: Any, _: Any) -> tuple[Any, ...]:
        if len(values) != len(kinds):
            raise ValueError(f"must be a list of {len(kinds)}, got {shorten(values)}")
        return tuple(hook(value, kind) for hook, value, kind in zip(hooks, values, kinds, strict=True))

    return structure


def _of_any_family(make_hook: Callable[[Any], _Hook]) -> _Hook:
    """The hook of an architecture, whose class depends on its family."""
    find_hook: Callable[[Any], _Hook] = functools.cache(make_hook)

    def structure(values: Any, _: Any) -> Any:
        kind = _find_kind(values.get("family"))
        if kind is Architecture:
            return find_hook(kind)(values, kind)
        # The class inherits the domain of our families.
        rest = {name: value for name, value in values.items() if name != "family"}
        return dataclasses.replace(find_hook(kind)(rest, kind), family=values["family"])

    return structure


def _flat_candidate(build_architecture: Any, build_recipe: Any) -> _Hook:
    """The hook of a candidate, which is one object of all its dimensions; missing ones take their defaults."""
    ours = DIMENSIONS.keys()

    def structure(values: Any, _: Any) -> Candidate:
        if not values.keys() <= ours:
            known = [*ours, *read_domains(_find_kind(values.get("family")))]
            if unknown := values.keys() - {*known}:
                raise ValueError(f"has an {_describe_unknown('dimension', unknown, known)}")
        return Candidate(build_architecture(values, Architecture), build_recipe(values, Recipe))

    return structure


def _find_kind(family: object) -> type[Architecture]:
    """The class of the architectures of a family; ours for what is no name of a plug-in's, which its domain refuses."""
    is_added = isinstance(family, str) and family not in OUR_FAMILIES and family in FAMILIES
    return find_kind(str(family)) if is_added else Architecture


def _member(value: Any, kind: type[StrEnum]) -> StrEnum:
    try:
        return kind(value)
    except ValueError:
        raise ValueError(f"must be one of {', '.join(kind)}, got {shorten(value)}") from None


def _is_in_domain(kind: Any) -> bool:
    return get_origin(kind) is Annotated and any(isinstance(item, Domain) for item in get_args(kind))


def _within_domain(kind: Any) -> _Hook:
    [domain] = (item for item in get_args(kind) if isinstance(item, Domain))
    if isinstance(domain, Choice):
        return _among_options(domain)
    of = get_args(kind)[0]
    assert isinstance(domain, Float | Int), f"no record holds {kind}"
    plain, contains, low, high = _PLAIN[of], domain.contains, domain.low, domain.high
    has_gaps = isinstance(domain, Int) and domain.step > 1

    def structure(value: Any, _: Any) -> Any:
        # A fast path for most values.
        if type(value) is of and low <= value <= high and not (has_gaps and not contains(value)):
            return value
        known = plain(value, of)
        if not contains(known):
            raise ValueError(f"must lie in {domain.describe()}, got {shorten(value)}")
        return known

    return structure


def _among_options(domain: Choice) -> _Hook:
    options = frozenset(domain.options)

    def structure(value: Any, _: Any) -> str:
        if type(value) is str and value in options:
            return value
        raise ValueError(f"must be one of {domain.describe()}, got {shorten(value)}")

    return structure


def _number(value: Any, _: Any) -> float:
    if type(value) in (float, int) and -LARGEST <= value <= LARGEST:
        return float(value)
    raise ValueError(f"must be a finite number, got {shorten(value)}")


def _whole(value: Any, _: Any) -> int:
    if type(value) is int and value.bit_length() <= _MOST_BITS:
        return value
    raise ValueError(f"must be a whole number, got {shorten(value)}")


def _text(value: Any, _: Any) -> str:
    if type(value) is not str:
        raise ValueError(f"must be text, got {shorten(value)}")
    # A lone surrogate, as from a file name that is not UTF-8, would break every table and page.
    return value if value.isascii() else value.encode(errors="backslashreplace").decode()


_PLAIN: Mapping[type, _Hook] = {float: _number, int: _whole, str: _text}


def _explain(error: BaseException) -> ValueError:
    """The first error with its field; unknown fields come before missing ones."""
    from cattrs.errors import AttributeValidationNote, ForbiddenExtraKeysError, IterableValidationNote

    place = ""
    while True:
        for note in getattr(error, "__notes__", ()):
            if isinstance(note, AttributeValidationNote):
                place += f".{note.name}"
            elif isinstance(note, IterableValidationNote):
                place += f"[{_shorten_name(note.index)}]"
        if not isinstance(error, BaseExceptionGroup):
            break
        unknown = [item for item in error.exceptions if isinstance(item, ForbiddenExtraKeysError)]
        error = (unknown or error.exceptions)[0]
    place = place.removeprefix(".") or "it"
    if isinstance(error, ForbiddenExtraKeysError):
        known = [item.name for item in dataclasses.fields(error.cl)]
        return ValueError(f"{place} has an {_describe_unknown('field', error.extra_fields, known)}")
    return ValueError(f"{place} is missing" if isinstance(error, KeyError) else f"{place} {error}")


def _shorten_name(name: object) -> str:
    text = str(name)
    return text if text.isprintable() and len(text) < _MAX_SHOWN else shorten(text)


def _describe_unknown(what: str, found: Iterable[object], known: Iterable[str]) -> str:
    name = min(map(str, found))
    hint = suggest(name, known).rstrip() or f"known: {', '.join(known)}"
    return f"unknown {what} {shorten(name)}; {hint}"
