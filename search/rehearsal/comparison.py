"""How options compare: means over repetitions along the budget, and paired differences to the first option."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from paretoseg.search.rehearsal.rehearsal import Option, Plan, Run

SHARES = (0.25, 0.5, 1.0)
"""The shares of the budget at which options are compared."""

LEVEL = 0.95
"""How often an interval holds the mean over endless repetitions."""

NUM_RESAMPLES = 4000
NUM_PLACES = 101
"""Points of a curve."""


@dataclass(frozen=True)
class Interval:
    """A mean over repetitions with its bootstrap interval."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """True if all of the interval lies on one side of 0."""
        return self.low > 0.0 or self.high < 0.0


@dataclass(frozen=True)
class Milestone:
    """What an option has reached at a share of the budget."""

    share: float
    """Of the budget, in (0, 1]."""

    spent: float
    """GPU-hours."""

    hypervolume: Interval
    difference: Interval | None
    """Of the hypervolume to that of the first option, repetition by repetition; None for the first option."""


@dataclass(frozen=True)
class Curve:
    """The mean hypervolume over hours."""

    hours: Float[np.ndarray, " places"]
    mean: Float[np.ndarray, " places"]
    low: Float[np.ndarray, " places"]
    high: Float[np.ndarray, " places"]


@dataclass(frozen=True)
class Outcome:
    """What the rehearsal says about an option."""

    option: Option
    milestones: tuple[Milestone, ...]
    by_spent: Curve
    """Over GPU-hours."""

    by_time: Curve
    """Over the hours that the search runs, until the last of its repetitions ends."""

    runs: tuple[Run, ...]

    def mean(self, name: str) -> float:
        """The mean of a number of runs, such as `num_started`."""
        return float(np.mean([getattr(run, name) for run in self.runs]))

    def total(self, name: str) -> int:
        """The sum of a count over all runs, such as `num_proposed`."""
        return int(sum(getattr(run, name) for run in self.runs))


def compare(plan: Plan, options: Sequence[Option], runs: Sequence[Sequence[Run]]) -> list[Outcome]:
    """What the runs say about every option.

    Intervals are percentile bootstrap intervals over repetitions (Efron and Tibshirani, An Introduction to the
    Bootstrap, 1993, chapter 13). Repetitions of all options are resampled together, so differences stay paired.
    """
    times = np.random.default_rng(plan.seed).multinomial(
        plan.repetitions, np.full(plan.repetitions, 1.0 / plan.repetitions), NUM_RESAMPLES
    )
    weights = times / plan.repetitions
    places = np.array(SHARES) * plan.hours
    reached = [read_at(of_option, places, "spent") for of_option in runs]
    return [
        Outcome(
            option=option,
            milestones=tuple(
                Milestone(
                    share=share,
                    spent=float(places[column]),
                    hypervolume=_bootstrap(values[:, column], weights),
                    difference=_bootstrap(values[:, column] - reached[0][:, column], weights) if number else None,
                )
                for column, share in enumerate(SHARES)
            ),
            by_spent=_draw_curve(of_option, np.linspace(0.0, plan.hours, NUM_PLACES), "spent", weights),
            by_time=_draw_curve(
                of_option, np.linspace(0.0, max(run.total_hours for run in of_option), NUM_PLACES), "hours", weights
            ),
            runs=tuple(of_option),
        )
        for number, (option, values, of_option) in enumerate(zip(options, reached, runs, strict=True))
    ]


def read_at(runs: Sequence[Run], places: Float[np.ndarray, " places"], axis: str) -> Float[np.ndarray, "runs places"]:
    """The hypervolume of every run at these hours; 0 before its first candidate.

    Args:
        runs: Of an option.
        places: Hours along the axis.
        axis: 'spent' for GPU-hours, 'hours' for those that the search runs.
    """
    rows = []
    for run in runs:
        hours: np.ndarray = getattr(run, axis)
        found = np.searchsorted(hours, places * (1.0 + 1e-9), side="right")
        rows.append(np.concatenate([[0.0], run.hypervolume])[found])
    return np.array(rows)


def _bootstrap(values: Float[np.ndarray, " runs"], weights: Float[np.ndarray, "resamples runs"]) -> Interval:
    tail = (1.0 - LEVEL) / 2.0
    low, high = np.quantile(weights @ values, [tail, 1.0 - tail])
    return Interval(float(values.mean()), float(low), float(high))


def _draw_curve(
    runs: Sequence[Run],
    places: Float[np.ndarray, " places"],
    axis: str,
    weights: Float[np.ndarray, "resamples runs"],
) -> Curve:
    values = read_at(runs, places, axis)
    tail = (1.0 - LEVEL) / 2.0
    low, high = np.quantile(weights @ values, [tail, 1.0 - tail], axis=0)
    return Curve(places, values.mean(axis=0), low, high)
