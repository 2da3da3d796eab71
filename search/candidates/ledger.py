"""The candidates of a growing study, each with its trials: what every table, front and strategy reads."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from paretoseg.search.candidates.result import Result, average
from paretoseg.search.candidates.seed_effects import SeedEffects, fit_seed_effects
from paretoseg.search.trials.trial import State, Trial
from paretoseg.spaces.constraint import Constraint, find_broken, measure_violation
from paretoseg.spaces.objective import Direction, Objective
from paretoseg.spaces.search_space import Candidate

_ALWAYS_FITTED = 100
"""Up to as many finished trials, the effects of seeds are fitted after each."""

COLLAPSED_BELOW = 0.5
"""A training that reaches less than this share of the median of its candidate's trainings, in the first objective of
which higher is better, has collapsed under its seed."""

_GROWTH = 1.05
"""From there on, they are fitted again when there are as many times the trials of the last fit."""


@dataclass
class _Entry:
    """The trials of one candidate."""

    sound: list[Trial] = field(default_factory=list)
    broken: list[Trial] = field(default_factory=list)
    result: Result | None = None
    """The candidate's result; None if it must be computed again."""


class CandidateLedger:
    """Groups finished trials by candidate, and keeps the effects of the seeds up to date.

    What it holds depends on the trials and on the order in which they were added alone, so a resumed search sees the
    same.
    """

    def __init__(self, objectives: Sequence[Objective], constraints: Sequence[Constraint] = ()) -> None:
        self._constraints = tuple(constraints)
        self._names = [objective.name for objective in objectives]
        higher = [item.name for item in objectives if item.direction is Direction.MAXIMISE]
        self._judged_by = higher[0] if higher else ""
        """The objective in which a training may collapse; '' if there is none."""

        self._entries: dict[Candidate, _Entry] = {}
        self._effects = self._no_effects()
        self._seeds: list[int] = []
        """The seeds of the effects, in ascending order."""

        self._num_sound = self._num_fitted = 0
        self._has_replicates = False
        self.revision = 0
        """How often the result of a known candidate has changed; a new candidate alone changes no other."""

    def add(self, trial: Trial) -> Result | None:
        """Records a trial that ended, or a later record of one; returns its candidate's result, None if it has none.

        Trials that failed or were stopped change nothing.
        """
        if trial.state is not State.FINISHED:
            return self.find(trial.candidate)
        entry = self._entries.setdefault(trial.candidate, _Entry())
        trials = entry.broken if trial.degenerate else entry.sound
        known = [place for place, other in enumerate(trials) if other.trial_id == trial.trial_id]
        if known:
            trials[known[0]] = trial
        else:
            trials.append(trial)
            trials.sort(key=lambda one: one.trial_id)
            self._num_sound += not trial.degenerate
            self._has_replicates |= len(entry.sound) > 1
        self.revision += len(entry.sound) + len(entry.broken) > 1 or bool(known)
        entry.result = None
        self._refit()
        return self.find(trial.candidate)

    def find(self, candidate: Candidate) -> Result | None:
        """The result of a candidate; None if it has no sound trial, or too many that collapsed."""
        entry = self._entries.get(candidate)
        return None if entry is None else self._find(entry)

    def _find(self, entry: _Entry) -> Result | None:
        if not entry.sound:
            return None
        if entry.result is None:
            entry.result = self._summarise(entry)
        return entry.result if entry.result.is_eligible else None

    @property
    def results(self) -> list[Result]:
        """The results of all candidates that may be on a front, by number."""
        found = [result for entry in self._entries.values() if (result := self._find(entry))]
        return sorted(found, key=lambda result: result.number)

    @property
    def effects(self) -> SeedEffects:
        """What the seeds of the study do; its rows are the seeds in ascending order."""
        return self._effects

    def _split(self, entry: _Entry) -> tuple[list[Trial], list[Trial]]:
        """The trainings that did not collapse, and those that did, by id."""
        if len(entry.sound) < 2 or not self._judged_by:
            return entry.sound, entry.broken
        reached = [trial.objectives[self._judged_by] for trial in entry.sound]
        median = statistics.median(reached)
        if median <= 0.0:  # half of it says nothing
            return entry.sound, entry.broken
        least = COLLAPSED_BELOW * median
        kept = [trial for trial, value in zip(entry.sound, reached, strict=True) if value >= least]
        collapsed = [trial for trial in entry.sound if trial not in kept]
        return kept, sorted([*entry.broken, *collapsed], key=lambda trial: trial.trial_id)

    def _summarise(self, entry: _Entry) -> Result:
        trials, collapsed = self._split(entry)
        values = np.array([[trial.objectives[name] for name in self._names] for trial in trials])
        if self._seeds:
            places = np.searchsorted(self._seeds, [trial.seed for trial in trials])
            known = [
                place < len(self._seeds) and self._seeds[place] == trial.seed
                for place, trial in zip(places, trials, strict=True)
            ]
            values[known] -= self._effects.blocks[places[known]]
        means = dict(zip(self._names, values.mean(axis=0).tolist(), strict=True))
        covariance = self._effects.covariance
        noise = (
            {}
            if covariance is None
            else dict(zip(self._names, (np.diag(covariance) / len(values)).tolist(), strict=True))
        )
        measured = {**average([trial.costs for trial in trials]), **means} if self._constraints else {}
        return Result(
            tuple(trials),
            means,
            tuple(collapsed),
            noise,
            measure_violation(self._constraints, measured),
            find_broken(self._constraints, measured),
        )

    def _refit(self) -> None:
        """Fits the effects of seeds again if candidates have several, and enough trials came since."""
        if not self._has_replicates or self._num_sound == self._num_fitted:
            return
        if self._num_fitted and self._num_sound > _ALWAYS_FITTED and self._num_sound < _GROWTH * self._num_fitted:
            return
        sound = [self._split(entry)[0] for entry in self._entries.values() if entry.sound]
        self._seeds = sorted({trial.seed for trials in sound for trial in trials})
        self._effects = fit_seed_effects(_tabulate(sound, self._seeds, self._names))
        self._num_fitted = self._num_sound
        self.revision += 1
        for entry in self._entries.values():
            entry.result = None

    def _no_effects(self) -> SeedEffects:
        return SeedEffects(np.zeros((0, len(self._names))), None, 0)


def _tabulate(
    trials: Sequence[Sequence[Trial]], seeds: Sequence[int], names: Sequence[str]
) -> Float[np.ndarray, "candidates seeds objectives"]:
    """Values by candidate and seed, the mean where a candidate ran twice with a seed; NaN where it did not."""
    place_of = {seed: place for place, seed in enumerate(seeds)}
    sums = np.zeros((len(trials), len(seeds), len(names)))
    counts = np.zeros((len(trials), len(seeds), 1))
    for row, of_candidate in enumerate(trials):
        for trial in of_candidate:
            sums[row, place_of[trial.seed]] += [trial.objectives[name] for name in names]
            counts[row, place_of[trial.seed]] += 1
    means: np.ndarray = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return means
