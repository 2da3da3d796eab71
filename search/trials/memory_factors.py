"""How much memory trainings take of what was estimated for them, read off the trials that have finished."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from paretoseg.search.trials.trial import State, Trial
from paretoseg.trainables.trainable import ESTIMATED_MEMORY, TAKEN_MEMORY

LEAST_TRIALS = 3
"""Fewer tell too little: one of them may be odd."""

LEAST_GB = 0.1
"""Of trainings that were estimated at less, what was taken is the process's doing rather than the training's."""

BOUNDS = (0.5, 4.0)
"""Nothing is corrected further than this: a network of another kind than those before it must get its chance."""


def find_memory_factors(trials: Sequence[Trial], until: float) -> dict[str, float]:
    """Taken over estimated memory of a training, by the name of the device: the median of what had finished by then.

    It depends on the journal alone, and for a trial on what was in it when the trial was proposed: one that is
    interrupted before its first checkpoint begins again with the same factors, whatever has finished meanwhile.

    Args:
        trials: Of one study.
        until: In seconds since the epoch, as `Trial.asked_at`.
    """
    ratios: dict[str, list[float]] = {}
    for trial in trials:
        is_known = trial.state is State.FINISHED and trial.ended_at is not None and trial.ended_at <= until
        estimated, taken = (trial.costs.get(name, 0.0) for name in (ESTIMATED_MEMORY, TAKEN_MEMORY))
        if is_known and estimated >= LEAST_GB and taken > 0.0:
            ratios.setdefault(trial.device, []).append(taken / estimated)
    low, high = BOUNDS
    return {
        device: min(max(statistics.median(found), low), high)
        for device, found in ratios.items()
        if len(found) >= LEAST_TRIALS
    }
