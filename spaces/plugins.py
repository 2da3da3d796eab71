"""What installed packages add as entry points of the groups `paretoseg.<kind>`, found by name.

A package that adds data has in its `pyproject.toml`

    [project.entry-points."paretoseg.data"]
    rings = "my_dataset:RingsConfig"

Entry points are read when a name is looked up or listed, not when paretoseg is imported. The code of a package is
imported when its name is chosen.
"""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from paretoseg.spaces.suggestion import suggest

PREFIX = "paretoseg."
"""How the groups of entry points begin; the kind follows."""

_Entry = TypeVar("_Entry")


class PluginError(ValueError):
    """A plug-in that is broken, or whose name is taken; one line that names the package and the entry point."""


class MissingPluginError(ValueError):
    """A study uses a plug-in that is not installed; one line that names the package and how to install it."""


@dataclass(frozen=True)
class Plugin:
    """What a package adds under one name."""

    kind: str
    """What it is: `data`, `corruption` and so on; the entry point's group without `paretoseg.`."""

    name: str
    """What the user chooses it by."""

    package: str
    """The distribution that it is in, as `pip` knows it."""

    version: str
    """The version of the distribution."""

    def __str__(self) -> str:
        return f"{self.kind} '{self.name}' of {self.package} {self.version}"


def find_plugins(kind: str) -> Mapping[str, Sequence[Plugin]]:
    """Every name of a kind that installed packages add, in alphabetical order, with all that have it: usually one."""
    return MappingProxyType({name: tuple(found) for name, found in _scan(tuple(sys.path)).get(kind, {}).items()})


def list_kinds() -> tuple[str, ...]:
    """The kinds that installed packages name, known or not, in alphabetical order."""
    return tuple(sorted(_scan(tuple(sys.path))))


def load(plugin: Plugin) -> object:
    """What an entry point points to; imports its module.

    Raises:
        PluginError: if it cannot be imported.
    """
    point = _scan(tuple(sys.path))[plugin.kind][plugin.name][plugin]
    try:
        return point.load()
    except Exception as error:  # the code is not ours, and any error of it is to be one line
        cause = (str(error).splitlines() or [""])[0]
        raise PluginError(
            f"the plug-in {plugin} is broken: entry point {point.value} raises {type(error).__name__}: {cause}; fix or "
            f"uninstall {plugin.package}"
        ) from error


