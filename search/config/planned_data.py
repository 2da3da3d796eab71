"""The spacing and the scaling of a new study's images, taken from the plan of its data where it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from omegaconf import OmegaConf

from paretoseg.search.config.config import Composed, compose
from paretoseg.trainables.data.files_config import FilesConfig
from paretoseg.trainables.data.preprocessing import Intensity
from paretoseg.trainables.planning.scanning import inspect_data
from paretoseg.trainables.planning.settings import suggest_settings


def compose_planned(overrides: Sequence[str]) -> Composed:
    """The config of a command that measures data before any study: with spacing and scaling as a new study would have.

    Raises:
        ValueError: for a mistake in the overrides, or with everything that is wrong with data that is planned.
    """
    return settle_data(compose(overrides))


def settle_data(composed: Composed) -> Composed:
    """The config, and its text, with the spacing and scaling of the plan that `data.from_plan` asks for, if not set.

    Raises:
        ValueError: with everything that is wrong with the data.
    """
    data = composed.experiment.data
    if not isinstance(data, FilesConfig) or not data.from_plan:
        return composed
    settings = suggest_settings(*inspect_data(data))
    if data.spacing_mm:
        settings.pop("spacing_mm", None)
    if data.intensity != Intensity.auto:
        settings = {key: value for key, value in settings.items() if key == "spacing_mm"}
    config = OmegaConf.create(composed.text)
    for name, value in settings.items():
        OmegaConf.update(config, f"data.{name}", value, merge=False)
    planned = replace(data, **settings)
    return Composed(replace(composed.experiment, data=planned), OmegaConf.to_yaml(config))
