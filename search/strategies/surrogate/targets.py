"""Losses as targets of a model: on a logarithmic scale above the best, where differences between good ones count.

z = ln(1 + 3 (f - min) / s), where s is the distance from the least loss to the median: of all losses, or of the design
if that is greater. The design's median keeps s from shrinking when most trials sit at one end of the front, which would
keep the search there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_STEEPNESS = 3.0
_MARGIN = 0.1
"""How far beyond the worst member of the front the reference lies, as a share of the front's extent."""


@dataclass(frozen=True)
class Scale:
    """How losses become targets, per objective; every array has shape (num_objectives,)."""

    least: np.ndarray
    width: np.ndarray
    design: np.ndarray
    """The medians of the design."""

    centre: np.ndarray
    spread: np.ndarray

    def to_targets(self, losses: np.ndarray) -> np.ndarray:
        """Standardised targets, shape (num_points, num_objectives)."""
        return np.asarray((self._bend(losses) - self.centre) / self.spread)

    def choose_reference(self, front: np.ndarray) -> np.ndarray:
        """The worst targets that count, shape (num_objectives,).

        Args:
            front: Targets of the nondominated points, shape (num_points, num_objectives).
        """
        design = (self._bend(self.design[None])[0] - self.centre) / self.spread
        worst, best = front.max(axis=0), front.min(axis=0)
        return np.asarray(np.maximum(design, worst + _MARGIN * (worst - best)))

    def _bend(self, losses: np.ndarray) -> np.ndarray:
        return np.asarray(np.log1p(_STEEPNESS * np.maximum(losses - self.least, 0.0) / self.width))


def find_scale(losses: np.ndarray, num_design: int) -> Scale:
    """The scale of losses, shape (num_points, num_objectives); the first `num_design` are the design."""
    least = losses.min(axis=0)
    design = np.median(losses[:num_design], axis=0)
    width = np.maximum(np.median(losses, axis=0), design) - least
    width = np.where(width > 0.0, width, 1.0)
    bent = np.log1p(_STEEPNESS * (losses - least) / width)
    spread = bent.std(axis=0)
    return Scale(least, width, design, bent.mean(axis=0), np.where(spread > 0.0, spread, 1.0))
