"""Which plug-ins an experiment uses: a study keeps them with their versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paretoseg.search.config.config import CHOICES, Experiment, name_option
from paretoseg.spaces.plugins import Plugin, Table
from paretoseg.trainables.severities.levels import LEVELS

TABLES: Mapping[str, Table[Any]] = {**CHOICES, "corruption": LEVELS}
"""What plug-ins can extend, by kind."""


def find_used(experiment: Experiment) -> tuple[Plugin, ...]:
    """The plug-ins behind the options of the config, then those that the task names."""
    chosen = (options.find_plugin(name_option(group, getattr(experiment, group))) for group, options in CHOICES.items())
    return (*(plugin for plugin in chosen if plugin), *experiment.task.find_plugins())
