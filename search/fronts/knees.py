"""The knee of a front: the best compromise, by several published methods.

Every method scales an objective to 0 at its best and 1 at its worst over the front; an objective in which all are equal
is 0. Of equally good rows, the first is taken.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

CHORD, BEND, IDEAL = "distance from the chord", "bend angle", "distance to the ideal"
"""The names of the methods, in words."""


def find_knee(losses: Float[np.ndarray, "candidates objectives"]) -> int:
    """The row that lies farthest from the chord between the extremes, on the side of the ideal.

    The extremes of two scaled objectives are (0, 1) and (1, 0), and the distance of a point p from the chord between
    them is (1 - p1 - p2) / sqrt(2), positive towards the ideal. With m objectives, the plane through the m unit points
    replaces the chord: (1 - sum of p) / sqrt(m). Source: Das, 'On characterizing the knee of the Pareto curve',
    Structural Optimization 18, 1999.

    If no row lies on the ideal's side, the front has no knee, and the row nearest to the ideal (0, ..., 0) is taken. On
    a front with two members, that is the best in the first objective.

    Args:
        losses: The front, lower is better, at least one row.
    """
    distances = 1.0 - scale(losses).sum(axis=1)
    return int(distances.argmax()) if distances.max() > 0.0 else find_nearest_to_ideal(losses)


def find_bend(losses: Float[np.ndarray, "candidates objectives"]) -> int | None:
    """The row at which the front bends most: the largest angle between the directions from one end and to the other.

    From (0, 1) to the scaled point p the front falls at the angle atan2(1 - p2, p1), from p to (1, 0) at
    atan2(p2, 1 - p1); the bend angle is the first minus the second. It is 90 degrees at the ideal, 0 on the chord, and
    negative beyond it. Source: Deb and Gupta, 'Understanding knee points in bicriteria problems and their implications
    as preferred solution principles', Engineering Optimization 43, 2011.

    Args:
        losses: The front, lower is better, at least one row.

    Returns:
        None if no row bends towards the ideal, or without exactly two objectives.
    """
    if losses.shape[1] != 2:
        return None
    first, second = scale(losses).T
    angles = np.arctan2(1.0 - second, first) - np.arctan2(second, 1.0 - first)
    is_end = (np.minimum(first, second) <= 0.0) & (np.maximum(first, second) >= 1.0)
    angles = np.where(is_end, 0.0, angles)  # an end has one direction only
    return int(angles.argmax()) if angles.max() > 0.0 else None


def find_nearest_to_ideal(losses: Float[np.ndarray, "candidates objectives"]) -> int:
    """The row nearest to the ideal, which is best in all objectives at once, in Euclidean distance.

    Source: the compromise solution with p = 2 of Yu, 'A class of solutions for group decision problems', Management
    Science 19, 1973.

    Args:
        losses: The front, lower is better, at least one row.
    """
    return int(np.linalg.norm(scale(losses), axis=1).argmin())


def find_knees(losses: Float[np.ndarray, "candidates objectives"]) -> dict[str, int]:
    """The row that each method picks, by the method in words, `CHORD` first; a method that finds none is left out."""
    found = {CHORD: find_knee(losses), BEND: find_bend(losses), IDEAL: find_nearest_to_ideal(losses)}
    return {method: row for method, row in found.items() if row is not None}


def scale(losses: Float[np.ndarray, "candidates objectives"]) -> Float[np.ndarray, "candidates objectives"]:
    """The losses, from 0 at the best to 1 at the worst of every objective; 0 where all are equal."""
    best, worst = losses.min(axis=0), losses.max(axis=0)
    scaled: np.ndarray = (losses - best) / np.where(worst > best, worst - best, 1.0)
    return scaled
