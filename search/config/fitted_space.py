"""The bounds that a new study's images put on patch, depth and width, where the user does not name them."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from omegaconf import OmegaConf

from paretoseg.search.config.config import Composed
from paretoseg.trainables.data.datasets import load_once
from paretoseg.trainables.planning.fitting import fit_space
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.segmentation.settings import BudgetBy

_BOUNDED = ("patch", "depth", "width")


def settle_space(composed: Composed) -> Composed:
    """The config of a new study with bounds for what its space leaves open; as it was if its data has a fault.

    A dimension that the user names, as with `space.patch=all`, stays as it is. With networks of one size, the width
    follows from that.
    """
    experiment = composed.experiment
    task, data, space = experiment.task, experiment.data, experiment.space
    if not isinstance(task, SegmentationConfig):
        return composed
    names = [name for name in _BOUNDED if getattr(space, name) is None and not (name == "width" and task.matched_by)]
    if not names or data.findings():  # the check of the task says what is wrong
        return composed
    dataset = load_once(data)
    voxels = inf if task.budget_by is BudgetBy.iterations else float(task.count_voxels(dataset.spatial_dims))
    fitting = fit_space(dataset, voxels)
    found = {name: list(getattr(fitting, name)) for name in names}
    for name in ("patch", "depth"):
        if name in names and getattr(space, f"start_{name}") is None:
            found[f"start_{name}"] = getattr(fitting, f"start_{name}")
    config = OmegaConf.create(composed.text)
    for name, value in found.items():
        OmegaConf.update(config, f"space.{name}", value, merge=False)
    return Composed(replace(experiment, space=replace(space, **found)), OmegaConf.to_yaml(config))
