"""What every choice of a candidate is worth: how its neighbours differ from it, seed by seed and subject by subject.

All networks are trained with the same seeds and measured on the same validation cases, so differences are paired. Their
intervals and verdicts are those of `certainty.comparisons`: corrected for all neighbours and objectives together, with
the variance of single trainings pooled over the networks of the ablation.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from jaxtyping import Float

from paretoseg.search.ablation.neighbours import Neighbour
from paretoseg.search.certainty.comparisons import Verdict, judge
from paretoseg.search.certainty.contributions import (
    find_contributions,
    find_gaps,
    find_sampling,
    name_scores,
)
from paretoseg.search.trials.trial import State, Trial
from paretoseg.spaces.objective import Objective
from paretoseg.trainables.scoring.objectives import RobustnessRule
from paretoseg.trainables.scoring.score_table import ScoreTable
from paretoseg.trainables.seeds import derive_seed

NO_IMAGES = "this study's task has no images"


class Conclusion(StrEnum):
    """What is known of a difference."""

    MORE = "more than noise"
    WITHIN = "within noise"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Training:
    """A network of the ablation, trained with one seed."""

    trial: Trial
    table: ScoreTable | None
    """Its scores on validation cases; None if it is broken or failed, or the task has no images."""


Trainings = Mapping[int, Training]
"""The trainings of one network that have ended, by seed."""


@dataclass(frozen=True)
class Difference:
    """Neighbour minus candidate in one objective, in its unit."""

    value: float
    """The mean over common seeds."""

    conclusion: Conclusion
    low: float | None = None
    high: float | None = None
    """The simultaneous interval; None if the conclusion is unknown."""

    p_value: float | None = None
    """Holm's, over all comparisons of the ablation."""

    coverage: float | None = None
    """How often an interval of so few seeds or subjects holds the truth in simulations, where that is under .93."""


@dataclass(frozen=True)
class Effect:
    """What comes of one changed choice."""

    change: str
    """In words, with all that changed along."""

    dimension: str
    before: str
    after: str
    candidate: str
    """The neighbour's hash."""

    seeds: tuple[int, ...]
    """Those under which both networks are sound: what the differences are means over."""

    collapsed: tuple[int, ...]
    """Those under which the neighbour is broken."""

    failed: tuple[int, ...]
    """Those under which its training failed."""

    means: Mapping[str, float]
    """The neighbour's objectives over `seeds`; empty without any."""

    differences: Mapping[str, Difference]
    """By objective; empty without any common seed."""

    costs: Mapping[str, float]
    """Neighbour minus candidate, by cost."""


@dataclass(frozen=True)
class Ablation:
    """What the choices of one candidate are worth."""

    study: str
    candidate: int
    """Its number in the study."""

    seeds: tuple[int, ...]
    objectives: tuple[Objective, ...]
    num_choosing: int
    """By how many of the candidate's trainings the search has chosen it, on these cases."""

    means: Mapping[str, float]
    """The candidate's objectives over the seeds under which it is sound."""

    collapsed: tuple[int, ...]
    failed: tuple[int, ...]
    """The seeds under which the candidate is broken, and under which its training failed."""

    effects: tuple[Effect, ...]
    gaps: Mapping[str, str] = field(default_factory=dict)
    """The objectives without intervals, each with the reason in words."""

    left_out: tuple[str, ...] = ()
    """The changes that were left out, a text a dimension."""

    num_missing: int = 0
    """How many trainings have not ended."""


@dataclass(frozen=True)
class Cases:
    """What the intervals depend on besides the scores."""

    subjects: Mapping[str, str]
    """The subject of each case, by name of the case; a case that is missing is a subject of its own."""

    rule: RobustnessRule
    """How scores become robustness."""

    seed: int
    """Of the study. It decides what is drawn."""


def find_effects(
    candidate: Trainings,
    neighbours: Sequence[tuple[Neighbour, Trainings]],
    objectives: Sequence[Objective],
    cases: Cases | None,
) -> tuple[tuple[Effect, ...], dict[str, str]]:
    """What comes of every changed choice, and which objectives have no intervals, with the reasons.

    Args:
        candidate: The trainings of the candidate.
        neighbours: Its neighbours with theirs, under the same seeds.
        objectives: Of the study.
        cases: What the intervals depend on; None if the task has no images.

    Raises:
        ValueError: if two networks were not measured on the same cases and conditions.
    """
    members = [candidate, *(trainings for _, trainings in neighbours)]
    judged = None if cases is None else _judge(members, cases, name_scores(objectives))
    verdicts, gaps = judged or ({}, _name_all(objectives, NO_IMAGES))
    effects = tuple(
        _find_effect(neighbour, candidate, trainings, objectives, verdicts.get(place, {}))
        for place, (neighbour, trainings) in enumerate(neighbours, start=1)
    )
    return effects, gaps


