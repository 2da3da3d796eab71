"""Asynchronous successive halving for several objectives: early stopping with a receipt.

    step 1   o o o o o o o o o      the best third goes on; of the others, those that nobody beats beyond the noise
    step 3   o o o   .   .          the same again among those that got here; '.' went on as control or for its noise
    end      o o

A rung is a step at which trials report: `min_steps`, `min_steps` x `eta` and so on. Nobody waits: a trial is judged as
soon as it reports, among those that have reported by then (Li et al., MLSys 2020). Unlike other versions for several
objectives, a trial is never stopped for its place alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from paretoseg.search.fronts.dominance import find_nondominated
from paretoseg.search.fronts.priority import Priority
from paretoseg.search.strategies.agreement import Agreement, GrowingAgreement
from paretoseg.search.strategies.pruner import Judgement, Pruner, PrunerConfig
from paretoseg.search.strategies.rung import Rung
from paretoseg.search.trials.receipt import MOST_DOMINATORS, Dominator, Receipt
from paretoseg.search.trials.trial import State, Trial
from paretoseg.spaces.constraint import Constraint, find_broken
from paretoseg.spaces.objective import Objective, to_losses


class Guard(StrEnum):
    """The objectives by which trials are stopped; lower-case names, as in the config."""

    auto = "auto"
    accuracy = "accuracy"
    all = "all"


@dataclass(unsafe_hash=True)
class AshaConfig(PrunerConfig):
    """Settings of asynchronous successive halving."""

    eta: int = 3
    """One in so many candidates of a rung is kept whatever the noise; also the ratio of a rung's step to the last."""

    min_steps: int = 1
    """The step of the first rung."""

    min_trials: int = 5
    """How many other candidates must have reached a rung before a trial can be stopped there."""

    guard: Guard = Guard.auto
    """Which objectives decide: `all`, the first score (`accuracy`), or those whose rung predicts the end (`auto`)."""

    assumed_noise: float = 0.3
    """Noise of training seeds until it is measured: its standard deviation as a share of that between candidates."""

    control_share: float = 0.1
    """Share of the trials to be stopped that go on nevertheless, to measure how often a stop is wrong."""

    keep_stopped: int = 8
    """How many of the trials stopped last keep their checkpoints, so that they can go on; 0 if none ever does."""

    def __post_init__(self) -> None:
        least = {"eta": 2, "min_steps": 1, "min_trials": 1, "keep_stopped": 0}
        for name, value in least.items():
            if getattr(self, name) < value:
                raise ValueError(f"pruner.{name} must be at least {value}, got {getattr(self, name)}")
        if not 0 <= self.control_share <= 1:
            raise ValueError(f"pruner.control_share must lie in 0..1, got {self.control_share}")
        if not 0 <= self.assumed_noise <= 1:
            raise ValueError(f"pruner.assumed_noise must lie in 0..1, got {self.assumed_noise}")

    def build(self, objectives: Sequence[Objective], constraints: Sequence[Constraint] = ()) -> Asha:
        """The pruner."""
        return Asha(objectives, self, constraints)

    def list_steps(self, num_steps: int) -> tuple[int, ...]:
        """Those of the rungs."""
        return tuple(step for step in range(1, num_steps + 1) if self.is_rung(step))

    def is_rung(self, step: int) -> bool:
        """True for `min_steps`, and for `eta` times the step of another rung."""
        at = self.min_steps
        while at < step:
            at *= self.eta
        return at == step


