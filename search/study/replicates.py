"""Further seeds of known candidates, within the search."""

from __future__ import annotations

from math import inf

import numpy as np

from paretoseg.search.certainty.replication import choose_replicate, is_due
from paretoseg.search.strategies.strategy import Proposal
from paretoseg.search.study.budget import Budget
from paretoseg.search.study.confirmation import Confirmation
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.study.voxels import count_voxels
from paretoseg.search.trials.trial import REPLICATE


def propose_replicate(
    record: StudyRecord, budget: Budget, confirm: Confirmation, generator: np.random.Generator
) -> Proposal | None:
    """A further seed of a known candidate, if one is due and worth a trial.

    Args:
        record: The study so far.
        budget: When its search ends.
        confirm: How many seeds candidates get.
        generator: Of the next trial.
    """
    share, num_trials = confirm.replicates, estimate_trials(budget, record)
    if confirm.seeds == 1 or not is_due(record.num_searched, record.num_replicates, num_trials=num_trials, share=share):
        return None
    tried = {*record.started_with(confirm.seeds), *(trial.candidate for trial in record.running)}
    chosen = choose_replicate(
        record.feasible, record.objectives, record.ledger.effects, tried=tried, generator=generator
    )
    return Proposal(chosen.candidate, REPLICATE) if chosen else None


def estimate_trials(budget: Budget, record: StudyRecord) -> int | float:
    """How many trials the search starts in all: by the share of hours or voxels so far, if these alone end it.

    A function of the journal, so a resumed search makes the same estimate.
    """
    if budget.trial_limit is not None:
        return budget.trial_limit
    shares = [
        *([record.hours_used / budget.hours] if budget.hours is not None else []),
        *([count_voxels(record.trials) / budget.voxels] if budget.voxels is not None else []),
    ]
    return max(record.num_searched / max(shares), record.num_searched + 1) if max(shares) > 0.0 else inf
