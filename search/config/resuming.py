"""Resuming a study: what it was started with, what may change, and what would make its trials incomparable."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
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
        overrides: What is asked for now.
        changeable: Keys and groups that may change.

    Raises:
        ValueError: if the overrides ask for something that would make the study's trials incomparable, or the text is
            not a config.
    """
    merged = merge_overrides(stored, overrides)
    _check_same_options(_compose_options(stored), _compose_options(merged))
    config = compose_config(merged)
    kept, now = flatten(_read_config(stored_text)), flatten(config)
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
            raise ValueError(
                f"study '{config.study}' was started with {key}={value} and cannot be resumed with {key}={now[key]}; "
                f"leave it out to resume, or start another study with study=<name>"
            )
        _update(config, key, value)
    return to_composed(config)


def _read_config(text: str) -> DictConfig:
    """The config that a study keeps.

    Raises:
        ValueError: if it is damaged, so that defaults would take the place of what is lost.
    """
    try:
        config = OmegaConf.create(text) if isinstance(yaml.safe_load(text), dict) else None
    except (yaml.YAMLError, OmegaConfBaseException):
        config = None
    if not isinstance(config, DictConfig) or not {item.name for item in fields(Experiment)} <= {"storage", *config}:
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
    before, asked = dict_of(stored), dict_of(overrides)
    switched = {key for key in asked if key in CHOICES and key in CHANGEABLE and asked[key] != before.get(key)}
    kept = {key: value for key, value in before.items() if key.split(".")[0] not in switched}
    return [f"{key}={value}" for key, value in (kept | asked).items()]
