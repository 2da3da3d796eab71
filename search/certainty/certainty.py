"""How sure a front is: who is on it, how well every value is known, and which members differ by more than noise.

Two sets of cases say different things. Validation cases chose the front, so what they say is a selection figure. Test
cases were shown to the candidates that were confirmed, with all their seeds; verdicts come from them alone.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float

from paretoseg.search.candidates.result import Result
from paretoseg.search.candidates.seed_effects import SeedEffects
from paretoseg.search.certainty.comparisons import Verdict, judge
from paretoseg.search.certainty.confirming import LEAST_SEEDS
from paretoseg.search.certainty.contributions import (
    Sampling,
    find_contributions,
    find_gaps,
    find_sampling,
    name_scores,
)
from paretoseg.search.certainty.estimates import Estimate, estimate, pool_differences, pool_seeds
from paretoseg.search.certainty.further_seeds import FurtherSeeds, find_further_seeds
from paretoseg.search.certainty.hypervolume import HypervolumeEstimate, estimate_hypervolume
from paretoseg.search.certainty.membership import State, draw_losses, find_membership
from paretoseg.search.certainty.tails import TAILS
from paretoseg.search.fronts.dominance import find_nondominated
from paretoseg.search.trials.trial import Trial
from paretoseg.spaces.objective import Objective, reference_point, to_losses
from paretoseg.trainables.scoring.absent_count import AbsentCount
from paretoseg.trainables.scoring.objectives import RobustnessRule, measure_draws
from paretoseg.trainables.scoring.robustness_kinds import ROBUSTNESS, Times
from paretoseg.trainables.scoring.score_table import ScoreTable
from paretoseg.trainables.seeds import derive_seed

TOLERANCE = 1e-6
"""Largest difference between an objective computed from the rows and the one that the study kept."""

ONE_SEED = "too few candidates ran with several seeds; `paretoseg confirm` trains the front with more"
"""Why nothing is known of seeds."""

Tables = Mapping[int, ScoreTable]
"""The scores of trials on one split in the metric of the study, by id."""


@dataclass(frozen=True)
class Evidence:
    """What one set of cases says."""

    probabilities: Mapping[int, float] | None
    """Of being on the front, by candidate; None if that is not known."""

    estimates: Mapping[int, Mapping[str, Estimate | None]]
    """By candidate and objective; None where the interval is not known."""

    gaps: Mapping[str, str] = field(default_factory=dict)
    """What is not known, with the reason in words."""


@dataclass(frozen=True)
class Certainty:
    """How far the front of a study can be trusted."""

    selection: Evidence
    """By the validation cases, which chose the front: probabilities of all candidates, estimates of its members."""

    test: Evidence
    """By the test cases, of the confirmed candidates alone."""

    confirmed: tuple[int, ...] = ()
    """The confirmed candidates, best first in the first objective on test cases."""

    confirmed_front: tuple[int, ...] = ()
    """Those of them that no other of them dominates on test cases."""

    verdicts: tuple[Verdict, ...] = ()
    """On all pairs of confirmed candidates, corrected for all of them; `first` and `second` are candidates."""

    further: tuple[FurtherSeeds, ...] = ()
    """The undecided candidates, with how many further seeds would decide."""

    collapsed: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    """By candidate that collapses under some seeds, under how many, and of how many."""

    hypervolume: HypervolumeEstimate | None = None
    """Of the front that the validation cases chose, as it appears and corrected for its luck; None if not known."""

    absent: Mapping[int, AbsentCount] = field(default_factory=dict)
    """By candidate, what the means of clean images leave out; empty if they leave out nothing."""

    remark: str = ""
    """What intervals of this study's kind of robustness do not say, in a sentence; '' for means."""

    @property
    def ends(self) -> tuple[int, int] | None:
        """The most accurate and the most robust member of the confirmed front; None if they are the same."""
        front = self.confirmed_front
        return (front[0], front[-1]) if len(front) > 1 else None

    def find_estimate(self, number: int, objective: str) -> Estimate | None:
        """The interval of a member of the front on validation cases; None if it is not known."""
        return self.selection.estimates.get(number, {}).get(objective)

    def find_probability(self, number: int) -> float | None:
        """The probability of a candidate to be on the front: by test cases if it is confirmed, else by validation."""
        for evidence in (self.test, self.selection):
            if evidence.probabilities and number in evidence.probabilities:
                return evidence.probabilities[number]
        return None

    def find_state(self, number: int) -> State | None:
        """What the probability of a candidate says; None if it is not known."""
        probability = self.find_probability(number)
        return None if probability is None else State.of(probability)

    def find_verdicts(self, first: int, second: int) -> tuple[Verdict, ...]:
        """Those on a pair, one an objective; empty if there are none."""
        return tuple(one for one in self.verdicts if (one.first, one.second) == (first, second))

    @property
    def is_trade_off(self) -> bool:
        """True if the ends differ by more than noise in both objectives, each better in one."""
        found = self.find_verdicts(*self.ends) if self.ends else ()
        return len(found) > 1 and all(one.is_more_than_noise for one in found)


