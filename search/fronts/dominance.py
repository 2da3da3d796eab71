"""Pareto dominance between losses."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float


def find_nondominated(losses: Float[np.ndarray, "trials objectives"]) -> Bool[np.ndarray, " trials"]:
    """True for every trial that no other dominates; lower is better.

    One trial dominates another if it is nowhere worse and somewhere better, so equal trials do not dominate each
    other. Takes O(n^2 m) time and memory. Source: Deb et al., NSGA-II, IEEE TEC 6(2), 2002.

    Raises:
        ValueError: if a loss is not finite.
    """
    if not np.isfinite(losses).all():
        raise ValueError("losses must be finite; failed trials have none and do not belong here")
    nowhere_worse = (losses[:, None, :] <= losses[None, :, :]).all(axis=2)
    somewhere_better = (losses[:, None, :] < losses[None, :, :]).any(axis=2)
    return np.logical_not((nowhere_worse & somewhere_better).any(axis=0))
