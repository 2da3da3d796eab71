"""What the candidates of a study reported at one step, and how much of their differences may be luck."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from paretoseg.search.candidates.seed_effects import fit_seed_effects
from paretoseg.search.fronts.priority import Priority
from paretoseg.search.trials.trial import State, Trial
from paretoseg.spaces.objective import Objective, to_losses
from paretoseg.spaces.objective_choice import EXACT
from paretoseg.spaces.search_space import Candidate

LEVEL = 0.1
"""Most chance that a candidate which is as good as those that are kept counts as dominated by any of them."""

ASSUMED_DOF = 10
"""As how many degrees of freedom the assumed noise counts beside the measured one."""

_MAD = 1.4826
"""A standard deviation by the median absolute deviation, of normal values."""


@dataclass(frozen=True)
class Noise:
    """What training seeds do to the values of a rung."""

    variance: np.ndarray
    """Of a single training, by objective; shape (num_objectives,)."""

    dof: int
    """Degrees of freedom of the part that was measured on candidates with several seeds; 0 if there are none."""

    total_dof: float
    """With those of the part that was assumed; infinite if neither is there."""


@dataclass(frozen=True)
class _Groups:
    """Which trials belong to the same candidate."""

    first: np.ndarray
    """Of every candidate, the place of its first trial among the members."""

    rows: np.ndarray
    """Of every member, the row of its candidate."""

    counts: np.ndarray
    """Of every candidate, how many trials it has."""


class Rung:
    """The candidates that reported finite values at a step, one row each, by the id of their first trial.

    Trials that failed or turned out degenerate are no members: they dominate nobody and take nobody's place. The value
    of a candidate is the mean over its seeds, without what a seed adds to all alike. A trial that reports changes a few
    numbers here; all that depends on every member is computed when it is asked for.

    Args:
        step: The step.
        trials: All trials of the study, in any order.
        objectives: What is optimised.
        assumed_noise: Standard deviation of the noise that is assumed, as a share of that between candidates; costs
            that a candidate alone decides have none.
    """

    def __init__(
        self, step: int, trials: Iterable[Trial], objectives: Sequence[Objective], assumed_noise: float
    ) -> None:
        self.step = step
        self._objectives = tuple(objectives)
        self._is_exact = np.array([objective.name in EXACT for objective in objectives], dtype=bool)
        self._assumed_noise = assumed_noise
        # Of every member: its id, in ascending order, the number of its candidate, its seed and its losses.
        self._ids, self._numbers, self._seeds = (np.zeros(0, dtype=int) for _ in range(3))
        self._trial_losses = np.zeros((0, len(self._objectives)))
        self._candidates: dict[Candidate, int] = {}
        self._places: dict[tuple[int, ...], Priority] = {}
        for trial in trials:
            self.update(trial)

    def update(self, trial: Trial, *, counts: bool = True) -> None:
        """Takes what is known of a trial now, in place of what was known before.

        Args:
            trial: The trial.
            counts: False if it is no member, whatever it reported.
        """
        place = int(np.searchsorted(self._ids, trial.trial_id))
        was_member = place < len(self._ids) and self._ids[place] == trial.trial_id
        is_now = counts and is_member(trial, self.step, self._objectives)
        if was_member:
            self._ids, self._numbers, self._seeds = (np.delete(one, place) for one in self._columns)
            self._trial_losses = np.delete(self._trial_losses, place, axis=0)
        if is_now:
            number = self._candidates.setdefault(trial.candidate, len(self._candidates))
            values = (trial.trial_id, number, trial.seed)
            self._ids, self._numbers, self._seeds = (
                np.insert(one, place, value) for one, value in zip(self._columns, values, strict=True)
            )
            losses = to_losses(self._objectives, [trial.reports[self.step]])
            self._trial_losses = np.insert(self._trial_losses, place, losses, axis=0)
        if was_member or is_now:
            self._places.clear()
            for name in ("_groups", "_values"):
                self.__dict__.pop(name, None)

    @property
    def _columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self._ids, self._numbers, self._seeds

    def __len__(self) -> int:
        return len(self._groups.first)

    def find_row(self, trial_id: int) -> int | None:
        """The row of a trial's candidate; None if the trial is no member."""
        place = int(np.searchsorted(self._ids, trial_id))
        if place == len(self._ids) or self._ids[place] != trial_id:
            return None
        return int(self._groups.rows[place])

    @property
    def trial_ids(self) -> np.ndarray:
        """Of every candidate, its first trial; shape (num_candidates,)."""
        return np.asarray(self._ids[self._groups.first])

    @property
    def losses(self) -> np.ndarray:
        """Of every candidate, lower is better; shape (num_candidates, num_objectives)."""
        return self._values[0]

    @property
    def noise(self) -> Noise:
        """What seeds do here: measured on candidates with several, and assumed as far as these are few."""
        return self._values[1]

    @property
    def counts(self) -> np.ndarray:
        """Of every candidate, over how many trials its value is a mean; shape (num_candidates,)."""
        return self._groups.counts

    @cached_property
    def _groups(self) -> _Groups:
        _, first, inverse, counts = np.unique(self._numbers, return_index=True, return_inverse=True, return_counts=True)
        order = np.argsort(first)
        rows = np.empty(len(order), dtype=int)
        rows[order] = np.arange(len(order))
        return _Groups(first[order], rows[inverse.reshape(-1)], counts[order].astype(float))

    @cached_property
    def _values(self) -> tuple[np.ndarray, Noise]:
        num_objectives = len(self._objectives)
        if len(self) == len(self._ids):  # nobody has several seeds
            means, measured, dof = self._trial_losses, np.zeros(num_objectives), 0
        else:
            values = self._tabulate()
            effects = fit_seed_effects(values)
            means = np.nanmean(values - effects.blocks[None], axis=1)
            means[:, self._is_exact] = np.nanmax(values[:, :, self._is_exact], axis=1)
            measured = np.zeros(num_objectives) if effects.covariance is None else np.diag(effects.covariance)
            dof = effects.dof
        return means, self._pool_noise(means, np.maximum(measured, 0.0), dof)

    def _tabulate(self) -> np.ndarray:
        """The losses by candidate and seed, the mean where one ran twice with a seed; NaN where it did not.

        Shape (num_candidates, num_seeds, num_objectives).
        """
        seeds, columns = np.unique(self._seeds, return_inverse=True)
        sums = np.zeros((len(self), len(seeds), len(self._objectives)))
        counts = np.zeros((*sums.shape[:2], 1))
        places = self._groups.rows, columns.reshape(-1)
        np.add.at(sums, places, self._trial_losses)
        np.add.at(counts, places, 1.0)
        return np.asarray(np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0.0))

    def _pool_noise(self, means: np.ndarray, measured: np.ndarray, dof: int) -> Noise:
        """The two variances, weighted by their degrees of freedom (Smyth, SAGMB 3(1), 2004, equation 6)."""
        assumed_dof = ASSUMED_DOF if self._assumed_noise else 0
        total = assumed_dof + dof
        if not total or not len(means):
            return Noise(np.zeros(means.shape[1]), 0, np.inf)
        spread = _MAD * np.median(np.abs(means - np.median(means, axis=0)), axis=0)
        spread = np.where(spread > 0.0, spread, means.std(axis=0))  # more than half of them are equal
        assumed = (self._assumed_noise * spread) ** 2
        variance = np.where(self._is_exact, 0.0, (assumed_dof * assumed + dof * measured) / total)
        return Noise(variance, dof, float(total))

    def prioritise(self, columns: Sequence[int]) -> Priority:
        """Who comes before whom in these objectives."""
        key = tuple(columns)
        if key not in self._places:
            self._places[key] = Priority(np.ascontiguousarray(self.losses[:, columns]))
        return self._places[key]

    def find_margins(self, row: int, num_compared: int) -> np.ndarray:
        """By how much each candidate must be better than that of `row` to be so beyond the noise.

        Student's t at `LEVEL` over the number of candidates that it is compared with (Bonferroni), times the standard
        error of the difference; shape (num_candidates, num_objectives).
        """
        from scipy.special import ndtri, stdtrit  # late: a search without it starts faster

        share = 1.0 - LEVEL / max(num_compared, 1)
        dof = self.noise.total_dof
        quantile = float(ndtri(share) if np.isinf(dof) else stdtrit(dof, share))
        per_pair = 1.0 / self.counts + 1.0 / self.counts[row]
        return np.asarray(quantile * np.sqrt(per_pair[:, None] * self.noise.variance[None]))


def is_member(trial: Trial, step: int, objectives: Sequence[Objective]) -> bool:
    """True if the trial counts in the rung of a step: it reported finite values there and did not turn out broken."""
    if trial.state is State.FAILED or trial.degenerate or step not in trial.reports:
        return False
    values = trial.reports[step]
    return all(np.isfinite(values.get(objective.name, np.nan)) for objective in objectives)
