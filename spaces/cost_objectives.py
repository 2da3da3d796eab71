"""Costs that a search may minimise: their units, and the range over which they count.

Costs span decades, so their scale is logarithmic: going from 10 to 5 million weights is worth as much as going from 2
to 1 million. On the axis of a cost, its `ideal` lies at 0 and its `reference` at 1; a cost at or above its reference
adds nothing to the hypervolume. With scores in [0, 1] as the other objectives, hypervolume is at most about 1.
"""

from __future__ import annotations

from collections.abc import Mapping

from paretoseg.spaces.objective import Direction, Objective


def _define(name: str, unit: str, ideal: float, reference: float, description: str) -> Objective:
    return Objective(name, unit, Direction.MINIMISE, reference, description, ideal)


COST_OBJECTIVES: Mapping[str, Objective] = {
    item.name: item
    for item in (
        _define("parameters", "weights", 1e3, 1e9, "Number of trainable weights of the network."),
        _define("flops", "FLOP", 1e6, 1e13, "Operations of one forward pass of one window of the training patch."),
        _define(
            "latency_ms", "ms", 1e-1, 1e5, "Median time of the prediction of one whole image on the trial's device."
        ),
        _define(
            "memory_gb", "GB", 1e-3, 1e2, "Peak memory of the prediction of one whole image on the trial's device."
        ),
        _define("train_seconds", "s", 1e0, 1e6, "Time of the training on the trial's device, without measuring."),
    )
}
"""By name."""
