"""How much memory trainings take of what was estimated for them, read off the trials that have finished."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence

from paretoseg.search.trials.trial import State, Trial
from paretoseg.trainables.trainable import ESTIMATED_MEMORY, TAKEN_MEMORY

LEAST_TRIALS = 3
"""Fewer tell too little: one of them may be odd."""

LEAST_GB = 0.1
"""Of trainings that were estimated at less, what was taken is the process's doing rather than the training's."""

BOUNDS = (0.5, 4.0)
"""Nothing is corrected further than this: a network of another kind than those before it must get its chance."""


class MemoryFactors:
    """Taken over estimated memory of a training, by the name of the device: the median of what has finished.

    The medians are kept as they grew, so that looking one up takes the same time however many trials there are.
    """

    def __init__(self) -> None:
        self._growths: dict[str, _Growth] = {}

    def add(self, trial: Trial) -> None:
        """Records what a trial took; nothing if it has not finished, or its costs tell nothing."""
        if trial.state is not State.FINISHED or trial.ended_at is None:
            return
        estimated, taken = (trial.costs.get(name, 0.0) for name in (ESTIMATED_MEMORY, TAKEN_MEMORY))
        if estimated >= LEAST_GB and taken > 0.0:
            self._growths.setdefault(trial.device, _Growth()).add(trial.ended_at, taken / estimated)

    def find(self, until: float) -> dict[str, float]:
        """The factors by device, over what had finished by then.

        They depend on the journal alone, and for a trial on what was in it when the trial was proposed: one that is
        interrupted before its first checkpoint begins again with the same factors, whatever has finished meanwhile.

        Args:
            until: In seconds since the epoch, as `Trial.asked_at`.
        """
        low, high = BOUNDS
        found = {device: growth.find(until) for device, growth in self._growths.items()}
        return {device: min(max(median, low), high) for device, median in found.items() if median is not None}


class _Growth:
    """The median of the ratios of one device after every trial, by the time at which it ended."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._ratios: list[float] = []
        self._ascending: list[float] = []
        self._medians: list[float] = []

    def add(self, time: float, ratio: float) -> None:
        """Takes a ratio in; one of an earlier time than the last, as after a step of the clock, goes to its place."""
        place = bisect_right(self._times, time)
        later = list(zip(self._times[place:], self._ratios[place:], strict=True))
        for values in (self._times, self._ratios, self._medians):
            del values[place:]
        if later:
            self._ascending = sorted(self._ratios)
        for known_time, known_ratio in ((time, ratio), *later):
            self._times.append(known_time)
            self._ratios.append(known_ratio)
            insort(self._ascending, known_ratio)
            self._medians.append(_find_median(self._ascending))

    def find(self, until: float) -> float | None:
        """The median by then, or None if too few trials had ended."""
        count = bisect_right(self._times, until)
        return self._medians[count - 1] if count >= LEAST_TRIALS else None


def _find_median(ascending: Sequence[float]) -> float:
    middle = (len(ascending) - 1) // 2
    return (ascending[middle] + ascending[len(ascending) // 2]) / 2
