"""The strength of each corruption at severities 1 to 5, and presets of corruptions by modality. Free of torch.

Every list rises from hardly visible to severe; intensities are in [0, 1]. A new corruption needs an entry here and a
function of the same name in `corruptions/table.py`, whose import fails if one of the two is missing. A plug-in brings
both as a `PluggedCorruption`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from paretoseg.spaces.plugins import Table
from paretoseg.spaces.suggestion import suggest

NUM_SEVERITIES = 5

Strengths = tuple[float, float, float, float, float]
"""The strengths of a corruption at severities 1 to 5, in the unit given in its `Levels`."""

SeverityTable = Mapping[str, Strengths]
"""Strengths by corruption: the defaults, or those of a calibration."""


@dataclass(frozen=True)
class Levels:
    """The strength of one corruption by severity."""

    parameter: str
    """What the strengths mean, with their unit; calibration files repeat it and are refused if it differs."""

    values: Strengths
    """The strengths of severities 1 to 5."""

    family: str
    """The family of image changes; the same name as an augmentation's family if training can show such changes."""

    moves_labels: bool = False
    """Whether the labels move with the image."""

    leaks_label: bool = False
    """Whether the corrupted image reveals the reference mask, so that its scores cannot be trusted."""

    neutral: float = 0.0
    """The strength that changes nothing; every value is above it."""

    limit: float = math.inf
    """The largest strength that makes sense."""

    strongest: float = math.inf
    """The largest plausible strength, at most the limit; a calibration searches up to it."""


@dataclass(frozen=True)
class PluggedCorruption:
    """What an entry point of the group `paretoseg.corruption` points to."""

    levels: Levels
    """Its strengths, and what they mean."""

    apply: Callable[..., Any]
    """`apply(images, strength, generators)` returns corrupted images, as in `corruptions/noise.py`.

    If `levels.moves_labels`, `apply(images, labels, strength, generators, grids)` returns images and labels, as in
    `corruptions/geometry.py`.
    """


def read_plugged(found: Any) -> PluggedCorruption:
    """What an entry point points to, checked: type, and strengths that rise within their limits."""
    if not (isinstance(found, PluggedCorruption) and isinstance(found.levels, Levels) and callable(found.apply)):
        raise ValueError(f"it must be a PluggedCorruption of Levels and a function, got {found!r}")
    low, values, high = found.levels.neutral, found.levels.values, found.levels.limit
    is_rising = all(before < after for before, after in itertools.pairwise((low, *values)))
    if len(values) != NUM_SEVERITIES or not is_rising or values[-1] > high:
        raise ValueError(
            f"its strengths must be {NUM_SEVERITIES} numbers above {low:g} and up to {high:g} that rise with severity, "
            f"got {' '.join(map(str, values))}"
        )
    return found


_SD = "standard deviation, of the range [0, 1]"

