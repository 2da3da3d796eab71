"""The bounds that a new study's images put on its space, where the user does not name them."""

from __future__ import annotations

from dataclasses import replace

from omegaconf import OmegaConf

from paretoseg.search.config.config import Composed
from paretoseg.search.config.space_config import STARTS

_BOUNDED = ("patch", "depth", "width")


def settle_space(composed: Composed) -> Composed:
    """The config of a new study with bounds for what its space leaves open; as it was if its data has a fault.

    A dimension that the user names, as with `space.patch=all`, stays as it is.
    """
    experiment = composed.experiment
    space = experiment.space
    names = [name for name in _BOUNDED if getattr(space, name) is None]
    if not names:
        return composed
    starts = [f"start_{name}" for name in STARTS if name in names and getattr(space, f"start_{name}") is None]
    fitting = experiment.task.fit_space(experiment.data)
    found = {name: fitting[name] for name in (*names, *starts) if name in fitting}
    if not found:
        return composed
    config = OmegaConf.create(composed.text)
    for name, value in found.items():
        OmegaConf.update(config, f"space.{name}", value, merge=False)
    return Composed(replace(experiment, space=replace(space, **found)), OmegaConf.to_yaml(config))
