"""What every subject contributes to the objectives of a network, from the scores of its cases.

For an objective that is smooth in the scores, these are the pseudo-values of the jackknife (Efron and Tibshirani, An
introduction to the bootstrap, 1993, chapter 11): their mean is the objective, and they vary over subjects as it does.
Cases like those in training and the cases of each shift set are sampled apart. So what a subject of a set of n subjects
among N in all contributes counts by sqrt(N (N - 1) / (n (n - 1))).

A minimum or a tail is not smooth. There the contributions are the slopes of the objective in bootstrap draws over how
often a subject was drawn (the infinitesimal jackknife of the bagged objective; Efron, JASA 109, 2014), scaled to the
variance of the draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from paretoseg.search.certainty.tails import MINIMA, TAILS
from paretoseg.spaces.objective import Objective
from paretoseg.spaces.objective_choice import USUAL
from paretoseg.trainables.scoring.objectives import (
    ACCURACY,
    WORST_GROUP,
    RobustnessRule,
    find_rule,
    measure_draws,
)
from paretoseg.trainables.scoring.resampling import NUM_DRAWS, draw_cases
from paretoseg.trainables.scoring.score_table import ScoredCase, ScoreTable
from paretoseg.trainables.seeds import derive_seed
from paretoseg.trainables.trainable import CLEAN_CONDITION

_NOT_SMOOTH = TAILS | MINIMA


@dataclass(frozen=True, eq=False)
class Sampling:
    """Who was sampled: the subjects of the cases of a study, in the sets that are sampled apart."""

    cases: tuple[ScoredCase, ...]
    unit_of: Int[np.ndarray, " cases"]
    """The subject of every case, by number; a subject of several joined sets is one."""

    group_of: Int[np.ndarray, " units"]
    """The set of every subject, by number."""

    names: tuple[str, ...]
    """Of the subjects."""

    labels: tuple[str, ...]
    """Of the sets: their shift sets, joined by '+'; '' for cases like those in training."""

    counting: Mapping[str, Bool[np.ndarray, " units"]]
    """By objective, the subjects whose cases have a score that counts towards it in any network."""

    def draw(self, seed: int) -> Float[np.ndarray, "draws cases"]:
        """How often every case counts in each draw of subjects with replacement, set by set.

        What is drawn of a set depends on the seed and its names alone.
        """
        times = np.empty((NUM_DRAWS, len(self.cases)))
        groups = self.group_of[self.unit_of]
        for number, label in enumerate(self.labels):
            generator = np.random.default_rng(derive_seed("certainty", seed, label.split("+")[0]))
            places = np.flatnonzero(groups == number)
            times[:, places] = draw_cases([self.names[self.unit_of[place]] for place in places], generator)
        return times

    @property
    def without_each(self) -> Float[np.ndarray, "units cases"]:
        """Counts every case once, but those of one subject, in a row for each subject."""
        counted: np.ndarray = (self.unit_of != np.arange(len(self.names))[:, None]).astype(float)
        return counted


def name_scores(objectives: Sequence[Objective]) -> tuple[str, ...]:
    """The objectives that are computed from the scores of cases: only these have intervals over subjects."""
    return tuple(item.name for item in objectives if item.name in (*USUAL, WORST_GROUP))


def find_sampling(
    tables: Sequence[ScoreTable],
    subjects: Mapping[str, str],
    rule: RobustnessRule,
    names: Sequence[str] = USUAL,
) -> Sampling:
    """The subjects of the cases of networks, in the sets that are sampled apart.

    Sets that share subjects, such as other blends or scanners of them, are one: a subject comes with all of its cases.

    Args:
        tables: The scores of all networks, on the same cases and conditions; at least one.
        subjects: The subject of each case by its name; a case that is missing is a subject of its own.
        rule: How scores become robustness.
        names: The objectives that are computed from scores.
    """
    cases = tables[0].cases
    shown = [subjects.get(case.name, case.name) for case in cases]
    groups = sorted(_join_sets(cases, shown), key=min)
    group_of_set = {shift: number for number, shifts in enumerate(groups) for shift in shifts}
    keys = [(group_of_set[case.shift], who) for case, who in zip(cases, shown, strict=True)]
    units = sorted(set(keys))
    place_of = {key: place for place, key in enumerate(units)}
    unit_of = np.array([place_of[key] for key in keys], dtype=int)
    return Sampling(
        cases=cases,
        unit_of=unit_of,
        group_of=np.array([group for group, _ in units], dtype=int),
        names=tuple(name for _, name in units),
        labels=tuple("+".join(sorted(shifts)) for shifts in groups),
        counting=_find_counting(tables, unit_of, rule, names),
    )


def _find_counting(
    tables: Sequence[ScoreTable], unit_of: Int[np.ndarray, " cases"], rule: RobustnessRule, names: Sequence[str]
) -> dict[str, Bool[np.ndarray, " units"]]:
    conditions = tables[0].conditions
    counts = {
        name: [condition == CLEAN_CONDITION if name == ACCURACY else rule.counts(condition) for condition in conditions]
        for name in names
    }
    is_known = np.any([~np.isnan(table.values) for table in tables], axis=0)
    units = np.arange(int(unit_of.max()) + 1)
    return {
        name: np.isin(units, unit_of[is_known[:, np.array(columns, dtype=bool)].any(axis=1)])
        for name, columns in counts.items()
    }


def find_gaps(sampling: Sampling, split: str) -> dict[str, str]:
    """The objectives without an interval, each with the reason in words: one subject alone shows no spread.

    Args:
        sampling: Of all networks.
        split: Name of the split that the cases are from.
    """
    found = {}
    for name, is_counted in sampling.counting.items():
        for group in np.unique(sampling.group_of[is_counted]):
            if (sampling.group_of[is_counted] == group).sum() < 2:
                label = sampling.labels[group]
                has_split = not label or label.startswith("+")
                where = f"the {split} split" if has_split else f"shift set {label}"
                num_cases = int((sampling.group_of[sampling.unit_of] == group).sum())
                found[name] = f"{where} holds only {'one case' if num_cases == 1 else 'cases of one subject'}"
    return found


def find_contributions(
    table: ScoreTable, sampling: Sampling, rule: RobustnessRule, times: Float[np.ndarray, "draws cases"]
) -> dict[str, Float[np.ndarray, " units"]]:
    """By objective, what every subject that counts contributes to that of a network; the mean is the objective.

    A subject that counts in other networks alone, as none of its classes has a score here, contributes the mean.

    Args:
        table: The network's scores.
        sampling: Of all networks that it is compared with.
        rule: How scores become robustness.
        times: How often every case counts in draws of subjects; used where robustness is not smooth.
    """
    out = measure_draws(table, np.concatenate([table.once, sampling.without_each]), rule, tuple(sampling.counting))
    found = {}
    for name, is_counted in sampling.counting.items():
        value, changed = out[name][0], out[name][1:][is_counted]
        groups = sampling.group_of[is_counted]
        sizes = np.bincount(groups, minlength=len(sampling.labels))[groups].astype(float)
        moved = np.nan_to_num((sizes - 1.0) * (value - changed))
        if name != ACCURACY and find_rule(name, rule).kind in _NOT_SMOOTH:
            moved = _find_slopes(table, sampling, find_rule(name, rule), times)[is_counted] * sizes
        total = float(is_counted.sum())
        scale = np.sqrt(total * (total - 1.0) / np.maximum(sizes * (sizes - 1.0), 1.0))
        moved = moved * scale
        found[name] = value + moved - (moved.mean() if moved.size else 0.0)
    return found


def _find_slopes(
    table: ScoreTable, sampling: Sampling, rule: RobustnessRule, times: Float[np.ndarray, "draws cases"]
) -> Float[np.ndarray, " units"]:
    """By how much robustness changes with how often each subject is drawn, scaled to the variance of the draws."""
    first_case = np.array([int(np.argmax(sampling.unit_of == unit)) for unit in range(len(sampling.names))])
    counts = times[:, first_case]
    values = rule.measure_draws(table, times)
    is_known = np.isfinite(values)
    counts, values = counts[is_known] - counts[is_known].mean(axis=0), values[is_known] - values[is_known].mean()
    slopes: np.ndarray = counts.T @ values / len(values)
    explained = float((slopes**2).sum())
    return slopes * (float(values.var()) / explained) ** 0.5 if explained > 0.0 else slopes


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