class Table(Mapping[str, _Entry], Generic[_Entry]):
    """What can be chosen by name: our own entries, then those of installed packages, which are imported when taken.

    A name of a package that is ours already is never used; `paretoseg doctor` reports it.

    Args:
        kind: The kind of plug-ins that extend the table.
        own: Our own entries.
        read: Takes what an entry point points to and returns the entry; raises ValueError if it is no such thing.
        reserved: Further names that no package may take.
    """

    def __init__(
        self,
        kind: str,
        own: Mapping[str, _Entry],
        read: Callable[[Any], _Entry],
        reserved: Collection[str] = (),
    ) -> None:
        self.kind = kind
        self.own = own
        self._read = read
        self._taken = frozenset({*own, *reserved})
        self._loaded: dict[Plugin, _Entry] = {}

    def __getitem__(self, name: str) -> _Entry:
        """The entry of a name.

        Raises:
            KeyError: for an unknown name.
            PluginError: if the entry is a plug-in's that cannot be used.
        """
        if name in self.own:
            return self.own[name]
        plugin = self.find_plugin(name)
        if plugin is None:
            raise KeyError(name)
        if plugin not in self._loaded:
            self._loaded[plugin] = self._take(plugin)
        return self._loaded[plugin]

    def __contains__(self, name: object) -> bool:
        return name in self.own or name in self._list_others()

    def __iter__(self) -> Iterator[str]:
        yield from self.own
        yield from self._list_others()

    def __len__(self) -> int:
        return len(self.own) + len(self._list_others())

    def find_plugin(self, name: str) -> Plugin | None:
        """The plug-in behind a name; None for our own names and unknown ones.

        Raises:
            PluginError: if several packages have the name.
        """
        found = () if name in self.own else self._list_others().get(name, ())
        if len(found) > 1:
            raise PluginError(
                f"{' and '.join(one.package for one in found)} both add {self.kind} '{name}'; uninstall one of them"
            )
        return found[0] if found else None

    def list_usable(self) -> dict[str, _Entry]:
        """Every name with its entry, without plug-ins that are broken; imports all others."""
        broken = self.find_broken()
        return {name: self[name] for name in self if name not in broken}

    def name_of(self, entry: _Entry) -> str:
        """The name of an entry of this table."""
        for name, own in self.own.items():
            if own is entry:
                return name
        return next(name for name, found in self.list_usable().items() if found is entry)

    def find_broken(self) -> dict[str, str]:
        """Every name of this kind that a package adds and that cannot be used, each with the reason in one line."""
        faults = {}
        for name, found in find_plugins(self.kind).items():
            if name in self._taken:
                faults[name] = f"the name of the plug-in {found[0]} is taken by paretoseg; rename the entry point"
                continue
            try:
                self[name]
            except PluginError as error:
                faults[name] = str(error)
        return faults

    def check(self, name: str) -> None:
        """Raises ValueError, with the nearest and the known names, if a name is unknown or its plug-in is broken."""
        if name not in self:
            raise ValueError(f"unknown {self.kind} {name!r}; {suggest(name, self)}known: {', '.join(self)}")
        self[name]

    def _list_others(self) -> Mapping[str, Sequence[Plugin]]:
        return {name: found for name, found in find_plugins(self.kind).items() if name not in self._taken}

    def _take(self, plugin: Plugin) -> _Entry:
        loaded = load(plugin)
        try:
            return self._read(loaded)
        except ValueError as error:
            raise PluginError(f"the plug-in {plugin} cannot be used: {error}; see docs/extend.md") from None


def refuse_missing(used: Sequence[Plugin]) -> None:
    """Checks that the plug-ins of a study are installed, in whatever version.

    Raises:
        MissingPluginError: for those that are not.
    """
    missing = [one for one in used if one.name not in find_plugins(one.kind)]
    if missing:
        packages = " ".join(dict.fromkeys(f"{one.package}=={one.version}" for one in missing))
        raise MissingPluginError(
            f"the study uses {', '.join(map(str, missing))}, which {'is' if len(missing) == 1 else 'are'} not "
            f"installed; install with: pip install {packages}"
        )


def describe_changes(used: Sequence[Plugin]) -> list[str]:
    """One line for every plug-in of a study that is now of another package or version."""
    notes = []
    for one in used:
        for now in find_plugins(one.kind).get(one.name, ()):
            if now != one:
                notes.append(f"the study was started with {one}; now it is of {now.package} {now.version}")
    return notes


@lru_cache(maxsize=4)
def _scan(path: tuple[str, ...]) -> Mapping[str, Mapping[str, Mapping[Plugin, importlib.metadata.EntryPoint]]]:
    """All entry points by kind, name and plug-in, for a list of folders that packages are found in: `sys.path`."""
    scanned: dict[str, dict[str, dict[Plugin, importlib.metadata.EntryPoint]]] = {}
    seen = set[str]()
    for package in importlib.metadata.distributions(path=list(path)):
        points = [point for point in package.entry_points if point.group.startswith(PREFIX)]
        if not points or package.name in seen:  # a package that is installed twice: the first one is imported
            continue
        seen.add(package.name)
        for point in points:
            plugin = Plugin(point.group.removeprefix(PREFIX), point.name, package.name, package.version)
            scanned.setdefault(plugin.kind, {}).setdefault(point.name, {})[plugin] = point
    return {kind: dict(sorted(names.items())) for kind, names in sorted(scanned.items())}
