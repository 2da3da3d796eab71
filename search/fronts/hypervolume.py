"""The size of what a set of trials dominates."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from paretoseg.search.fronts.dominance import find_nondominated


def measure_hypervolume(
    losses: Float[np.ndarray, "trials objectives"], reference: Float[np.ndarray, " objectives"]
) -> float:
    """The volume between the losses and the reference point, both minimised; higher is better, 0 for an empty set.

    Trials that do not lie strictly below the reference in every objective add nothing. Two objectives are swept in
    O(n log n); more are cut into slabs along the last one (Zitzler, HSO; While et al., IEEE TEC 10(1), 2006).
    """
    inside = losses[(losses < reference).all(axis=1)]
    if len(inside) == 0:
        return 0.0
    front = np.unique(inside[find_nondominated(inside)], axis=0)
    match front.shape[1]:
        case 1:
            return float(reference[0] - front.min())
        case 2:
            return _sweep(front, reference)
        case _:
            return _cut_into_slabs(front, reference)


def _sweep(front: Float[np.ndarray, "trials 2"], reference: Float[np.ndarray, 2]) -> float:
    """The area under a staircase; `front` is sorted by its first objective, so the second one falls."""
    widths = reference[0] - front[:, 0]
    heights = np.concatenate([reference[1:], front[:-1, 1]]) - front[:, 1]
    return float(widths @ heights)


def _cut_into_slabs(
    front: Float[np.ndarray, "trials objectives"], reference: Float[np.ndarray, " objectives"]
) -> float:
    """The sum over slabs between neighbouring values of the last objective."""
    ordered = front[np.argsort(front[:, -1])]
    bounds = np.append(ordered[:, -1], reference[-1])
    volume = 0.0
    for index, height in enumerate(np.diff(bounds)):
        if height > 0:
            volume += float(height) * measure_hypervolume(ordered[: index + 1, :-1], reference[:-1])
    return volume
