"""The drop from clean to corrupted images of a trial, which is reported beside its objectives and never optimised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from paretoseg.search.trials.trial import Trial
from paretoseg.spaces.objective import Direction, Objective

ACCURACY, ROBUSTNESS = "accuracy", "robustness"


@dataclass(frozen=True)
class Drop:
    """How much worse a network is on corrupted images than on clean ones.

    Neither number is an objective: a network that is bad everywhere has no drop.
    """

    drop: float
    """The clean score - the corrupted one, in the unit of both; lower is better."""

    retention: float | None
    """The corrupted score / the clean one, 1 for a network without a drop; None if the clean one is 0."""


def measure_drop(trial: Trial, objectives: Sequence[Objective]) -> Drop | None:
    """The drop of a trial over the cases that were corrupted.

    Earlier versions recorded no scores of the same cases: their trials drop from accuracy, over all cases, to
    robustness.

    Returns:
        None if it is not measured: the trial has not finished, or no corruption counts; for trials of earlier versions
        also if robustness is no score in the unit of accuracy.
    """
    if trial.profile is not None:
        corrupted = trial.profile.corrupted
        return None if corrupted is None else _compare(trial.profile.clean, corrupted)
    known = {objective.name: objective for objective in objectives}
    if not {ACCURACY, ROBUSTNESS} <= known.keys() & trial.objectives.keys():
        return None
    pair = [known[name] for name in (ACCURACY, ROBUSTNESS)]
    if pair[0].unit != pair[1].unit or {item.direction for item in pair} != {Direction.MAXIMISE}:
        return None
    return _compare(trial.objectives[ACCURACY], trial.objectives[ROBUSTNESS])


def _compare(clean: float, changed: float) -> Drop:
    return Drop(clean - changed, changed / clean if clean > 0 else None)
