"""Whether two measurements order the same trials alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from paretoseg.search.fronts.ranks import measure_kendall

_DECIMALS = 12
"""Values that agree to as many decimals are tied: rounding orders nothing."""


def measure_agreement(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Kendall's tau-b (Biometrika 33, 1945): 1 for the same order, -1 for the reverse; ties are corrected for.

    None with fewer than two values, or if all are equal on one side.
    """
    one, other = (np.round(np.asarray(values, dtype=float), _DECIMALS) for values in (first, second))
    if min(len(np.unique(one)), len(np.unique(other))) < 2:
        return None
    return round(measure_kendall(one, other), _DECIMALS)
