"""Numbers of a trial that are told beside its objectives and never optimised: what it loses when the images change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from paretoseg.spaces.objective import Direction, Objective

ACCURACY, ROBUSTNESS = "accuracy", "robustness"


@dataclass(frozen=True)
class Drop:
    """What a network loses from clean to changed images.

    Neither number is an objective: a network that is bad everywhere loses nothing.
    """

    drop: float
    """Accuracy - robustness, in the unit of both; lower is better."""

    retention: float | None
    """Robustness / accuracy, 1 for a network that loses nothing; None if the accuracy is 0."""


def measure_drop(objectives: Sequence[Objective], values: Mapping[str, float]) -> Drop | None:
    """What a trial loses, or None if it is not measured, or accuracy and robustness are no scores of one unit."""
    known = {objective.name: objective for objective in objectives}
    if not {ACCURACY, ROBUSTNESS} <= known.keys() & values.keys():
        return None
    pair = [known[name] for name in (ACCURACY, ROBUSTNESS)]
    if pair[0].unit != pair[1].unit or {item.direction for item in pair} != {Direction.MAXIMISE}:
        return None
    accuracy, robustness = values[ACCURACY], values[ROBUSTNESS]
    return Drop(accuracy - robustness, robustness / accuracy if accuracy > 0 else None)
