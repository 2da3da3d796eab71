"""Intervals over cases: subjects are drawn anew, and the middle of what comes out is kept. Free of torch.

The percentile bootstrap of Efron & Tibshirani, 'An introduction to the bootstrap', 1993, chapter 13. Cases of one
subject are alike, so a subject is drawn with all of its cases.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

NUM_DRAWS = 2000
"""Times that subjects are drawn anew for an interval."""

COVERAGE = 0.95
"""Share of the draws that an interval holds."""


def draw_cases(subjects: Sequence[str], generator: np.random.Generator) -> Float[np.ndarray, "draws cases"]:
    """How often every case counts in each of `NUM_DRAWS` draws of as many subjects as there are, with replacement.

    Args:
        subjects: Whom each case shows. What is drawn depends on their names, not on their order.
        generator: Of the draws.
    """
    names, home = np.unique(np.array(subjects, dtype=str), return_inverse=True)
    times = generator.multinomial(names.size, np.full(names.size, 1.0 / names.size), size=NUM_DRAWS)
    return times[:, home].astype(float)


def find_bounds(values: Float[np.ndarray, " draws"]) -> tuple[float, float]:
    """Where the middle `COVERAGE` of the values begins and ends, linear between them.

    A draw that holds no case that was measured has NaN as its value, and is left out.
    """
    tail = (1.0 - COVERAGE) / 2.0
    low, high = np.nanquantile(values, [tail, 1.0 - tail])
    return float(low), float(high)
