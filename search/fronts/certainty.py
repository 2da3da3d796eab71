"""How certain a front is: intervals of what its members reached, and of what lies between them.

The cases are drawn anew, the same for all members in each draw, so two members are compared on the same cases
(challengeR, Wiesenfarth et al., Scientific Reports 11, 2021, draws like that). Every objective is then computed from
the draw by the rule of the study. Whole subjects are drawn, in every shift set and in the cases like those in training
on their own. All is over cases: another training seed is not in it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float

from paretoseg.search.fronts.front import Front
from paretoseg.spaces.objective import Objective
from paretoseg.trainables.scoring.objectives import ACCURACY, RobustnessRule, measure_draws
from paretoseg.trainables.scoring.resampling import NUM_DRAWS, draw_cases, find_bounds
from paretoseg.trainables.scoring.robustness_kinds import ROBUSTNESS
from paretoseg.trainables.scoring.score_table import ScoredCase, ScoreTable
from paretoseg.trainables.seeds import derive_seed

TOLERANCE = 1e-6
"""How far what the rows give may lie from what the study kept of an objective."""


_Draws: TypeAlias = Float[np.ndarray, " draws"]


class Interval(NamedTuple):
    """The middle 95 percent of the draws."""

    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """What lies between two members of a front."""

    first: int
    second: int
    """Their trials."""

    differences: Mapping[str, float]
    """By objective, that of the first minus that of the second."""

    intervals: Mapping[str, Interval]
    """Those of the differences; an objective that has none is missing."""

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
        objectives: What the front is made of.
        rule: How scores become robustness.
        subjects: Whom a case shows, by its name; a case that is missing is a subject of its own.
        seed: Of the study. It alone decides what is drawn, with the names of subjects and shift sets.

    Raises:
        ValueError: if the scores give other objectives than the members have, or the members have other cases.
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

    A shift set has draws of its own: another one beside it changes none of them. Sets that show the same subjects, as
    other blends or scanners of them, are drawn together: a subject comes with all of its cases.
    """
    shown = [subjects.get(case.name, case.name) for case in cases]
    times = np.empty((NUM_DRAWS, len(cases)))
    for shifts in _join_sets(cases, shown):
        places = [place for place, case in enumerate(cases) if case.shift in shifts]
        generator = np.random.default_rng(derive_seed("certainty", seed, min(shifts)))
        times[:, places] = draw_cases([shown[place] for place in places], generator)
    return times


def _join_sets(cases: Sequence[ScoredCase], shown: Sequence[str]) -> list[set[str]]:
    """The shift sets, those together that have subjects in common, also by way of a third one."""
    found: list[tuple[set[str], set[str]]] = []
    for shift in sorted({case.shift for case in cases}):
        shifts, people = {shift}, {who for case, who in zip(cases, shown, strict=True) if case.shift == shift}
        apart = [group for group in found if not group[1] & people]
        for others, their_people in (group for group in found if group[1] & people):
            shifts, people = shifts | others, people | their_people
        found = [*apart, (shifts, people)]
    return [shifts for shifts, _ in found]


def _leave_out(names: Collection[str], draws: Mapping[str, _Draws]) -> dict[str, _Draws]:
    return {name: values for name, values in draws.items() if name not in names}


@dataclass(frozen=True)
class _Comparer:
    """Compares members of a front by their places."""

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
    """Refuses scores that are not those of the members, so that an interval is of the number that is shown."""
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
                    f"{trial.objectives[name]:.6f}: they are not what it was made of"
                )


def _find_gaps(table: ScoreTable, rule: RobustnessRule, subjects: Mapping[str, str]) -> dict[str, str]:
    """The objectives that have no interval, as one subject alone, in a shift set say, tells of no spread."""
    found = {}
    counted = {condition.shift for condition in table.conditions if rule.counts(condition)}
    for name, shifts in ((ACCURACY, {""}), (ROBUSTNESS, counted)):
        for shift in sorted(shifts):
            cases = [case.name for case in table.cases if case.shift == shift]
            if len({subjects.get(case, case) for case in cases}) < 2:
                where = f"shift set {shift}" if shift else "the validation split"
                found[name] = f"{where} holds {'one case' if len(cases) == 1 else 'the cases of one subject'} alone"
                break
    return found