def list_seeds(trainings: Trainings, *, are_sound: bool) -> tuple[int, ...]:
    """The seeds under which a network is sound, or those under which it is broken; those that failed are neither."""
    return tuple(
        seed
        for seed, one in sorted(trainings.items())
        if one.trial.state is State.FINISHED and bool(one.trial.degenerate) is not are_sound
    )


def list_failed(trainings: Trainings) -> tuple[int, ...]:
    """The seeds under which a training failed."""
    return tuple(seed for seed, one in sorted(trainings.items()) if one.trial.state is State.FAILED)


def average(trainings: Trainings, seeds: Sequence[int]) -> dict[str, float]:
    """The mean of every objective over seeds; empty without any."""
    found = [trainings[seed].trial.objectives for seed in seeds]
    return {name: statistics.fmean(values[name] for values in found) for name in found[0]} if found else {}


def _find_effect(
    neighbour: Neighbour,
    candidate: Trainings,
    trainings: Trainings,
    objectives: Sequence[Objective],
    verdicts: Mapping[str, Verdict],
) -> Effect:
    sound = set(list_seeds(candidate, are_sound=True))
    common = tuple(seed for seed in list_seeds(trainings, are_sound=True) if seed in sound)
    before, after = average(candidate, common), average(trainings, common)
    return Effect(
        change=neighbour.describe(),
        dimension=neighbour.change.dimension,
        before=str(neighbour.change.before),
        after=str(neighbour.change.after),
        candidate=neighbour.candidate.short_hash,
        seeds=common,
        collapsed=list_seeds(trainings, are_sound=False),
        failed=list_failed(trainings),
        means=after,
        differences={
            item.name: _conclude(after[item.name] - before[item.name], verdicts.get(item.name))
            for item in (objectives if common else ())
        },
        costs=_compare_costs(candidate, trainings),
    )


def _conclude(value: float, verdict: Verdict | None) -> Difference:
    if verdict is None:
        return Difference(value, Conclusion.UNKNOWN)
    conclusion = Conclusion.MORE if verdict.is_more_than_noise else Conclusion.WITHIN
    return Difference(value, conclusion, verdict.low, verdict.high, verdict.p_value, verdict.estimate.coverage)


def _compare_costs(candidate: Trainings, trainings: Trainings) -> dict[str, float]:
    """The mean difference of every cost over the seeds under which both were measured, broken or not."""
    pairs = [(trainings[seed].trial.costs, one.trial.costs) for seed, one in candidate.items() if seed in trainings]
    pairs = [pair for pair in pairs if all(pair)]
    names = [name for name in pairs[0][0] if all(name in costs for pair in pairs for costs in pair)] if pairs else []
    return {name: statistics.fmean(one[name] - other[name] for one, other in pairs) for name in names}


def _name_all(objectives: Sequence[Objective], reason: str) -> dict[str, str]:
    return {item.name: reason for item in objectives}


def _judge(
    members: Sequence[Trainings], cases: Cases, names: Sequence[str]
) -> tuple[dict[int, dict[str, Verdict]], dict[str, str]]:
    """The verdicts on all members but the first against the first, by position and objective; and the gaps."""
    contributions, gaps = _tabulate(members, cases, names)
    if not contributions:
        return {}, gaps
    generator = np.random.default_rng(derive_seed("ablation", cases.seed))
    found: dict[int, dict[str, Verdict]] = {}
    for verdict in judge(contributions, [(place, 0) for place in range(1, len(members))], generator):
        found.setdefault(verdict.first, {})[verdict.objective] = verdict
    return found, gaps


def _tabulate(
    members: Sequence[Trainings], cases: Cases, names: Sequence[str]
) -> tuple[dict[str, Float[np.ndarray, "members seeds _"]], dict[str, str]]:
    """By objective, what every subject contributes under every seed; NaN where a network is not sound."""
    tables = {
        (place, seed): one.table
        for place, trainings in enumerate(members)
        for seed, one in trainings.items()
        if one.table is not None
    }
    if not tables or not names:
        return {}, {}
    first = next(iter(tables.values()))
    _check_same(members, first)
    sampling = find_sampling([*tables.values()], cases.subjects, cases.rule, names)
    gaps = find_gaps(sampling, "validation")
    times = sampling.draw(cases.seed)
    known = {key: find_contributions(table, sampling, cases.rule, times) for key, table in tables.items()}
    seeds = sorted({seed for _, seed in tables})
    found = {}
    for name, one in next(iter(known.values())).items():
        if name in gaps:
            continue
        found[name] = np.full((len(members), len(seeds), one.size), np.nan)
        for (place, seed), rows in known.items():
            found[name][place, seeds.index(seed)] = rows[name]
    return found, gaps


def _check_same(members: Sequence[Trainings], first: ScoreTable) -> None:
    for trainings in members:
        for seed, one in trainings.items():
            if one.table is not None and (one.table.cases, one.table.conditions) != (first.cases, first.conditions):
                raise ValueError(
                    f"trial {one.trial.trial_id} of network {one.trial.candidate.short_hash} with seed {seed} was not "
                    "measured on the same validation cases and conditions as the others, so they cannot be compared"
                )