@dataclass(frozen=True)
class Setting:
    """What the certainty of a study depends on besides its scores."""

    objectives: Sequence[Objective]
    effects: SeedEffects
    """What the seeds of the study do."""

    subjects: Mapping[str, str]
    """The subject of each case, by name of the case; a case that is missing is a subject of its own."""

    seed: int
    """Of the study. It decides what is drawn."""

    rule: RobustnessRule = field(default_factory=RobustnessRule)
    """How scores become robustness."""

    @property
    def scores(self) -> tuple[str, ...]:
        """The objectives that are computed from the scores of cases: only these have intervals over subjects."""
        return name_scores(self.objectives)


def find_certainty(
    results: Sequence[Result], members: Sequence[int], validation: Tables | None, test: Tables | None, setting: Setting
) -> Certainty:
    """The certainty of a front of accuracy and robustness.

    Args:
        results: All candidates that may be on the front, with their trials.
        members: The numbers of those on the front.
        validation: The scores of all their trials; None if the task has no cases, so that seeds are all that is known.
        test: The scores of those that were tested; None likewise.
        setting: Everything else.

    Raises:
        ValueError: if the scores give other objectives than the trials have, or the trials' cases differ.
    """
    first = setting.objectives[0]
    confirmed = [result for result in results if len({trial.seed for trial in result.tested}) >= LEAST_SEEDS]
    confirmed.sort(key=lambda one: (first.to_loss(one.as_trial.test[first.name]), one.number))
    shown = {*members, *(one.number for one in confirmed)}
    chosen = _Cases(setting, "validation", {result.number: result.trials for result in results}, validation)
    selection, further = chosen.assess(shown)
    hypervolume = chosen.measure_hypervolume(results) if validation and not selection.gaps else None
    collapsed = {
        one.number: (len(one.collapsed), len(one.collapsed) + len(one.trials))
        for one in results
        if one.collapsed and one.number in shown
    }
    if not confirmed:
        return Certainty(selection, Evidence(None, {}), further=further, collapsed=collapsed, hypervolume=hypervolume)
    tested = {one.number: one.tested for one in confirmed}
    untouched = _Cases(setting, "test", tested, test)
    evidence, _ = untouched.assess(set(tested))
    front = _find_front(confirmed, setting.objectives)
    verdicts = untouched.judge() if test else ()
    return Certainty(selection, evidence, tuple(tested), front, verdicts, further, collapsed, hypervolume)


def draw_candidates(
    results: Sequence[Result], validation: Tables | None, setting: Setting
) -> Float[np.ndarray, "fronts candidates objectives"] | None:
    """Draws of the expected losses of all candidates, as validation cases and seeds leave them open.

    Args and errors are those of `find_certainty`.

    Returns:
        None if that is not known.
    """
    trials = {result.number: result.trials for result in results}
    return _Cases(setting, "validation", trials, validation).draw_losses()


def _find_front(confirmed: Sequence[Result], objectives: Sequence[Objective]) -> tuple[int, ...]:
    losses = to_losses(objectives, [one.as_trial.test for one in confirmed])
    return tuple(one.number for one, is_best in zip(confirmed, find_nondominated(losses), strict=True) if is_best)


