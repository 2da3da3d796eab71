"""The nondominated members of a set of losses, and the volume that they dominate.

moocore computes both, in C; pymoo's own filter calls the same function. Importing moocore takes about 30 ms, so it is
imported when the first front is read.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float


def find_nondominated(losses: Float[np.ndarray, "trials objectives"]) -> Bool[np.ndarray, " trials"]:
    """True for every trial that no other dominates; lower is better.

    One trial dominates another if it is nowhere worse and somewhere better, so equal trials do not dominate each
    other. Takes O(n log n) time for up to three objectives. Source: Kung, Luccio and Preparata, JACM 22(4), 1975.

    Raises:
        ValueError: if a loss is not finite.
    """
    import moocore

    _check_finite(losses)
    return np.asarray(moocore.is_nondominated(losses, keep_weakly=True))


def measure_hypervolume(
    losses: Float[np.ndarray, "trials objectives"], reference: Float[np.ndarray, " objectives"]
) -> float:
    """The volume between the losses and the reference point, both minimised; higher is better, 0 for an empty set.

    Trials that do not lie strictly below the reference in every objective add nothing. Takes O(n log n) time for up to
    three objectives. Source: Fonseca, Paquete and Lopez-Ibanez, CEC 2006; Guerreiro and Fonseca, IEEE TEC 22(3), 2018.

    Raises:
        ValueError: if a loss is not finite.
    """
    import moocore

    _check_finite(losses)
    return float(moocore.hypervolume(losses, ref=reference))


def _check_finite(losses: Float[np.ndarray, "trials objectives"]) -> None:
    if not np.isfinite(losses).all():
        raise ValueError("losses must be finite; failed trials have none and do not belong here")
