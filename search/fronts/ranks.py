"""Ranks, and how well two measurements agree in them.

As in `scipy.stats`, whose import takes longer than all else that `paretoseg status` does.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

_ROWS_AT_ONCE = 1024
"""Values whose pairs are compared at once: bounds the memory."""


def rank(values: Float[np.ndarray, " values"]) -> Float[np.ndarray, " values"]:
    """The ranks from 1 in ascending order; equal values share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2.0)[place], dtype=float)


def measure_spearman(first: Float[np.ndarray, " values"], second: Float[np.ndarray, " values"]) -> float:
    """Spearman's correlation of ranks, in [-1, 1]; neither side may be all equal."""
    return float(np.corrcoef(rank(first), rank(second))[0, 1])


def measure_kendall(first: Float[np.ndarray, " values"], second: Float[np.ndarray, " values"]) -> float:
    """Kendall's tau-b in [-1, 1]: agreeing minus disagreeing pairs, corrected for ties; neither side may be all equal.

    Source: Kendall, 'The treatment of ties in ranking problems', Biometrika 33, 1945.
    """
    agreement = ordered_first = ordered_second = 0.0
    for start in range(0, len(first), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        one, other = (np.sign(values[rows, None] - values) for values in (first, second))
        agreement += float((one * other).sum())
        ordered_first += float(np.abs(one).sum())
        ordered_second += float(np.abs(other).sum())
    return float(agreement / (ordered_first * ordered_second) ** 0.5)
