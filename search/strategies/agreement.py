"""Whether what trials report on the way predicts what they reach in the end, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from paretoseg.search.strategies.rung import is_member
from paretoseg.search.trials.trial import Trial
from paretoseg.spaces.objective import Objective

MIN_FINISHED = 8
"""With fewer finished trials it is not known whether a step predicts the end."""

LEAST_TAU = 0.3
"""Below this rank correlation, a step says too little about the end to stop a trial by it."""


@dataclass(frozen=True)
class Agreement:
    """How well the order at a step agrees with that in the end, in one objective."""

    step: int
    objective: str
    """Its name."""

    tau: float
    """Kendall's tau-b, -1 to 1; 0 if all trials were equal at the step. Higher is better."""

    num_trials: int
    """How many finished trials it is computed over."""

    @property
    def is_poor(self) -> bool:
        """True if enough trials have finished to say that the step predicts too little."""
        return self.num_trials >= MIN_FINISHED and self.tau < LEAST_TAU

    def describe(self) -> str:
        """The numbers in a phrase."""
        return f"{self.objective} tau {self.tau:.2f} over {self.num_trials} trials"


class GrowingAgreement:
    """The agreement of one step with the end, over trials that end one by one: each costs one look at the others.

    Args:
        step: The step.
        objectives: What is optimised.
    """

    def __init__(self, step: int, objectives: Sequence[Objective]) -> None:
        self._step = step
        self._objectives = tuple(objectives)
        self._ids = np.zeros(0, dtype=int)
        self._early, self._final = (np.zeros((0, len(self._objectives))) for _ in range(2))
        self._pairs = np.zeros((3, len(self._objectives)))
        """Of ordered pairs: those that agree minus those that do not, those that differ early, and those in the end."""

    def update(self, trial: Trial) -> None:
        """Takes what is known of a trial now, in place of what was known before."""
        known = np.flatnonzero(self._ids == trial.trial_id)
        if len(known):
            place = int(known[0])
            self._pairs -= self._compare(self._early[place], self._final[place])
            self._ids = np.delete(self._ids, place)
            self._early, self._final = (np.delete(one, place, axis=0) for one in (self._early, self._final))
        if trial.is_eligible and is_member(trial, self._step, self._objectives):
            early, final = (
                np.array([values[objective.name] for objective in self._objectives], dtype=float)
                for values in (trial.reports[self._step], trial.objectives)
            )
            self._pairs += self._compare(early, final)
            self._ids = np.append(self._ids, trial.trial_id)
            self._early, self._final = np.vstack([self._early, early]), np.vstack([self._final, final])

    def _compare(self, early: np.ndarray, final: np.ndarray) -> np.ndarray:
        """What pairs with these values add."""
        one, other = np.sign(self._early - early), np.sign(self._final - final)
        return 2.0 * np.array([(one * other).sum(axis=0), np.abs(one).sum(axis=0), np.abs(other).sum(axis=0)])

    def measure(self) -> list[Agreement]:
        """The agreement in every objective in which two trials differ in the end.

        Source of tau-b: Kendall, Biometrika 33(3), 1945.
        """
        found = []
        for objective, (agreeing, early, final) in zip(self._objectives, self._pairs.T.tolist(), strict=True):
            if final:
                tau = agreeing / (early * final) ** 0.5 if early else 0.0
                found.append(Agreement(self._step, objective.name, tau, len(self._ids)))
        return found


def measure_agreement(trials: Iterable[Trial], step: int, objectives: Sequence[Objective]) -> list[Agreement]:
    """The agreement of a step with the end in every objective, over the finished trials that are not broken.

    Only trials that were not stopped have an end, so the better part of all is compared, and tau is lower than it would
    be over all of them. Leaves out an objective in which fewer than two trials differ in the end.
    """
    found = GrowingAgreement(step, objectives)
    for trial in trials:
        found.update(trial)
    return found.measure()
