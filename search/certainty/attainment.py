"""What repeated searches attain: the empirical attainment function of their fronts, one a seed.

A goal is attained by a front if one of its members is at least as good in both objectives. The goals that at least k of
n fronts attain are bounded by a staircase: the best attainment surface for k = 1, the median for k = ceil(n / 2), the
worst for k = n. Sources: Fonseca and Fleming, PPSN IV, 1996; Lopez-Ibanez, Paquete and Stuetzle, 'Exploratory analysis
of stochastic local search algorithms in biobjective optimization', in Experimental Methods for the Analysis of
Optimization Algorithms, 2010.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, eq=False)
class AttainmentBand:
    """The corners of three staircases, as losses, by rising first objective."""

    best: Float[np.ndarray, "best 2"]
    """Of the goals that at least one front attains."""

    median: Float[np.ndarray, "median 2"]
    """Of the goals that at least half of the fronts attain."""

    worst: Float[np.ndarray, "worst 2"]
    """Of the goals that all fronts attain; empty if a front is empty."""


def find_band(fronts: Sequence[Float[np.ndarray, "_ 2"]]) -> AttainmentBand:
    """The staircases of the goals that one, half and all of the fronts attain.

    Args:
        fronts: The losses of the candidates of each seed, lower is better; dominated ones do no harm. At least one.
    """
    levels = (1, -(-len(fronts) // 2), len(fronts))
    return AttainmentBand(*(find_attained(fronts, level) for level in levels))


def find_attained(fronts: Sequence[Float[np.ndarray, "_ 2"]], level: int) -> Float[np.ndarray, "corners 2"]:
    """The corners of the staircase that bounds what at least `level` fronts attain, by rising first objective.

    For every first coordinate x that occurs, each front attains second coordinates from its lowest one among the points
    up to x; the `level`-th lowest of these is attained by that many fronts. Takes O(n p log p) time for n fronts of p
    points in all.

    Args:
        fronts: The losses of the candidates of each seed, lower is better.
        level: From 1 to the number of fronts.
    """
    assert 1 <= level <= len(fronts), f"level {level} of {len(fronts)} fronts"
    places = np.unique(np.concatenate([points[:, 0] for points in fronts]))
    lowest = np.stack([_find_lowest(points, places) for points in fronts])
    seconds = np.sort(lowest, axis=0)[level - 1]
    before = np.concatenate([[np.inf], seconds[:-1]])
    corners: np.ndarray = np.column_stack([places, seconds])[seconds < before]
    return corners


def _find_lowest(points: Float[np.ndarray, "points 2"], places: Float[np.ndarray, " places"]) -> np.ndarray:
    """By place, the lowest second coordinate among the points whose first is at most that; infinite without any."""
    order = np.argsort(points[:, 0], kind="stable")
    running = np.concatenate([[np.inf], np.minimum.accumulate(points[order, 1])])
    lowest: np.ndarray = running[np.searchsorted(points[order, 0], places, side="right")]
    return lowest
