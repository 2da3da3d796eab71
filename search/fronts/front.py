"""The result of a search: the candidates that no other dominates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from paretoseg.search.candidates.ledger import CandidateLedger
from paretoseg.search.candidates.result import Result
from paretoseg.search.fronts.dominance import find_nondominated, measure_hypervolume
from paretoseg.search.trials.trial import Trial
from paretoseg.spaces.constraint import Constraint
from paretoseg.spaces.objective import Objective, reference_point, to_losses


@dataclass(frozen=True)
class Front:
    """The nondominated candidates of a study, best first in the first objective; of equal ones, the earlier first."""

    results: tuple[Result, ...]
    """The members, each with its trials."""

    losses: Float[np.ndarray, "candidates objectives"]
    """Their objectives, turned so that lower is better."""

    hypervolume: float
    """The volume that they dominate, up to the objectives' fixed reference point; higher is better."""

    @cached_property
    def trials(self) -> tuple[Trial, ...]:
        """The members in the shape of trials: the number is that of the candidate, the values are its means."""
        return tuple(result.as_trial for result in self.results)

    @property
    def all_trials(self) -> tuple[Trial, ...]:
        """Every sound trial of every member."""
        return tuple(trial for result in self.results for trial in result.trials)


class GrowingFront:
    """The front of a study whose trials end one by one.

    The time to add a trial of a new candidate depends on the size of the front alone: what a member dominates can never
    join the front again. If the value of a known candidate changes, the front is found again among all.
    """

    def __init__(self, objectives: Sequence[Objective], constraints: Sequence[Constraint] = ()) -> None:
        self.ledger = CandidateLedger(objectives, constraints)
        self._objectives = tuple(objectives)
        self._front = find_front([], objectives)
        self._newcomers: list[Result] = []
        self._revision = 0

    @property
    def front(self) -> Front:
        """The front at the last update."""
        return self._front

    def add(self, trial: Trial) -> Result | None:
        """Records a trial that ended, or a later record of one; returns its candidate's result."""
        result = self.ledger.add(trial)
        if result:
            self._newcomers.append(result)
        return result

    def update(self) -> None:
        """Brings the front up to date with the trials that were added."""
        if self.ledger.revision != self._revision:
            self._front = find_front(self.ledger.results, self._objectives)
        elif self._newcomers:
            self._front = find_front([*self._front.results, *self._newcomers], self._objectives)
        self._revision = self.ledger.revision
        self._newcomers.clear()


def read_front(
    trials: Sequence[Trial], objectives: Sequence[Objective], constraints: Sequence[Constraint] = ()
) -> Front:
    """The front of the finished trials; failed, stopped, running and degenerate ones do not count."""
    growing = GrowingFront(objectives, constraints)
    for trial in trials:
        growing.add(trial)
    growing.update()
    return growing.front


def find_front(results: Sequence[Result], objectives: Sequence[Objective]) -> Front:
    """The front of candidates, each given once; those that break a constraint of the study are left out."""
    results = [result for result in results if result.is_feasible]
    losses = to_losses(objectives, [result.objectives for result in results])
    chosen = np.flatnonzero(find_nondominated(losses)) if results else np.array([], dtype=int)
    order = chosen[np.lexsort(([results[place].number for place in chosen], losses[chosen, 0]))]
    return Front(
        results=tuple(results[place] for place in order),
        losses=losses[order],
        hypervolume=measure_hypervolume(losses[order], reference_point(objectives)),
    )