@dataclass(frozen=True)
class _Cases:
    """A set of cases, and what it says of candidates."""

    setting: Setting
    split: str
    trials: Mapping[int, Sequence[Trial]]
    """By candidate, those that were measured on these cases."""

    tables: Tables | None
    """Their scores; None if the task has no cases."""

    @cached_property
    def sampling(self) -> Sampling:
        """Who was sampled; the scores are checked on the way."""
        self._check()
        setting = self.setting
        tables = [*map(self._table, self._everyone)]
        return find_sampling(tables, setting.subjects, setting.rule, setting.scores)

    @cached_property
    def times(self) -> Times:
        """How often every case counts in the draws of subjects."""
        return self.sampling.draw(self.setting.seed)

    @property
    def _everyone(self) -> list[Trial]:
        return [trial for of_candidate in self.trials.values() for trial in of_candidate]

    def assess(self, shown: Collection[int]) -> tuple[Evidence, tuple[FurtherSeeds, ...]]:
        """The evidence, with estimates of some candidates, and what would decide about the undecided ones."""
        if not self.trials:
            return Evidence(None, {}), ()
        if self.tables is None:
            unknown = dict.fromkeys((item.name for item in self.setting.objectives), "this study's task has no images")
            return self._find_membership(None, Evidence(None, {}, unknown))
        gaps = find_gaps(self.sampling, self.split)
        estimates = {number: self._estimate(number) for number in self.trials if number in shown}
        if gaps:
            return Evidence(None, estimates, gaps), ()
        return self._find_membership(self._draw_all(), Evidence(None, estimates))

    def _find_membership(
        self, draws: Float[np.ndarray, "draws candidates objectives"] | None, known: Evidence
    ) -> tuple[Evidence, tuple[FurtherSeeds, ...]]:
        """The evidence with probabilities, and what would decide about the undecided candidates."""
        values, numbers = self._tabulate(), list(self.trials)
        generator = self._generator()
        found = find_membership(values, draws, generator)
        if found is None:
            gaps = {**known.gaps, "the probability of being on the front": ONE_SEED} if len(numbers) > 1 else known.gaps
            return Evidence(None, known.estimates, gaps), ()
        further = find_further_seeds(values, draws, found.states, generator)
        return (
            Evidence(dict(zip(numbers, found.probabilities.tolist(), strict=True)), known.estimates, known.gaps),
            tuple(FurtherSeeds(numbers[one.candidate], one.number) for one in further),
        )

    def draw_losses(self) -> Float[np.ndarray, "fronts candidates objectives"] | None:
        """Draws of the expected losses of candidates; None if that is not known."""
        if self.tables is None:
            return draw_losses(self._tabulate(), None, self._generator())
        if find_gaps(self.sampling, self.split):
            return None
        return draw_losses(self._tabulate(), self._draw_all(), self._generator())

    def measure_hypervolume(self, results: Sequence[Result]) -> HypervolumeEstimate:
        """The hypervolume of the front of candidates, and what it is without the luck of those that were chosen."""
        objectives = self.setting.objectives
        raw = np.nanmean(self._tabulate(), axis=1)
        shifts = to_losses(objectives, [result.objectives for result in results]) - raw

        def measure(times: Float[np.ndarray, "draws units"]) -> Float[np.ndarray, "draws candidates objectives"]:
            of_cases = times[:, self.sampling.unit_of]
            return np.asarray(raw + shifts + np.stack([self._draw(one, of_cases) for one in self.trials], axis=1))

        generator = np.random.default_rng(derive_seed("hypervolume", self.setting.seed))
        return estimate_hypervolume(measure, self.sampling.group_of, reference_point(objectives), generator)

    def judge(self) -> tuple[Verdict, ...]:
        """The verdicts on all pairs of candidates, in the order in which they are given.

        The same cases say which candidates are ends or neighbours, so the correction is for all pairs, not for those
        that are shown.
        """
        numbers = list(self.trials)
        seeds = sorted({trial.seed for trial in self._everyone})
        tables = {
            name: np.full((len(numbers), len(seeds), int(is_counted.sum())), np.nan)
            for name, is_counted in self.sampling.counting.items()
        }
        for place, of_candidate in enumerate(self.trials.values()):
            for trial in of_candidate:
                for name, row in self._contribute(trial).items():
                    tables[name][place, seeds.index(trial.seed)] = row
        pooled = {
            item.name: pool_differences(self.setting.effects, place)
            for place, item in enumerate(self.setting.objectives)
        }
        generator = np.random.default_rng(derive_seed("verdicts", self.setting.seed, self.split))
        found = judge(tables, list(itertools.combinations(range(len(numbers)), 2)), generator, pooled)
        return tuple(dataclasses.replace(one, first=numbers[one.first], second=numbers[one.second]) for one in found)

    def _check(self) -> None:
        """Refuses scores that do not give the trials' objectives: certainty must belong to the numbers shown."""
        first = self._everyone[0]
        for trial in self._everyone:
            table = self._table(trial)
            if (table.cases, table.conditions) != (self._table(first).cases, self._table(first).conditions):
                raise ValueError(
                    f"trials {first.trial_id} and {trial.trial_id} were not measured on the same {self.split} cases "
                    "and conditions, so they cannot be compared"
                )
            kept = self._kept(trial)
            for name, (value,) in measure_draws(table, table.once, self.setting.rule, self.setting.scores).items():
                if not abs(value - kept[name]) <= TOLERANCE:
                    raise ValueError(
                        f"the {self.split} rows of trial {trial.trial_id} give {name} {value:.6f}, but the study kept "
                        f"{kept[name]:.6f}, so it was computed from other rows"
                    )

    def _estimate(self, number: int) -> dict[str, Estimate | None]:
        rows = [self._contribute(trial) for trial in self.trials[number]]
        return {
            item.name: estimate(
                np.array([row[item.name] for row in rows]),
                pool_seeds(self.setting.effects, place),
                is_tail=item.name == ROBUSTNESS and self.setting.rule.kind in TAILS,
            )
            for place, item in enumerate(self.setting.objectives)
            if item.name in self.setting.scores
        }

    def _contribute(self, trial: Trial) -> dict[str, Float[np.ndarray, " units"]]:
        return find_contributions(self._table(trial), self.sampling, self.setting.rule, self.times)

    def _draw_all(self) -> Float[np.ndarray, "draws candidates objectives"]:
        """How far the losses of every candidate move in each draw of subjects; NaN in a draw that has no score.

        Resampling n subjects moves a mean too little: by the variance of a sample over n, not over n - 1.
        """
        known = {name: float(is_counted.sum()) for name, is_counted in self.sampling.counting.items()}
        sizes = [known.get(item.name) for item in self.setting.objectives]
        factors = np.array([(size / (size - 1.0)) ** 0.5 if size else 1.0 for size in sizes])
        drawn = np.stack([self._draw(number, self.times) for number in self.trials], axis=1)
        return np.asarray(drawn * factors)

    def _draw(self, number: int, times: Times) -> Float[np.ndarray, "draws objectives"]:
        moved = np.zeros((len(times), len(self.setting.objectives)))
        for trial in self.trials[number]:
            table = self._table(trial)
            drawn = measure_draws(table, np.concatenate([table.once, times]), self.setting.rule, self.setting.scores)
            for place, item in enumerate(self.setting.objectives):
                if item.name not in drawn:
                    continue  # subjects do not move a cost
                moved[:, place] += item.sign * (drawn[item.name][1:] - drawn[item.name][0])
        return moved / len(self.trials[number])

    def _tabulate(self) -> Float[np.ndarray, "candidates seeds objectives"]:
        """The losses of candidates under every seed; NaN where one did not run."""
        seeds = sorted({trial.seed for trial in self._everyone})
        values = np.full((len(self.trials), len(seeds), len(self.setting.objectives)), np.nan)
        for row, of_candidate in enumerate(self.trials.values()):
            for trial in of_candidate:
                values[row, seeds.index(trial.seed)] = to_losses(self.setting.objectives, [self._kept(trial)])[0]
        return values

    def _generator(self) -> np.random.Generator:
        return np.random.default_rng(derive_seed("membership", self.setting.seed, self.split))

    def _table(self, trial: Trial) -> ScoreTable:
        assert self.tables is not None, "the task has no cases"
        return self.tables[trial.trial_id]

    def _kept(self, trial: Trial) -> Mapping[str, float]:
        """What the journal holds of a trial on these cases."""
        return trial.test if self.split == "test" else trial.objectives
