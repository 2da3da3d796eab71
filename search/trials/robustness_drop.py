"""The drop from accuracy to robustness of a trial, which is reported beside its objectives and never optimised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from paretoseg.spaces.objective import Direction, Objective

ACCURACY, ROBUSTNESS = "accuracy", "robustness"


@dataclass(frozen=True)
class Drop:
    """How much worse a network is on changed images than on clean ones.

    Neither number is an objective: a network that is bad everywhere has no drop.
    """

    drop: float
    """Accuracy - robustness, in the unit of both; lower is better."""

    retention: float | None
    """Robustness / accuracy, 1 for a network without a drop; None if the accuracy is 0."""


def measure_drop(objectives: Sequence[Objective], values: Mapping[str, float]) -> Drop | None:
    """The drop of a trial; None if it is not measured, or accuracy and robustness are not scores of the same unit."""
    known = {objective.name: objective for objective in objectives}
    if not {ACCURACY, ROBUSTNESS} <= known.keys() & values.keys():
        return None
    pair = [known[name] for name in (ACCURACY, ROBUSTNESS)]
    if pair[0].unit != pair[1].unit or {item.direction for item in pair} != {Direction.MAXIMISE}:
        return None
    accuracy, robustness = values[ACCURACY], values[ROBUSTNESS]
    return Drop(accuracy - robustness, robustness / accuracy if accuracy > 0 else None)
