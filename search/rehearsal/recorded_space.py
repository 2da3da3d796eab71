"""The part of a space that is recorded: every candidate in it becomes the nearest recorded one.

What was never trained has no value. A strategy that searches this space draws, mates and screens as always, and each
point that it makes is moved to the nearest recorded candidate before the strategy sees it. So a strategy knows what it
proposes, and recognises the candidates that it knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from paretoseg.spaces.domain import Choice
from paretoseg.spaces.search_space import Candidate, SearchSpace

_NUM_COMPARED = 500
"""Candidates of which the mean distance is taken."""


class RecordedSpace(SearchSpace):
    """A finite space of recorded candidates.

    The distance of two candidates is Gower's (Biometrics 27, 1971): of numbers the distance in the unit interval, of
    different options 1, summed over the searched dimensions.

    Args:
        space: The space that the candidates lie in.
        candidates: Those that are recorded; of equally near ones, the earlier is taken.

    Raises:
        ValueError: if there is none, or one lies outside the space.
    """

    def __init__(self, space: SearchSpace, candidates: Sequence[Candidate]) -> None:
        if not candidates:
            raise ValueError("there is no recorded candidate")
        vars(self).update(vars(space))  # everything but repairing, and what follows from it, is as in the space itself
        self._recorded = list(dict.fromkeys(candidates))
        self._places = np.array([self.encode(candidate) for candidate in self._recorded])
        self._places = self._places.reshape(len(self._recorded), len(self._searched))
        self._is_choice = np.array([isinstance(domain, Choice) for domain in self._searched.values()], dtype=bool)
        self._distances = dict.fromkeys(self._recorded, 0.0)

    @property
    def num_candidates(self) -> float:
        """How many candidates are recorded."""
        return len(self._recorded)

    def repair(self, candidate: Candidate) -> Candidate:
        """The nearest recorded candidate."""
        if candidate in self._distances:
            self._distances[candidate] = 0.0
            return candidate
        distances = self._measure(self.encode(super().repair(candidate)))
        place = int(distances.argmin())
        self._distances[self._recorded[place]] = float(distances[place])
        return self._recorded[place]

    def enumerate(self) -> Iterator[Candidate]:
        """Yields every recorded candidate, in the order of the recording."""
        yield from self._recorded

    def contains(self, candidate: Candidate) -> bool:
        """True for a recorded candidate."""
        return candidate in self._distances

    def find_distance(self, candidate: Candidate) -> float:
        """How far the last point that became this recorded candidate was from it; 0 if it was the candidate itself."""
        return self._distances[candidate]

    @cached_property
    def mean_distance(self) -> float:
        """How far two recorded candidates lie apart, on average; of the first few hundred. 0 if there is only one."""
        count = min(len(self._places), _NUM_COMPARED)
        if count < 2:
            return 0.0
        return sum(float(self._measure(place)[:count].sum()) for place in self._places[:count]) / (count * (count - 1))

    def _measure(self, place: np.ndarray) -> np.ndarray:
        """The distance of every recorded candidate to a point of the unit cube."""
        gaps = np.abs(self._places - place)
        return np.asarray(np.where(self._is_choice, gaps > 0.0, gaps).sum(axis=1))