_OWN: Mapping[str, Levels] = {
    "gaussian_noise": Levels(_SD, (0.04, 0.08, 0.12, 0.16, 0.20), "noise", limit=1.0, strongest=0.5),
    "rician_noise": Levels(
        "standard deviation of both channels, of the range [0, 1]", (0.06, 0.12, 0.18, 0.24, 0.30), "noise",
        limit=1.0, strongest=0.5,
    ),
    "speckle_noise": Levels(
        "standard deviation, relative to the intensity", (0.10, 0.20, 0.30, 0.40, 0.55), "noise",
        limit=2.0, strongest=1.0,
    ),
    "impulse_noise": Levels(
        "share of pixels set to 0 or 1", (0.01, 0.02, 0.05, 0.08, 0.12), "noise",
        limit=1.0, strongest=0.5,
    ),
    "gaussian_blur": Levels(
        "standard deviation in pixels", (0.5, 0.75, 1.0, 1.5, 2.0), "blur",
        limit=16.0, strongest=6.0,
    ),
    "motion_blur": Levels(
        "length of the path in pixels", (2.0, 3.0, 5.0, 7.0, 10.0), "blur",
        limit=64.0, strongest=30.0,
    ),
    "low_resolution": Levels(
        "factor by which each axis has fewer pixels", (1.25, 1.5, 2.0, 2.5, 3.0), "blur",
        neutral=1.0, limit=16.0, strongest=6.0,
    ),
    "anisotropy": Levels(
        "factor by which one axis has fewer pixels", (1.5, 2.0, 3.0, 4.0, 6.0), "resolution",
        neutral=1.0, limit=16.0, strongest=8.0,
    ),
    "motion": Levels(
        "rotation in degrees; the shift is as many percent of the edge",
        (0.5, 1.0, 2.0, 3.5, 6.0),
        "motion",
        limit=45.0, strongest=15.0,
    ),
    "ghosting": Levels(
        "share of the signal that every fourth line of k-space loses", (0.15, 0.3, 0.45, 0.65, 0.9), "kspace",
        limit=1.0, strongest=1.0,
    ),
    "kspace_spike": Levels(
        "height of the spike, relative to the highest of k-space", (0.05, 0.1, 0.2, 0.3, 0.5), "kspace",
        limit=4.0, strongest=2.0,
    ),
    "gibbs_ringing": Levels(
        "share of the radius of k-space that is cut off, corners included", (0.5, 0.6, 0.7, 0.78, 0.85), "kspace",
        limit=1.0, strongest=0.95,
    ),
    "bias_field": Levels(
        "standard deviation of the gain's natural logarithm", (0.08, 0.16, 0.25, 0.36, 0.5), "bias_field",
        limit=2.0, strongest=1.0,
    ),
    "gamma_up": Levels(
        "exponent on the intensities, which darkens", (1.3, 1.6, 2.0, 2.5, 3.2), "gamma",
        neutral=1.0, limit=16.0, strongest=5.0,
    ),
    "gamma_down": Levels(
        "inverse of the exponent on the intensities, which brightens", (1.3, 1.6, 2.0, 2.5, 3.2), "gamma",
        neutral=1.0, limit=16.0, strongest=5.0,
    ),
    "contrast_up": Levels(
        "factor on the distance from the mean", (1.2, 1.4, 1.7, 2.1, 2.6), "contrast",
        neutral=1.0, limit=16.0, strongest=5.0,
    ),
    "contrast_down": Levels(
        "share of the distance from the mean that is lost", (0.2, 0.35, 0.5, 0.65, 0.8), "contrast",
        limit=1.0, strongest=0.95,
    ),
    "intensity_shift_up": Levels(
        "what is added, of the range [0, 1]", (0.05, 0.1, 0.16, 0.23, 0.3), "brightness", limit=1.0, strongest=0.5
    ),
    "intensity_shift_down": Levels(
        "what is subtracted, of the range [0, 1]", (0.05, 0.1, 0.16, 0.23, 0.3), "brightness", limit=1.0, strongest=0.5
    ),
    "intensity_scale_up": Levels(
        "factor on the intensities", (1.15, 1.3, 1.5, 1.75, 2.1), "brightness", neutral=1.0, limit=16.0, strongest=4.0
    ),
    "intensity_scale_down": Levels(
        "share of the intensities that is lost", (0.15, 0.3, 0.42, 0.55, 0.7), "brightness", limit=1.0, strongest=0.95
    ),
    "occlusion": Levels(
        "share of the image in eight black blocks", (0.02, 0.05, 0.1, 0.15, 0.22), "occlusion", limit=0.9, strongest=0.4
    ),
    "elastic_deformation": Levels(
        "largest shift of a control point, share of the edge", (0.02, 0.04, 0.06, 0.08, 0.1), "elastic",
        moves_labels=True, limit=0.1, strongest=0.1,
    ),
    "rotation": Levels(
        "angle in degrees", (4.0, 8.0, 13.0, 19.0, 27.0), "rotation", moves_labels=True,
        limit=90.0, strongest=45.0,
    ),
    "scaling": Levels(
        "factor by which all grows or shrinks", (1.06, 1.12, 1.2, 1.3, 1.45), "scaling", moves_labels=True,
        neutral=1.0, limit=4.0, strongest=2.0,
    ),
    "translation": Levels(
        "length of the shift, share of the edge", (0.01, 0.02, 0.04, 0.07, 0.11), "translation", moves_labels=True,
        limit=0.5, strongest=0.3,
    ),
    "legacy_speckle": Levels(
        "variance, relative to the squared intensity", (0.05, 0.1, 0.2, 0.3, 0.45), "noise", limit=4.0, strongest=4.0
    ),
    "legacy_leaking_blur": Levels(
        "standard deviation in pixels, of the background alone", (1.5, 3.0, 5.0, 7.0, 9.0), "blur", leaks_label=True,
        limit=32.0, strongest=32.0,
    ),
}  # fmt: skip
"""Noise levels after MedMNIST-C (Di Salvo et al., 2024); its speckle ends at 0.4, Kamath et al. go to 0.55.

The two legacy entries are the perturbations of Kamath et al. Their two levels are severities 2 and 4, which the battery
measures by default; the other severities are between and beyond. Their blur needs the reference mask and leaves a sharp
edge at its border: it leaks the label.
"""