class Asha(Pruner):
    """Stops a trial that is outside of the best 1/eta of its rung, and dominated there beyond the noise of seeds.

    In a rung, candidates are ordered by rank of nondomination, then by hypervolume contribution (`Priority`). A
    trial outside of the kept share is stopped only if one inside is better in every objective by more than seeds
    explain (`Rung.find_margins`): what cannot be told apart from noise goes on.

    An objective whose order at the rung does not predict the end (`LEAST_TAU`) does not decide there. Trials that are
    weak in the others alone may still be strong in it, so then a trial must also fall behind every candidate that is on
    the front by now. If the first score does not predict the end either, nothing is stopped at the rung.
    """

    def __init__(
        self, objectives: Sequence[Objective], config: AshaConfig, constraints: Sequence[Constraint] = ()
    ) -> None:
        self._objectives = tuple(objectives)
        self._constraints = tuple(constraints)
        self._guard = find_guard(objectives)
        self._config = config
        self._trials: dict[int, Trial] = {}
        self._rungs: dict[int, Rung] = {}
        self._agreements: dict[int, GrowingAgreement] = {}
        self._front: list[Trial] | None = []
        """The finished trials that no other dominates, and those that ended since; None if it must be found again."""

        self._rules: dict[int, tuple[str, ...]] = {}
        """By step, the objectives that decided there when this was last said."""

        self.control_share = config.control_share
        self.num_waiting = config.keep_stopped

    def tell(self, trial: Trial) -> None:
        """Records what a trial has reported, or how it ended, in place of what was known of it before."""
        before = self._trials.get(trial.trial_id)
        self._trials[trial.trial_id] = trial
        breaks = self._breaks(trial)
        for step in _find_changed(before, trial) | ({*trial.reports} if breaks else set()):
            if self._config.is_rung(step):
                self._find_rung(step).update(trial, counts=not breaks)
        if trial.is_eligible or (before and before.is_eligible):
            for step in self._rungs:
                self._agreements.setdefault(step, GrowingAgreement(step, self._objectives)).update(trial)
            is_newcomer = before is None or not before.is_eligible
            self._front = [*self._front, trial] if self._front is not None and is_newcomer else None

    def should_stop(self, trial: Trial) -> bool:
        """True if the trial is outside of the kept share of its rung and dominated there beyond the noise."""
        return self.explain(trial) is not None

    def judge(self, trial: Trial) -> Judgement:
        """Whether the trial is to be stopped, and why."""
        receipt = self.explain(trial)
        return Judgement(receipt is not None, receipt)

    def explain(self, trial: Trial) -> Receipt | None:
        """Why the trial is to be stopped; None if it is not."""
        step = max(trial.reports, default=0)
        columns = self._choose_columns(step) if self._config.is_rung(step) else []
        if not columns:
            return None
        rung = self._find_rung(step)
        row = rung.find_row(trial.trial_id)
        if row is None or len(rung) - 1 < self._config.min_trials:
            return None
        places = rung.prioritise(columns)
        place = places.find_place(row)
        if self._is_kept(place, rung):
            return None
        kept = places.find_first(-(-len(rung) // self._config.eta))
        leads = rung.losses[row] - rung.losses
        margins = rung.find_margins(row, len(kept))
        is_better = (leads >= margins)[:, columns].all(axis=1) & (leads > 0.0)[:, columns].any(axis=1)
        dominators = kept[is_better[kept]]
        if not len(dominators) or not self._is_behind_front(rung, is_better, columns):
            return None
        shown = [
            Dominator(
                int(rung.trial_ids[one]),
                self._name_gaps(rung.losses[one], leads[one], columns),
                self._name_gaps(rung.losses[one], margins[one], columns),
            )
            for one in _take_best(dominators, places, rung)
        ]
        taus = {one.objective: one.tau for one in self._find_agreement(step)}
        return Receipt(step, place, len(rung), tuple(shown), len(dominators), rung.noise.dof, taus)

    def choose_promoted(self, waiting: Sequence[Trial]) -> Trial | None:
        """The trial that belongs to the kept share of its rung by now: of the last rung first, then the best placed."""
        found = []
        for trial in waiting:
            step = max(trial.reports)
            columns = self._choose_columns(step)
            rung = self._find_rung(step)
            row = rung.find_row(trial.trial_id)
            if columns and row is not None:
                place = rung.prioritise(columns).find_place(row)
                if self._is_kept(place, rung):
                    found.append((-step, place, trial.trial_id, trial))
        return min(found)[-1] if found else None

    def notes(self) -> list[str]:
        """Where trials are not stopped by all objectives, and why."""
        if self._config.guard is not Guard.auto:
            return []
        found = (describe_guard(self._find_agreement(step), self._objectives) for step in sorted(self._rungs))
        return [line for line in found if line]

    def list_news(self) -> list[str]:
        """The steps where other objectives decide than when this was last asked, and why; one line each."""
        if self._config.guard is not Guard.auto:
            return []
        news, every = [], tuple(objective.name for objective in self._objectives)
        for step in sorted(self._rungs):
            rule = tuple(self._objectives[column].name for column in self._choose_columns(step))
            if rule != self._rules.get(step, every):
                line = describe_guard(self._find_agreement(step), self._objectives)
                news.append(
                    line or f"step {step} predicts the end by now, so trials are stopped there by all objectives"
                )
            self._rules[step] = rule
        return news

    def _is_kept(self, place: int, rung: Rung) -> bool:
        """True for a place in the share of the rung that is kept."""
        return place * self._config.eta < len(rung)

    def _find_rung(self, step: int) -> Rung:
        if step not in self._rungs:
            self._rungs[step] = Rung(step, (), self._objectives, self._config.assumed_noise)
        return self._rungs[step]

    def _find_agreement(self, step: int) -> list[Agreement]:
        return self._agreements[step].measure() if step in self._agreements else []

    def _choose_columns(self, step: int) -> list[int]:
        """The objectives that decide at a step; none if nothing is stopped there."""
        every = list(range(len(self._objectives)))
        match self._config.guard:
            case Guard.all:
                return every
            case Guard.accuracy:
                return [self._guard]
            case Guard.auto:
                poor = {one.objective for one in self._find_agreement(step) if one.is_poor}
                trusted = [column for column in every if self._objectives[column].name not in poor]
                return trusted if self._guard in trusted else []

    def _breaks(self, trial: Trial) -> bool:
        """True for a finished trial that breaks a constraint of the search: it is no reason to stop another one."""
        return trial.state is State.FINISHED and bool(find_broken(self._constraints, trial.measured))

    def _name_gaps(self, losses: np.ndarray, rises: np.ndarray, columns: Sequence[int]) -> dict[str, float]:
        """How far losses rise, in the units of their objectives, by name."""
        chosen = [(self._objectives[column], float(losses[column]), float(rises[column])) for column in columns]
        return {objective.name: objective.find_gap(loss, rise) for objective, loss, rise in chosen}

    def _is_behind_front(self, rung: Rung, is_better: np.ndarray, columns: Sequence[int]) -> bool:
        """True if every member of the front is better, as far as that is asked for."""
        if len(columns) == len(self._objectives):
            return True
        rows = [row for trial_id in self._find_front() if (row := rung.find_row(trial_id)) is not None]
        return bool(rows) and bool(is_better[rows].all())

    def _find_front(self) -> list[int]:
        """The finished trials that no other dominates."""
        pool = [*self._trials.values()] if self._front is None else self._front
        ended = [trial for trial in pool if trial.is_eligible and not self._breaks(trial)]
        losses = to_losses(self._objectives, [trial.objectives for trial in ended])
        is_best = find_nondominated(losses) if ended else np.zeros(0, dtype=bool)
        self._front = [trial for trial, best in zip(ended, is_best, strict=True) if best]
        return [trial.trial_id for trial in self._front]


def _take_best(rows: np.ndarray, places: Priority, rung: Rung) -> list[int]:
    """The best placed of some candidates, at most `MOST_DOMINATORS`; of equal ones, those of earlier trials."""
    last = np.sort(places.ranks[rows])[:MOST_DOMINATORS][-1]
    near = rows[places.ranks[rows] <= last].tolist()
    return sorted(near, key=lambda row: (places.find_place(row), int(rung.trial_ids[row])))[:MOST_DOMINATORS]


def find_guard(objectives: Sequence[Objective]) -> int:
    """The place of the objective that must predict the end: the first score, as a cost always predicts its own end."""
    scores = [place for place, objective in enumerate(objectives) if objective.ideal is None]
    return scores[0] if scores else 0


def describe_guard(agreements: Sequence[Agreement], objectives: Sequence[Objective]) -> str:
    """By what trials are stopped at a step where not every objective predicts the end, in a sentence; '' if all do."""
    poor = [one for one in agreements if one.is_poor]
    if not poor:
        return ""
    names = {one.objective for one in poor}
    left = [objective.name for objective in objectives if objective.name not in names]
    first = objectives[find_guard(objectives)].name
    rule = f"trials are stopped there by {' and '.join(left)} alone" if first in left else "no trial is stopped there"
    found = " and ".join(one.describe() for one in poor)
    return f"step {poor[0].step} does not predict the end ({found}), so {rule}"


def _find_changed(before: Trial | None, now: Trial) -> set[int]:
    """The steps whose rungs are others than before, as a trial has reported or ended."""
    earlier = before.reports if before else {}
    if before and (before.state is State.FAILED, before.degenerate) != (now.state is State.FAILED, now.degenerate):
        return {*earlier, *now.reports}
    return {step for step in {*earlier, *now.reports} if earlier.get(step) != now.reports.get(step)}
