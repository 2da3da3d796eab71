"""By which rules the networks of an earlier study are measured: the present ones, or those of a rescoring that exists.

A study that an earlier version started goes on by the rules of that version. Its networks can be measured by the
present ones, and are unless the user asks for others. A rescoring that exists keeps the rules that it was made with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from paretoseg.search.config.config import Composed, compose_config, flatten
from paretoseg.search.config.overrides import dict_of
from paretoseg.search.config.resuming import find_earlier_rules, find_earlier_values, merge_overrides, show_value

Settings = Mapping[str, Any]
"""The settings of a rescoring, as `rescore.json` keeps them: by group, then by key."""


def choose_rules(
    composed: Composed,
    started: Sequence[str],
    overrides: Sequence[str],
    *,
    changeable: Sequence[str],
    read_once: Mapping[str, str],
    made_with: Settings | None,
) -> dict[str, Any]:
    """The rules, by key, that take the place of those by which an earlier study goes on; empty for other studies.

    Args:
        composed: The config of the study.
        started: What the study was started with.
        overrides: Those of the present command; their keys are left alone.
        changeable: Keys that a rescoring may change.
        read_once: Keys that name files, with the key that keeps their content; a rescoring keeps the content alone.
        made_with: The settings of the rescoring that goes on; None for a new one.
    """
    usual, asked = flatten(compose_config(merge_overrides(started, ()))), dict_of(overrides)
    rules = {}
    for key, before in find_earlier_rules(composed, started).items():
        if key not in changeable or key in asked:
            continue
        group, _, name = read_once.get(key, key).partition(".")
        kept = _values_of(made_with or {}, group)
        is_present = made_with is None or (key in read_once and name in kept)
        rules[key] = usual[key] if is_present else before if key in read_once else kept.get(name, before)
    return rules


def describe_rules(rules: Mapping[str, Any], *, is_new: bool) -> list[str]:
    """One line that names the rules of an earlier study's rescoring; empty if there are none."""
    if not rules:
        return []
    named = ", ".join(f"{key}={show_value(value)}" for key, value in rules.items())
    if is_new:
        return [
            f"this study was started by an earlier version, and its networks are now measured by the present rules: "
            f"{named}; name other values to measure by them"
        ]
    return [f"this rescoring goes on by the rules that it was made with: {named}"]


def complete_settings(settings: Settings, wanted: Settings, started: Sequence[str]) -> dict[str, Any]:
    """The settings of a rescoring that an earlier version made, with the keys in them that it did not have yet.

    Args:
        settings: As the rescoring keeps them.
        wanted: Those of this version, whose keys are filled in.
        started: What the study was started with.
    """
    config = compose_config(merge_overrides(started, ()))
    known = flatten(config) | find_earlier_values(config)
    return dict(settings) | {
        group: {name: known[f"{group}.{name}"] for name in values if f"{group}.{name}" in known}
        | _values_of(settings, group)
        for group, values in wanted.items()
    }


def _values_of(settings: Settings, group: str) -> dict[str, Any]:
    values = settings.get(group)
    return dict(values) if isinstance(values, Mapping) else {}
