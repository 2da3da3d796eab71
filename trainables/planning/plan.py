"""The plan that nnU-Net's rules make of a fingerprint, every number with its reason. Free of torch.

Isensee et al., Nature Methods 18:203-211 (2021), and the planner of nnU-Net 2 for its plain U-Net and 8 GB.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from paretoseg.spaces.architecture import MIN_BOTTLENECK
from paretoseg.spaces.planned import PLANNED_WIDTH, count_widths
from paretoseg.trainables.planning.feature_maps import (
    DESIGNS,
    REFERENCE_BATCH,
    TARGET_GB,
    count_feature_maps,
    estimate_gb,
)
from paretoseg.trainables.planning.fingerprint import Fingerprint
from paretoseg.trainables.planning.pooling import Pooling, find_pooling
from paretoseg.trainables.planning.target import choose_schemes, find_target_spacing, resample_shape

START_VOXELS = {2: 2048**2, 3: 256**3}
"""Voxels of the patch from which the search for one starts, before it is cut to the median image."""

LEAST_BATCH = 2
LOW_RESOLUTION = 0.25
"""Below this share of the median image in a patch, nnU-Net also trains at a low resolution."""


@dataclass(frozen=True)
class Plan:
    """What to train, and on what."""

    spacing_mm: tuple[float, ...]
    """That all cases are resampled to."""

    median_shape: tuple[float, ...]
    """Of the resampled cases, in voxels."""

    intensity: tuple[str, ...]
    """By channel: ct, zscore, range or none."""

    patch: tuple[int, ...]
    """Edges in voxels."""

    strides: tuple[tuple[int, ...], ...]
    """By level, from the full resolution down."""

    kernels: tuple[tuple[int, ...], ...]
    """By level."""

    features: tuple[int, ...]
    """Channels by level."""

    batch: int
    """Patches in a batch."""

    memory_gb: float
    """What a training takes, about, in GB of a GPU."""

    reasons: Mapping[str, str]
    """Why each of them is what it is, in a sentence."""

    @property
    def num_levels(self) -> int:
        """Resolutions of the network, the full one included."""
        return len(self.strides)


def make_plan(fingerprint: Fingerprint, num_classes: int) -> Plan:
    """The plan for a dataset.

    Args:
        fingerprint: Of its training cases.
        num_classes: Output channels of the network.
    """
    spacing_mm, spacing_reason = find_target_spacing(fingerprint)
    shape = resample_shape(fingerprint, spacing_mm)
    schemes, scheme_reasons = choose_schemes(fingerprint)
    start = find_start(spacing_mm, shape)
    pooling, maps, num_cuts = fit_patch(spacing_mm, shape, start, num_classes)
    batch, batch_reason = choose_batch(pooling.patch, maps, shape, fingerprint.num_cases)
    dims = len(spacing_mm)
    memory_gb = estimate_gb(maps, batch, dims)
    reasons = {
        "spacing_mm": spacing_reason,
        "median_shape": f"the median of {fingerprint.num_cases} cases at that spacing, without margins of 0",
        "intensity": "; ".join(_name_channels(fingerprint.channels, scheme_reasons)),
        "patch": _explain_patch(start, pooling, num_cuts, shape),
        "strides": _explain_strides(pooling),
        "kernels": "kernels of 3; of 1 along axes whose spacing on that level is twice the finest or more",
        "features": f"{PLANNED_WIDTH} on the full resolution, doubled on every level, at most "
        f"{max(count_widths(99, dims))} in {dims}D",
        "batch": batch_reason,
        "memory_gb": f"{maps:,} numbers in the feature maps of a patch, in proportion to the "
        f"{DESIGNS['nnunet'].reference[dims]:,} that fill {TARGET_GB:g} GB with a batch of {REFERENCE_BATCH[dims]}",
    }
    return Plan(
        spacing_mm=spacing_mm,
        median_shape=shape,
        intensity=schemes,
        patch=pooling.patch,
        strides=pooling.strides,
        kernels=pooling.kernels,
        features=count_widths(len(pooling.strides), dims),
        batch=batch,
        memory_gb=memory_gb,
        reasons=reasons,
    )


def find_start(spacing_mm: Sequence[float], shape: Sequence[float]) -> tuple[int, ...]:
    """The patch to start from: of equal extent in millimetres along all axes, and nowhere larger than the images."""
    density = [1.0 / edge for edge in spacing_mm]
    factor = (START_VOXELS[len(density)] / math.prod(density)) ** (1.0 / len(density))
    edges = [round(one * factor) for one in density]
    return tuple(int(min(edge, extent)) for edge, extent in zip(edges, shape, strict=True))


def fit_patch(
    spacing_mm: Sequence[float], shape: Sequence[float], start: Sequence[int], num_classes: int, family: str = "nnunet"
) -> tuple[Pooling, int, int]:
    """The largest patch whose network fits into memory with a batch of `LEAST_BATCH`.

    Again and again, the axis along which the patch is longest, relative to the images, is cut by one step; of two that
    are equally long, the first.

    Returns:
        The levels with the patch, the numbers in its feature maps, and how often it was cut.
    """
    dims, num_cuts = len(spacing_mm), 0
    pooling = find_pooling(spacing_mm, start)
    maps = count_feature_maps(pooling.patch, pooling.strides, num_classes, family)
    while maps / REFERENCE_BATCH[dims] * LEAST_BATCH > DESIGNS[family].reference[dims]:
        ratios = [edge / extent for edge, extent in zip(pooling.patch, shape, strict=True)]
        axis = max(range(dims), key=ratios.__getitem__)
        patch = list(pooling.patch)
        patch[axis] -= pooling.divisors[axis]
        # The shorter patch may be halved less often, so that a smaller step would have done.
        step = find_pooling(spacing_mm, patch).divisors[axis]
        patch[axis] = pooling.patch[axis] - step
        pooling, num_cuts = find_pooling(spacing_mm, patch), num_cuts + 1
        maps = count_feature_maps(pooling.patch, pooling.strides, num_classes, family)
    return pooling, maps, num_cuts


def choose_batch(
    patch: Sequence[int], feature_maps: int, shape: Sequence[float], num_cases: int, family: str = "nnunet"
) -> tuple[int, str]:
    """Patches in a batch, and why: what fits into memory, but at most a share of the dataset."""
    dims, design = len(patch), DESIGNS[family]
    fits = round(design.reference[dims] / feature_maps * REFERENCE_BATCH[dims])
    covered = round(math.prod(shape) * num_cases * design.most_covered / math.prod(patch))
    batch = max(min(fits, covered), LEAST_BATCH)
    if fits <= LEAST_BATCH:
        return batch, f"the smallest that is allowed, and what fits into {TARGET_GB:g} GB with the largest patch"
    share = f"{design.most_covered:.0%}"
    if covered < fits:
        what = "the smallest that is allowed" if covered < batch else f"{share} of the dataset's voxels"
        return batch, f"{what}: no batch may hold more than {share} of them, though {fits} patches would fit"
    return batch, f"what fits into {TARGET_GB:g} GB; no more than {share} of the dataset's voxels"


def to_plain(plan: Plan) -> dict[str, object]:
    """The plan as what JSON holds."""
    return {**asdict(plan), "num_levels": plan.num_levels}


def _name_channels(channels: Sequence[str], reasons: Sequence[str]) -> list[str]:
    if len(set(reasons)) == 1 and len(channels) > 1:
        return [f"all channels: {reasons[0]}"]
    return [f"{name}: {reason}" for name, reason in zip(channels, reasons, strict=True)]


def _explain_patch(start: Sequence[int], pooling: Pooling, num_cuts: int, shape: Sequence[float]) -> str:
    shown = " x ".join(map(str, start))
    covered = min(math.prod(pooling.patch) / math.prod(shape), 1.0)
    cut = f", cut {num_cuts} times along its longest axis until it fits into {TARGET_GB:g} GB" if num_cuts else ""
    low = "; nnU-Net would train at a low resolution too" if covered < LOW_RESOLUTION else ""
    return (
        f"starts at {shown}, of equal extent in mm and nowhere larger than the median image{cut}; each edge is "
        f"a multiple of {' x '.join(map(str, pooling.divisors))}; it covers {covered:.0%} of the median image{low}"
    )


def _explain_strides(pooling: Pooling) -> str:
    halved = " x ".join(str(divisor.bit_length() - 1) for divisor in pooling.divisors)
    return (
        f"{len(pooling.strides)} levels; the axes are halved {halved} times, while an edge has at least "
        f"{2 * MIN_BOTTLENECK} voxels and its spacing is less than twice the finest"
    )
