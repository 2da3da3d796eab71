"""Resuming a study: what it was started with, what may change, and what would make its trials incomparable."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from enum import StrEnum
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from paretoseg.search.config.config import (
    CHANGEABLE,
    CHOICES,
    Composed,
    Experiment,
    compose_config,
    flatten,
    to_composed,
)
from paretoseg.search.config.mappings import SETTLED, put, read_mapping
from paretoseg.search.config.overrides import dict_of, one_line
from paretoseg.spaces.earlier import BEFORE
from paretoseg.spaces.objective_choice import USUAL

_LATER_GROUPS = ("confirm",)
"""Groups that studies of earlier versions lack."""

LATER_KEYS: Mapping[str, Any] = {"objectives": list(USUAL), "constraints": [], "reference": {}, "baselines": []}
"""Keys outside of groups that studies of earlier versions lack, and what these have in their place."""

EARLIER_DEFAULTS: Mapping[str, tuple[str, tuple[str, ...]]] = {"strategy": ("nsga2", ("population", "random_share"))}
"""By group, the option that was the default in earlier versions, and its keys, which the present default lacks."""

_GROUPS = frozenset({*CHOICES, "experiment"})
DAMAGED = "experiment.yaml is damaged; restore it from a backup"


def compose_again(
    stored: Sequence[str], stored_text: str, overrides: Sequence[str], changeable: Collection[str] = CHANGEABLE
) -> Composed:
    """The experiment of an existing study: what it was started with, and the changes that are allowed.

    Args:
        stored: The overrides that the study was started with.
        stored_text: The composed config that the study keeps. It wins over defaults that have changed since, also for
            keys that may change but are not asked for.
        overrides: Those of the present command.
        changeable: Keys and groups that may change.

    Raises:
        ValueError: if the overrides ask for something that would make the study's trials incomparable, or the text is
            not a config.
    """
    kept = flatten(_read_config(stored_text))
    stored = [*find_earlier_options(stored, kept), *stored]
    merged = merge_overrides(stored, overrides)
    _check_same_options(_compose_options(stored), _compose_options(merged))
    config = compose_config(merged)
    now = flatten(config)
    before, asked = dict_of(stored), dict_of(overrides)
    switched = {key for key in asked.keys() & _GROUPS.difference(CHANGEABLE) if asked[key] != before.get(key)}
    # If the search last ran on another cluster than now, as inside a job, that cluster's keys do not apply here.
    is_same_cluster = _keys_in("cluster", kept) == _keys_in("cluster", now) and "cluster" not in asked
    for key, value in kept.items():
        group = key.split(".")[0]
        if key not in now or now[key] == value:
            continue
        if {key, group} & {*changeable}:
            if key in asked or "experiment" in switched or (group == "cluster" and not is_same_cluster):
                continue
        elif key in SETTLED and asked.get(key) == before.get(key):
            pass
        elif key == "study":
            raise ValueError(
                f"the folder of study '{config.study}' holds study '{value}': it was renamed or copied; rename it back "
                f"to '{value}', or keep a copy under that name elsewhere with storage=<path>"
            )
        elif key in asked or switched:
            raise ValueError(_refuse_change(config.study, key, value, now[key]))
        _update(config, key, value)
    missing = {key: value for key, value in find_earlier_values(config).items() if _is_missing(key, kept)}
    _put_earlier_values(config, {key: value for key, value in missing.items() if now[key] != value}, asked, changeable)
    return to_composed(config)


def _is_missing(key: str, kept: Mapping[str, Any]) -> bool:
    """Whether a study is too old for a key; a null in a group means the same."""
    return key not in kept if key in LATER_KEYS else kept.get(key) is None


def find_earlier_options(stored: Sequence[str], kept: Collection[str]) -> list[str]:
    """Overrides for the options of groups whose default has changed since a study began.

    A study keeps the name of an option only if the user gave it. Without a name, a key that only the earlier default
    has shows that it was this one.

    Args:
        stored: The overrides that the study was started with.
        kept: The dotted keys that it keeps or that were given.
    """
    asked = dict_of(stored)
    return [
        f"{group}={option}"
        for group, (option, names) in EARLIER_DEFAULTS.items()
        if group not in asked and any(f"{group}.{name}" in kept for name in names)
    ]


def find_earlier_values(config: DictConfig) -> dict[str, Any]:
    """The values of keys in studies of earlier versions, which lack the key or keep null, by dotted key.

    For the options of groups that the config has.
    """
    values = dict(LATER_KEYS)
    for group in (*CHOICES, "space", *_LATER_GROUPS):
        for item in fields(OmegaConf.get_type(config[group])):  # type: ignore[arg-type]
            if BEFORE in item.metadata:
                before = item.metadata[BEFORE]
                values[f"{group}.{item.name}"] = str(before) if isinstance(before, StrEnum) else before
    return values


def _put_earlier_values(
    config: DictConfig, values: Mapping[str, Any], asked: Mapping[str, str], changeable: Collection[str]
) -> None:
    """Puts values into the config, unless others are asked for where that is allowed."""
    for key, value in values.items():
        if key not in asked:
            _update(config, key, value)
        elif not {key, key.split(".")[0]} & {*changeable}:
            raise ValueError(_refuse_change(config.study, key, value, asked[key]))


def find_earlier_rules(composed: Composed, overrides: Sequence[str]) -> dict[str, Any]:
    """The values, by key, that a study has from an earlier version and that nobody asked for.

    Args:
        composed: The config of the study.
        overrides: Those of the study and of the present command together.
    """
    config, defaults = OmegaConf.create(composed.text), compose_config(merge_overrides(overrides, ()))
    now, usual = flatten(config), flatten(defaults)
    earlier = find_earlier_values(defaults)
    # Whether a study has baselines is no rule of its measurements.
    return {key: value for key, value in earlier.items() if now.get(key) == value != usual[key] and key != "baselines"}


def describe_earlier(composed: Composed, overrides: Sequence[str]) -> list[str]:
    """One line if a study goes on with the rules of an earlier version that nobody asked for; else empty.

    Args:
        composed: The config of the study.
        overrides: Those of the study and of the present command together.
    """
    found = find_earlier_rules(composed, overrides)
    if not found:
        return []
    named = ", ".join(f"{key}={show_value(value)}" for key, value in found.items())
    return [
        f"this study was started by an earlier version and goes on by its rules: {named}; `paretoseg "
        "rescore` measures its networks by the present ones"
    ]


def show_value(value: object) -> str:
    """A value as it is typed on the command line."""
    return f"[{','.join(map(str, value))}]" if isinstance(value, list) else str(value)


def _refuse_change(study: str, key: str, before: object, now: object) -> str:
    began = f"without {key}" if before is None else f"with {key}={before}"
    return (
        f"study '{study}' was started {began} and cannot be resumed with {key}={now}; "
        f"leave it out to resume, or start another study with study=<name>"
    )


def _read_config(text: str) -> DictConfig:
    """The config that a study keeps.

    Raises:
        ValueError: if it is damaged, so that defaults would take the place of what is lost.
    """
    try:
        config = OmegaConf.create(text) if isinstance(yaml.safe_load(text), dict) else None
    except (yaml.YAMLError, OmegaConfBaseException):
        config = None
    if not isinstance(config, DictConfig) or not {item.name for item in fields(Experiment)} <= {
        "storage",
        *_LATER_GROUPS,
        *LATER_KEYS,
        *config,
    }:
        raise ValueError(DAMAGED)
    for key in SETTLED:
        if (kept := OmegaConf.select(config, key)) is not None:
            _update(config, key, OmegaConf.to_container(kept) if OmegaConf.is_config(kept) else kept)
    return config


def _update(config: DictConfig, key: str, value: Any) -> None:
    try:
        if key in SETTLED:
            put(config, key, read_mapping(key, value))
        else:
            OmegaConf.update(config, key, value)
    except OmegaConfBaseException as error:
        raise ValueError(f"{DAMAGED} ({one_line(error)})") from None
    except ValueError as error:
        raise ValueError(f"{DAMAGED} ({error})") from None


def _keys_in(group: str, leaves: Mapping[str, Any]) -> set[str]:
    return {key for key in leaves if key.split(".")[0] == group}


def _compose_options(overrides: Sequence[str]) -> DictConfig:
    """The config with only the options of its groups, as single keys may belong to other options."""
    return compose_config([f"{key}={value}" for key, value in dict_of(overrides).items() if key in {*_GROUPS, "study"}])


def _check_same_options(stored: DictConfig, config: DictConfig) -> None:
    """Refuses another option of a group: its keys differ, so comparing values would miss it."""
    for group, options in CHOICES.items():
        names: dict[Any, str] = {node: name for name, node in options.items()}
        before, now = (names[OmegaConf.get_type(item[group])] for item in (stored, config))
        if group not in CHANGEABLE and before != now:
            raise ValueError(
                f"study '{config.study}' was started with {group}={before} and cannot be resumed with {group}={now}; "
                f"leave it out to resume, or start another study with study=<name>"
            )


def merge_overrides(stored: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """The stored overrides, replaced and extended by the new ones.

    When another cluster is chosen, the keys of the stored one are dropped.
    """
    before, asked = dict_of([*find_earlier_options(stored, dict_of(stored)), *stored]), dict_of(overrides)
    switched = {key for key in asked if key in CHOICES and key in CHANGEABLE and asked[key] != before.get(key)}
    kept = {key: value for key, value in before.items() if key.split(".")[0] not in switched}
    return [f"{key}={value}" for key, value in (kept | asked).items()]
