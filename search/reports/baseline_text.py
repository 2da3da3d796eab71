"""The baselines of a study in words: where each of them stands beside the front."""

from __future__ import annotations

from paretoseg.search.candidates.result import Result
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.study.voxels import TRAINED_VOXELS
from paretoseg.search.trials.trial import BASELINE, State, Trial
from paretoseg.spaces.objective import to_losses
from paretoseg.trainables.segmentation.length import ITERATIONS, Length
from paretoseg.trainables.segmentation.settings import USUAL_BATCH_PIXELS

_MOST_NAMED = 5

ENOUGH_VOXELS = ITERATIONS[Length.standard] * min(USUAL_BATCH_PIXELS.values())
"""Pixels or voxels of a training below which nothing is said about nnU-Net: its momentum of .99 wants many steps."""


def describe_baselines(record: StudyRecord) -> list[str]:
    """A line for every baseline that was started: what it has reached, and which candidates dominate it."""
    return [_describe(record, trial) for trial in record.trials if trial.origin == BASELINE]


def _describe(record: StudyRecord, trial: Trial) -> str:
    head = f"Baseline {record.created.name_baseline(trial.candidate)} (trial {trial.trial_id})"
    result = record.ledger.find(trial.candidate)
    if result is None:
        return f"{head}: {_explain(trial)}."
    values = ", ".join(f"{item.name} {result.objectives[item.name]:.3f}" for item in record.objectives)
    return f"{head}: {values}; {_compare(record, result)}{_doubt(result)}."


def _doubt(result: Result) -> str:
    """Why the comparison says nothing about nnU-Net, if its training was short."""
    if result.as_trial.costs.get(TRAINED_VOXELS, ENOUGH_VOXELS) >= ENOUGH_VOXELS:
        return ""
    return ", but its training is too short for a verdict on nnU-Net (task.length=standard or full)"


def _explain(trial: Trial) -> str:
    """Why it has no values."""
    if trial.state is State.RUNNING:
        return "not over yet"
    if trial.failure is not None:
        return f"failed ({trial.failure.kind}: {trial.failure.reason})"
    return trial.degenerate or "stopped before its end"


def _compare(record: StudyRecord, result: Result) -> str:
    if not result.is_feasible:
        return "it breaks a constraint"
    members = record.front.results
    if any(one.number == result.number for one in members):
        return "on the front, so no candidate dominates it"
    losses = to_losses(record.objectives, [one.objectives for one in (result, *members)])
    better = [
        one.number
        for one, loss in zip(members, losses[1:], strict=True)
        if (loss <= losses[0]).all() and (loss < losses[0]).any()
    ]
    named = ", ".join(map(str, better[:_MOST_NAMED])) + (" and others" if len(better) > _MOST_NAMED else "")
    return f"dominated by candidate{'s' * (len(better) > 1)} {named}"
