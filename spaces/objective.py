"""The objective space: what is measured of a trial, and in which direction it is good."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

LARGEST = 1e18
"""How large a measured number may be: beyond, a product of three is no number any more, and no table can hold it."""


class Direction(StrEnum):
    """Which values of an objective are better."""

    MAXIMISE = "maximise"
    MINIMISE = "minimise"


@dataclass(frozen=True)
class Objective:
    """A number that the search makes as good as it can."""

    name: str
    """Its column in every table."""

    unit: str
    """What it is counted in, such as 'Dice'."""

    direction: Direction
    """Whether higher or lower is better."""

    reference: float
    """The worst value that still counts: the corner from which hypervolume is measured, fixed for a whole study."""

    description: str = ""
    """What the number says, in one sentence."""

    def to_loss(self, value: float) -> float:
        """The value turned so that lower is better."""
        return -value if self.direction is Direction.MAXIMISE else value


@dataclass(frozen=True)
class Measurement:
    """What a trial reached: a finite number for every name.

    Raises:
        ValueError: if a value is NaN or infinite, or larger than `LARGEST`; the message names it.
    """

    values: Mapping[str, float]

    def __post_init__(self) -> None:
        for name, value in self.values.items():
            if not math.isfinite(value):
                raise ValueError(f"{name} must be finite, got {value}")
            if abs(value) > LARGEST:
                raise ValueError(f"{name} must be at most {LARGEST:g} in size, got {value:g}")


def to_losses(objectives: Sequence[Objective], measurements: Sequence[Mapping[str, float]]) -> np.ndarray:
    """The measurements as an array to minimise, shape (num_measurements, num_objectives).

    Raises:
        KeyError: if a measurement lacks an objective.
    """
    rows = [[objective.to_loss(values[objective.name]) for objective in objectives] for values in measurements]
    return np.array(rows, dtype=float).reshape(len(rows), len(objectives))


def reference_point(objectives: Sequence[Objective]) -> np.ndarray:
    """The reference of every objective as a loss, shape (num_objectives,)."""
    return np.array([objective.to_loss(objective.reference) for objective in objectives], dtype=float)
