"""How strong each corruption is at severity 1 to 5. Free of torch, so that settings are checked without it.

Every list rises from hardly visible to severe; intensities lie in [0, 1]. Adding a corruption takes one entry here and
the function of the same name in `corruptions.py`, which refuses to be imported while one of the two is missing.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

CLEAN = "none"
"""Name under which results on the untouched image are kept, with severity 0."""

NUM_SEVERITIES = 5


@dataclass(frozen=True)
class Levels:
    """The strength of one corruption by severity."""

    parameter: str
    """What the numbers are, with their unit."""

    values: tuple[float, float, float, float, float]
    """Severity 1 to 5."""

    family: str
    """What it does to an image, named as the families of augmentation are where training can do the same."""


LEVELS: Mapping[str, Levels] = {
    "gaussian_noise": Levels("standard deviation, of the range [0, 1]", (0.04, 0.08, 0.12, 0.16, 0.20), "noise"),
    "rician_noise": Levels(
        "standard deviation of both channels, of the range [0, 1]", (0.06, 0.12, 0.18, 0.24, 0.30), "noise"
    ),
    "speckle_noise": Levels("standard deviation, relative to the intensity", (0.10, 0.20, 0.30, 0.40, 0.55), "noise"),
    "impulse_noise": Levels("share of pixels set to 0 or 1", (0.01, 0.02, 0.05, 0.08, 0.12), "noise"),
    "gaussian_blur": Levels("standard deviation in pixels", (0.5, 0.75, 1.0, 1.5, 2.0), "blur"),
    "low_resolution": Levels("factor by which each axis has fewer pixels", (1.25, 1.5, 2.0, 2.5, 3.0), "blur"),
}
"""Noise levels after MedMNIST-C (Di Salvo et al., 2024); its speckle ends at 0.4, Kamath et al. go to 0.55."""


def check_corruption(name: str) -> None:
    """Raises ValueError with the nearest name if there is no such corruption."""
    if name not in LEVELS:
        near = difflib.get_close_matches(name, LEVELS, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise ValueError(f"unknown corruption '{name}'; {hint}known: {', '.join(LEVELS)}")


def check_severity(severity: int) -> None:
    """Raises ValueError unless the severity is 1 to 5."""
    if not 1 <= severity <= NUM_SEVERITIES:
        raise ValueError(f"severity must lie in 1..{NUM_SEVERITIES}, got {severity}; clean images are always measured")


def strength(corruption: str, severity: int) -> float:
    """The parameter of a corruption at a severity of 1 to 5, in the unit that its `Levels` name."""
    check_corruption(corruption)
    check_severity(severity)
    return LEVELS[corruption].values[severity - 1]
