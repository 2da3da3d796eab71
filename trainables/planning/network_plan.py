"""The plan of a baseline's network for the images of a study, as they are prepared. Free of torch.

The plan that `inspect` shows is for the raw files. This one follows the same rules from what networks see: the spacing
that all cases have, and their median shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from paretoseg.trainables.data.datasets import Dataset
from paretoseg.trainables.planning.plan import choose_batch, find_start, fit_patch


@dataclass(frozen=True)
class NetworkPlan:
    """Levels, patch and batch of a network."""

    patch: tuple[int, ...]
    """Edges in voxels."""

    strides: tuple[tuple[int, ...], ...]
    """By level, from the full resolution down."""

    kernels: tuple[tuple[int, ...], ...]
    """By level."""

    batch: int
    """Patches in a batch."""


def plan_network(family: str, dataset: Dataset) -> NetworkPlan:
    """The plan for the training cases of a dataset.

    Args:
        family: A family of `paretoseg.spaces.architecture.PLANNED`.
        dataset: Prepared, so that all cases have its spacing.
    """
    shape = tuple(np.median([case.label.shape for case in dataset.train], axis=0).tolist())
    return _plan(family, tuple(dataset.spacing_mm), shape, dataset.num_outputs, len(dataset.train))


@lru_cache(maxsize=16)
def _plan(
    family: str, spacing_mm: tuple[float, ...], shape: tuple[float, ...], num_outputs: int, num_cases: int
) -> NetworkPlan:
    pooling, maps, _ = fit_patch(spacing_mm, shape, find_start(spacing_mm, shape), num_outputs, family)
    batch, _ = choose_batch(pooling.patch, maps, shape, num_cases, family)
    return NetworkPlan(pooling.patch, pooling.strides, pooling.kernels, batch)
