"""The objective space: what is measured of a trial, and whether higher or lower is better."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

LARGEST = 1e18
"""How large a measured number may be: beyond, a product of three is no number any more, and no table can hold it."""


_LEAST_RATIO = 1e-6
"""How far below its ideal a cost may lie: a cost of 0 has no logarithm."""


class Direction(StrEnum):
    """Which values of an objective are better."""

    MAXIMISE = "maximise"
    MINIMISE = "minimise"


@dataclass(frozen=True)
class Objective:
    """A number that the search optimises."""

    name: str
    """Its column name in every table."""

    unit: str
    """Its unit, such as 'Dice'."""

    direction: Direction
    """Whether higher or lower is better."""

    reference: float
    """The worst value that still counts: its coordinate of the hypervolume's reference point, fixed for a whole study.
    """

    description: str = ""
    """What the number means, in one sentence."""

    ideal: float | None = None
    """The value of a cost that counts as 0 on a logarithmic scale, on which `reference` counts as 1; None for a linear
    scale. Costs span decades: halving one is worth the same anywhere."""

    @property
    def sign(self) -> float:
        """-1 if higher is better, else 1."""
        return -1.0 if self.direction is Direction.MAXIMISE else 1.0

    def to_loss(self, value: float) -> float:
        """The value as a loss: negated if higher is better; on a logarithmic scale, decades above `ideal` as a share.

        That is log(value / ideal) / log(reference / ideal). A value below `ideal` / 10^6 counts as that.
        """
        if self.ideal is None:
            return self.sign * value
        return math.log(max(value / self.ideal, _LEAST_RATIO)) / math.log(self.reference / self.ideal)

    def find_slope(self, value: float) -> float:
        """The derivative of the loss at a value."""
        if self.ideal is None:
            return self.sign
        return 1.0 / (max(value, self.ideal * _LEAST_RATIO) * math.log(self.reference / self.ideal))

    def find_gap(self, loss: float, rise: float) -> float:
        """By how much the value worsens, in its unit, if a loss rises by so much; negative if it falls."""
        if self.ideal is None:
            return rise
        return self.from_loss(loss + rise) - self.from_loss(loss)

    def from_loss(self, loss: float) -> float:
        """The value that has this loss; inverse of `to_loss`."""
        return self.sign * loss if self.ideal is None else self.ideal * (self.reference / self.ideal) ** loss


@dataclass(frozen=True)
class Measurement:
    """The values that a trial reached: a finite number per name.

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
    """The measurements as losses (lower is better), shape (num_measurements, num_objectives).

    Raises:
        KeyError: if a measurement lacks an objective.
    """
    losses = np.empty((len(measurements), len(objectives)))
    for column, objective in enumerate(objectives):
        values = [measured[objective.name] for measured in measurements]
        if objective.ideal is None:
            losses[:, column] = objective.sign * np.array(values, dtype=float)
        else:
            losses[:, column] = [objective.to_loss(value) for value in values]
    return losses


def reference_point(objectives: Sequence[Objective]) -> np.ndarray:
    """The reference of every objective as a loss, shape (num_objectives,)."""
    return np.array([objective.to_loss(objective.reference) for objective in objectives], dtype=float)
