"""The ratio of the memory that trainings took to the memory that was estimated, from the finished trials."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence

from paretoseg.search.trials.trial import State, Trial
from paretoseg.trainables.trainable import ESTIMATED_MEMORY, TAKEN_MEMORY

LEAST_TRIALS = 3
"""Fewer are not enough: one of them may be an outlier."""

LEAST_GB = 0.1
"""Trainings that were estimated at less are ignored: most of their memory is the process's own."""

BOUNDS = (0.5, 4.0)
"""Limits of a factor, so that a network unlike the earlier ones is not ruled out by them."""


class MemoryFactors:
    """The median ratio of taken to estimated memory over the finished trials, by name of the device.

    The median after every trial is kept, so a look-up stays fast with many trials.
    """

    def __init__(self) -> None:
        self._growths: dict[str, _Growth] = {}

    def add(self, trial: Trial) -> None:
        """Records the ratio of a trial; ignores one that has not finished, or whose costs lack the memory."""
        if trial.state is not State.FINISHED or trial.ended_at is None:
            return
        estimated, taken = (trial.costs.get(name, 0.0) for name in (ESTIMATED_MEMORY, TAKEN_MEMORY))
        if estimated >= LEAST_GB and taken > 0.0:
            self._growths.setdefault(trial.device, _Growth()).add(trial.ended_at, taken / estimated)

    def find(self, until: float) -> dict[str, float]:
        """The factors by device, over the trials that had finished by a time.

        They depend on the journal alone. A trial gets those of the time when it was proposed, so if it is interrupted
        before its first checkpoint it starts again with the same factors.

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
        """Adds a ratio; one from before the last, as after the clock was set back, is inserted in order of time."""
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
        """The median at that time, or None if too few trials had ended."""
        count = bisect_right(self._times, until)
        return self._medians[count - 1] if count >= LEAST_TRIALS else None


def _find_median(ascending: Sequence[float]) -> float:
    middle = (len(ascending) - 1) // 2
    return (ascending[middle] + ascending[len(ascending) // 2]) / 2
