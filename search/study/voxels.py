"""How many training voxels a search has seen: a budget that is the same on every machine."""

from __future__ import annotations

from collections.abc import Sequence

from paretoseg.search.trials.trial import CONFIRMATION, State, Trial

TRAINED_VOXELS = "train_voxels"
"""The cost of a trial that says how many voxels its training saw."""


def count_voxels(trials: Sequence[Trial]) -> float:
    """The voxels that the trainings of a search have seen so far; those of confirmations come on top of a budget.

    Trials that finished have counted theirs. For others, every step that they have reported counts as much as a step of
    the finished trials does on average; before the first has finished, nothing is known of them.
    """
    searched = [trial for trial in trials if trial.origin != CONFIRMATION]
    finished = [trial for trial in searched if trial.state is State.FINISHED and TRAINED_VOXELS in trial.costs]
    seen = sum(trial.costs[TRAINED_VOXELS] for trial in finished)
    num_steps = sum(max(trial.reports, default=1) for trial in finished)
    others = sum(max(trial.reports, default=0) for trial in searched if trial.state is not State.FINISHED)
    return seen + (others * seen / num_steps if num_steps else 0.0)
