"""How certain a front is: intervals of its members' objectives, and of the differences between members.

The intervals are bootstrapped. Each draw takes the same cases for all members, so two members are compared on the same
cases (as in challengeR, Wiesenfarth et al., Scientific Reports 11, 2021). Every objective is then computed from the
draw by the rule of the study. Whole subjects are drawn, separately in every shift set and in the cases like those in
training. The intervals cover the choice of cases only, not that of the training seed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float

from paretoseg.search.fronts.front import Front
from paretoseg.spaces.objective import Objective
from paretoseg.trainables.scoring.absent_count import AbsentCount
from paretoseg.trainables.scoring.objectives import ACCURACY, RobustnessRule, measure_draws
from paretoseg.trainables.scoring.resampling import NUM_DRAWS, draw_cases, find_bounds
from paretoseg.trainables.scoring.robustness_kinds import ROBUSTNESS
from paretoseg.trainables.scoring.score_table import ScoredCase, ScoreTable
from paretoseg.trainables.seeds import derive_seed

TOLERANCE = 1e-6
"""Largest difference between an objective computed from the rows and the one that the study kept."""


_Draws: TypeAlias = Float[np.ndarray, " draws"]


class Interval(NamedTuple):
    """The middle 95 percent of the draws."""

    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """The differences between two members of a front."""

    first: int
    second: int
    """Their trials."""

    differences: Mapping[str, float]
    """By objective, the value of the first minus that of the second."""

    intervals: Mapping[str, Interval]
    """Intervals of the differences; an objective that has none is missing."""

    @property
    def distinct(self) -> tuple[str, ...]:
        """The objectives in which they differ by more than noise: 0 is not in the interval."""
        return tuple(name for name, (low, high) in self.intervals.items() if low > 0.0 or high < 0.0)


@dataclass(frozen=True)
class Certainty:
    """How far the front of a study can be trusted, over cases."""

    intervals: Mapping[int, Mapping[str, Interval | None]]
    """By trial and objective; None where there is none."""

    ends: Comparison | None
    """The most accurate member minus the most robust one; None if they are the same."""

    neighbours: tuple[Comparison, ...]
    """Every member minus the next one on the front."""

    gaps: Mapping[str, str]
    """By objective without intervals, the reason in words."""

    absent: Mapping[int, AbsentCount] = field(default_factory=dict)
    """By trial, what the means of clean images leave out; empty if they leave out nothing."""

    @property
    def bounds(self) -> dict[int, dict[str, float | None]]:
        """By trial, `<objective>_low` and `<objective>_high`; None where there is no interval."""
        return {
            trial_id: {
                f"{name}_{end}": getattr(interval, end, None)
                for name, interval in intervals.items()
                for end in Interval._fields
            }
            for trial_id, intervals in self.intervals.items()
        }


def find_certainty(
    front: Front,
    tables: Sequence[ScoreTable],
    *,
    objectives: Sequence[Objective],
    rule: RobustnessRule,
    subjects: Mapping[str, str],
    seed: int,
) -> Certainty:
    """The certainty of a front of accuracy and robustness.

    Args:
        front: Its members.
        tables: The scores of every member in the metric of the study, in their order.
        objectives: The objectives of the front.
        rule: How scores become robustness.
        subjects: The subject of each case, by name of the case; a case that is missing is a subject of its own.
        seed: Of the study. Together with the names of subjects and shift sets, it decides what is drawn.

    Raises:
        ValueError: if the scores give other objectives than the members have, or the members' cases differ.
    """
    _check_scores(front, tables, rule)
    if not tables:
        return Certainty({}, None, (), {})
    gaps = _find_gaps(tables[0], rule, subjects)
    times = draw_times(tables[0].cases, subjects, seed)
    draws = [_leave_out(gaps, measure_draws(table, times, rule)) for table in tables]
    compare = _Comparer(front, draws)
    losses = {objective.name: column for objective, column in zip(objectives, front.losses.T, strict=True)}
    ends = [int(losses[name].argmin()) for name in (ACCURACY, ROBUSTNESS)]
    return Certainty(
        intervals={
            trial.trial_id: {
                item.name: Interval(*find_bounds(drawn[item.name])) if item.name in drawn else None
                for item in objectives
            }
            for trial, drawn in zip(front.trials, draws, strict=True)
        },
        ends=compare(*ends) if ends[0] != ends[1] else None,
        neighbours=tuple(compare(place, place + 1) for place in range(len(tables) - 1)),
        gaps=gaps,
    )


def draw_times(cases: Sequence[ScoredCase], subjects: Mapping[str, str], seed: int) -> Float[np.ndarray, "draws cases"]:
    """How often every case counts in each draw.

    A shift set has draws of its own, which do not depend on the other sets. Sets that share subjects, such as other
    blends or scanners of them, are drawn together: a subject comes with all of its cases.
    """
    shown = [subjects.get(case.name, case.name) for case in cases]
    times = np.empty((NUM_DRAWS, len(cases)))
    for shifts in _join_sets(cases, shown):
        places = [place for place, case in enumerate(cases) if case.shift in shifts]
        generator = np.random.default_rng(derive_seed("certainty", seed, min(shifts)))
        times[:, places] = draw_cases([shown[place] for place in places], generator)
    return times


def _join_sets(cases: Sequence[ScoredCase], shown: Sequence[str]) -> list[set[str]]:
    """The shift sets in groups: sets with common subjects, also through a third set, are in one group."""
    found: list[tuple[set[str], set[str]]] = []
    for shift in sorted({case.shift for case in cases}):
        shifts, subjects = {shift}, {who for case, who in zip(cases, shown, strict=True) if case.shift == shift}
        apart = [group for group in found if not group[1] & subjects]
        for other_shifts, other_subjects in (group for group in found if group[1] & subjects):
            shifts, subjects = shifts | other_shifts, subjects | other_subjects
        found = [*apart, (shifts, subjects)]
    return [shifts for shifts, _ in found]


def _leave_out(names: Collection[str], draws: Mapping[str, _Draws]) -> dict[str, _Draws]:
    return {name: values for name, values in draws.items() if name not in names}


@dataclass(frozen=True)
class _Comparer:
    """Compares members of a front, given by their positions."""

    front: Front
    draws: Sequence[Mapping[str, _Draws]]

    def __call__(self, first: int, second: int) -> Comparison:
        one, other = (self.front.trials[place] for place in (first, second))
        own, others = (self.draws[place] for place in (first, second))
        return Comparison(
            one.trial_id,
            other.trial_id,
            {name: value - other.objectives[name] for name, value in one.objectives.items()},
            {name: Interval(*find_bounds(values - others[name])) for name, values in own.items()},
        )


def _check_scores(front: Front, tables: Sequence[ScoreTable], rule: RobustnessRule) -> None:
    """Refuses scores that do not give the members' objectives: intervals must belong to the numbers shown."""
    for trial, table in zip(front.trials, tables, strict=True):
        if (table.cases, table.conditions) != (tables[0].cases, tables[0].conditions):
            raise ValueError(
                f"trials {front.trials[0].trial_id} and {trial.trial_id} were not measured on the same cases and "
                "conditions, so they cannot be compared"
            )
        for name, (value,) in measure_draws(table, table.once, rule).items():
            if not abs(value - trial.objectives[name]) <= TOLERANCE:
                raise ValueError(
                    f"the rows of trial {trial.trial_id} give {name} {value:.6f}, but the study kept "
                    f"{trial.objectives[name]:.6f}, so it was computed from other rows"
                )


def _find_gaps(table: ScoreTable, rule: RobustnessRule, subjects: Mapping[str, str]) -> dict[str, str]:
    """The objectives without an interval, each with the reason: one subject alone shows no spread."""
    found = {}
    counted = {condition.shift for condition in table.conditions if rule.counts(condition)}
    for name, shifts in ((ACCURACY, {""}), (ROBUSTNESS, counted)):
        for shift in sorted(shifts):
            cases = [case.name for case in table.cases if case.shift == shift]
            if len({subjects.get(case, case) for case in cases}) < 2:
                where = f"shift set {shift}" if shift else "the validation split"
                found[name] = f"{where} holds only {'one case' if len(cases) == 1 else 'cases of one subject'}"
                break
    return found
