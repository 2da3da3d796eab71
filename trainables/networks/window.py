"""The window of a candidate for a dataset, and the levels of its network. Free of torch."""

from __future__ import annotations

from paretoseg.spaces.architecture import PLANNED
from paretoseg.spaces.network_rules import NetworkRules
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.data.datasets import Dataset
from paretoseg.trainables.networks.geometry import FOLLOWING, Level, Spacing, choose_window, has_equal_edges
from paretoseg.trainables.planning.network_plan import plan_network


def find_window(candidate: Candidate, dataset: Dataset, rules: NetworkRules) -> tuple[tuple[int, ...], Spacing]:
    """The extents of the training patch and the sliding window, and the spacing that strides and kernels follow.

    Args:
        candidate: Patch and architecture.
        dataset: Its voxels, and how far its images reach.
        rules: Whether networks follow the spacing.
    """
    architecture, dims = candidate.architecture, dataset.spatial_dims
    if architecture.family in PLANNED:
        return plan_network(architecture.family, dataset).patch, ()
    follows = rules.follows_spacing and not has_equal_edges(dataset.spacing_mm) and architecture.family in FOLLOWING
    if not follows:
        return (candidate.recipe.patch,) * dims, ()
    spacing = dataset.spacing_mm
    window = choose_window(architecture, candidate.recipe.patch, dims, spacing, dataset.largest_extents)
    return window, spacing


def find_levels(family: str, dataset: Dataset) -> tuple[Level, ...]:
    """The levels of a network, finest first, if a plan gives them; else empty."""
    if family not in PLANNED:
        return ()
    plan = plan_network(family, dataset)
    return tuple(
        Level(strides, tuple(edge > 1 for edge in kernel))
        for strides, kernel in zip(plan.strides, plan.kernels, strict=True)
    )
