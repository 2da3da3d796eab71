"""Bootstrap confidence intervals over cases, resampled by subject. Free of torch.

The percentile bootstrap of Efron & Tibshirani, 'An introduction to the bootstrap', 1993, chapter 13. Cases of one
subject are alike, so each draw of a subject includes all its cases.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

NUM_DRAWS = 2000
"""Number of bootstrap draws per interval."""

COVERAGE = 0.95
"""Share of the draws inside an interval."""


def draw_cases(subjects: Sequence[str], generator: np.random.Generator) -> Float[np.ndarray, "draws cases"]:
    """How often each case counts in each of `NUM_DRAWS` draws of all subjects with replacement.

    Args:
        subjects: The subject of each case. The draws depend on the names, not on their order.
        generator: Source of the draws.
    """
    names, home = np.unique(np.array(subjects, dtype=str), return_inverse=True)
    times = generator.multinomial(names.size, np.full(names.size, 1.0 / names.size), size=NUM_DRAWS)
    return times[:, home].astype(float)


def find_bounds(values: Float[np.ndarray, " draws"]) -> tuple[float, float]:
    """Lower and upper bound of the central `COVERAGE` of the values, linearly interpolated.

    Draws without any measured case are NaN and left out.
    """
    tail = (1.0 - COVERAGE) / 2.0
    low, high = np.nanquantile(values, [tail, 1.0 - tail])
    return float(low), float(high)