PRESETS: Mapping[str, tuple[str, ...]] = {
    "mri": (
        "rician_noise", "bias_field", "motion", "ghosting", "kspace_spike", "gibbs_ringing", "anisotropy", "gamma_up",
        "gamma_down",
    ),
    "ct": (
        "gaussian_noise", "gaussian_blur", "anisotropy", "intensity_shift_up", "intensity_shift_down", "contrast_down",
    ),
    "ultrasound": (
        "speckle_noise", "gaussian_blur", "occlusion", "intensity_scale_up", "intensity_scale_down", "contrast_down",
    ),
    "microscopy": (
        "gaussian_noise", "impulse_noise", "gaussian_blur", "motion_blur", "bias_field", "intensity_scale_up",
        "intensity_scale_down", "contrast_down", "low_resolution",
    ),
    "natural": (
        "gaussian_noise", "speckle_noise", "impulse_noise", "gaussian_blur", "motion_blur", "low_resolution",
        "contrast_down", "intensity_shift_up", "intensity_shift_down", "occlusion",
    ),
}  # fmt: skip
"""Plausible corruptions of images of a modality; none of them moves or leaks labels."""


LEVELS = Table("corruption", _OWN, lambda found: read_plugged(found).levels, reserved=(*PRESETS, "none"))
"""The strengths of every corruption by name: ours, then those of plug-ins."""


def expand_corruptions(names: Iterable[str]) -> tuple[str, ...]:
    """The names with every preset replaced by its corruptions, each corruption once; unknown names are kept."""
    return tuple(dict.fromkeys(corruption for name in names for corruption in PRESETS.get(name, (name,))))


def default_strengths() -> SeverityTable:
    """The strengths of our own corruptions that apply without a calibration; a study keeps those of plug-ins."""
    return MappingProxyType({name: levels.values for name, levels in LEVELS.own.items()})


def describe_leaks(names: Iterable[str]) -> list[str]:
    """One line if some of these corruptions reveal the reference mask; else empty."""
    leaking = [name for name in names if name in LEVELS and LEVELS[name].leaks_label]
    if not leaking:
        return []
    return [
        f"{', '.join(leaking)} needs the reference mask and leaves its outline in the image: rows of that name leak "
        "the label and say little of robustness; leave it out of task.corruptions unless you repeat the study it is of"
    ]


def check_corruption(name: str) -> None:
    """Raises ValueError, with the nearest names, if the corruption is unknown or that of a broken plug-in."""
    if name not in LEVELS:
        hint = suggest(name, [*LEVELS, *PRESETS], most=3)
        raise ValueError(
            f"unknown corruption '{name}'; {hint}known: {', '.join(LEVELS)}; presets: {', '.join(PRESETS)}"
        )
    LEVELS[name]


def check_severity(severity: int) -> None:
    """Raises ValueError unless the severity is 1 to 5."""
    if not 1 <= severity <= NUM_SEVERITIES:
        raise ValueError(f"severity must lie in 1..{NUM_SEVERITIES}, got {severity}; clean images are always measured")


def find_strength(strengths: SeverityTable, corruption: str, severity: int) -> float:
    """The strength of a corruption at a severity of 1 to 5, in the unit given in its `Levels`.

    Raises:
        ValueError: for an unknown corruption, another severity, or a corruption that the table lacks.
    """
    check_corruption(corruption)
    check_severity(severity)
    if corruption not in strengths:
        raise ValueError(
            f"the table of strengths has no '{corruption}', known: {', '.join(strengths)}; calibrate it too"
        )
    return strengths[corruption][severity - 1]
