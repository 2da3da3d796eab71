"""Target spacing and scaling of intensities by nnU-Net's rules, each with its reason. Free of torch.

Isensee et al., Nature Methods 18:203-211 (2021), and the planner of nnU-Net 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from paretoseg.trainables.planning.fingerprint import Fingerprint

ANISOTROPY = 3.0
"""From this ratio on, of spacing and of voxels, an axis is far coarser than the others."""

COARSE_PERCENTILE = 10.0
"""Percentile of the spacings of such an axis that becomes its target."""

NONZERO_SHARE = 0.75
"""Below this median share of voxels inside the box of what is not 0, z-scores leave zeros out."""


def find_coarse_axis(spacing_mm: Sequence[float], shape: Sequence[float]) -> int | None:
    """The axis that is far coarser than all others; None if there is none.

    Its spacing must be more than `ANISOTROPY` times any other, and it must have fewer voxels than any other divided by
    that.
    """
    worst = int(np.argmax(spacing_mm))
    others = [axis for axis in range(len(spacing_mm)) if axis != worst]
    is_coarse = spacing_mm[worst] > ANISOTROPY * max(spacing_mm[axis] for axis in others)
    is_short = shape[worst] * ANISOTROPY < min(shape[axis] for axis in others)
    return worst if is_coarse and is_short else None


def find_target_spacing(fingerprint: Fingerprint) -> tuple[tuple[float, ...], str]:
    """The spacing that all cases are resampled to, in mm, and why."""
    target = list(fingerprint.median_spacing_mm)
    shown = " x ".join(f"{edge:g}" for edge in target)
    coarse = find_coarse_axis(target, fingerprint.median_shape)
    if coarse is None:
        return tuple(target), f"the median of {fingerprint.num_cases} cases, along each axis"
    finest = float(np.percentile([case[coarse] for case in fingerprint.spacings_mm], COARSE_PERCENTILE))
    others = max(edge for axis, edge in enumerate(target) if axis != coarse)
    target[coarse] = finest if finest >= others else others + 1e-5
    reason = (
        f"the median of {fingerprint.num_cases} cases ({shown} mm), but for axis {coarse + 1}, which is more than "
        f"{ANISOTROPY:g} times coarser and shorter than the others: the {COARSE_PERCENTILE:g}th percentile of its "
        "spacings, so that thin slices keep their detail"
    )
    return tuple(target), reason


def resample_shape(fingerprint: Fingerprint, target_mm: Sequence[float]) -> tuple[float, ...]:
    """The median extent along each axis after all cases are resampled, in voxels."""
    shapes = [
        [round(extent * old / new) for extent, old, new in zip(shape, spacing, target_mm, strict=True)]
        for shape, spacing in zip(fingerprint.shapes, fingerprint.spacings_mm, strict=True)
    ]
    return tuple(np.median(np.array(shapes), axis=0).tolist())


def choose_schemes(fingerprint: Fingerprint) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """How the intensities of each channel are scaled, and why: by the channel's name."""
    pairs = [_choose(name, fingerprint, number) for number, name in enumerate(fingerprint.channels)]
    return tuple(scheme for scheme, _ in pairs), tuple(reason for _, reason in pairs)


def _choose(name: str, fingerprint: Fingerprint, number: int) -> tuple[str, str]:
    found = fingerprint.intensities[number]
    if name.casefold() == "ct":
        return "ct", (
            f"its name is CT, where a value means the same everywhere: clipped to {found.low:.4g} to {found.high:.4g} "
            "(0.5th and 99.5th percentile inside foreground), then z-scores with mean "
            f"{found.mean:.4g} and standard deviation {found.std:.4g} of the dataset"
        )
    if name.casefold() == "nonorm":
        return "none", "its name says that it is not to be scaled"
    if name.casefold() in ("rescale_to_0_1", "rgb_to_0_1"):
        return "range", "its name asks for its range to become 0 to 1"
    zeros = (
        ", without zeros, because they fill more than a quarter of the images (data.intensity=zscore counts them)"
        if leaves_zeros_out(fingerprint)
        else ""
    )
    return (
        "zscore",
        f"its name ('{name}') is not CT, so its unit may differ from image to image: z-scores of each image{zeros}",
    )


def leaves_zeros_out(fingerprint: Fingerprint) -> bool:
    """Whether z-scores are those of the voxels that are not 0."""
    return fingerprint.inside_share < NONZERO_SHARE
