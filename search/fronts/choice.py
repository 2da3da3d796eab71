"""Picks one trial of a front: the knee, either end, or a trial by its number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from paretoseg.search.fronts.front import Front
from paretoseg.search.trials.trial import Trial
from paretoseg.spaces.objective import Objective

KNEE = "knee"
"""The best compromise, see `find_knee`."""

ENDS: Mapping[str, str] = {"most-accurate": "accuracy", "most-robust": "robustness"}
"""The picks that are best in one objective, with its name."""


def choose(front: Front, pick: str, objectives: Sequence[Objective]) -> Trial:
    """The member of the front that a pick names: 'knee', 'most-accurate', 'most-robust', or a trial's number.

    Raises:
        ValueError: if the front is empty, or the pick names none of its members.
    """
    if not front.trials:
        raise ValueError("the front is empty, so there is nothing to pick; let the search finish some trials first")
    names = [objective.name for objective in objectives]
    if pick == KNEE:
        return front.trials[find_knee(front.losses)]
    if ENDS.get(pick) in names:
        return front.trials[int(front.losses[:, names.index(ENDS[pick])].argmin())]
    members = {str(trial.trial_id): trial for trial in front.trials}
    if pick not in members:
        ends = [end for end, name in ENDS.items() if name in names]
        known = ", ".join([KNEE, *ends, *members])
        raise ValueError(f"unknown pick {pick!r}; known: {known} (numbers are trials on the front)")
    return members[pick]


def find_knee(losses: Float[np.ndarray, "trials objectives"]) -> int:
    """The row that lies farthest from the chord between the extremes, on the side of the ideal.

    Every objective is scaled to 0 at its best and 1 at its worst over the front; an objective in which all are equal
    is 0. The extremes of two objectives are then (0, 1) and (1, 0), and the distance of a point p from the chord
    between them is (1 - p1 - p2) / sqrt(2), positive towards the ideal. With m objectives, the plane through the m unit
    points replaces the chord: (1 - sum of p) / sqrt(m). Source: Das, 'On characterizing the knee of the Pareto curve',
    Structural Optimization 18, 1999.

    If no row lies on the ideal's side, the front has no knee, and the row nearest to the ideal (0, ..., 0) is taken.
    Of equally good rows, the first is taken. On a front with two members, that is the best in the first objective.

    Args:
        losses: The front, lower is better, at least one row.
    """
    best, worst = losses.min(axis=0), losses.max(axis=0)
    scaled = (losses - best) / np.where(worst > best, worst - best, 1.0)
    distances = 1.0 - scaled.sum(axis=1)
    return int(distances.argmax() if distances.max() > 0.0 else np.linalg.norm(scaled, axis=1).argmin())
