"""Which plug-ins an experiment uses: a study keeps them with their versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paretoseg.search.config.config import CHOICES, Experiment, name_option
from paretoseg.spaces.families import FAMILIES, find_added
from paretoseg.spaces.plugins import Plugin, Table
from paretoseg.trainables.severities.levels import LEVELS

TABLES: Mapping[str, Table[Any]] = {**CHOICES, "family": FAMILIES, "corruption": LEVELS}
"""What plug-ins can extend, by kind."""


def find_used(experiment: Experiment) -> tuple[Plugin, ...]:
    """The plug-ins behind the options of the config and its families, then those that the task names."""
    chosen = (options.find_plugin(name_option(group, getattr(experiment, group))) for group, options in CHOICES.items())
    families = map(FAMILIES.find_plugin, find_added(experiment.restrictions.get("family")))
    return (*(plugin for plugin in (*chosen, *families) if plugin), *experiment.task.find_plugins())
