"""What a study makes of its pruner's decisions: who is judged, and who goes on as a control."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from paretoseg.search.strategies.pruner import Pruner
from paretoseg.search.trials.receipt import Receipt
from paretoseg.search.trials.trial import BASELINE, CONFIRMATION, REPLICATE, Trial

_CONTROL_STREAM = 2
"""Keeps the draws of controls apart from those of trials and designs."""


@dataclass(frozen=True)
class Decision:
    """What happens to a trial that has reported."""

    is_stopped: bool
    receipt: Receipt | None = None
    """Why it is stopped, or would be if it were no control; None if the pruner gives no reasons."""


def decide(pruner: Pruner, trial: Trial, step: int, seed: int) -> Decision:
    """Whether a trial that has reported at a step goes on; call `pruner.tell` first.

    Baselines and further seeds of known candidates are not judged, nor are controls once more. A trial that was stopped
    and went on is judged again only after a later step than the one where it was stopped.
    """
    was_judged = trial.receipt is not None and (trial.is_control or step <= trial.receipt.step)
    if was_judged or trial.origin in (BASELINE, REPLICATE, CONFIRMATION):
        return Decision(is_stopped=False)
    found = pruner.judge(trial)
    is_spared = found.receipt is not None and is_control(trial.trial_id, pruner.control_share, seed)
    return Decision(found.is_stopped and not is_spared, found.receipt)


def is_control(trial_id: int, share: float, seed: int) -> bool:
    """True for a random share of the trials; depends on the study's seed and the trial alone."""
    sequence = np.random.SeedSequence(seed, spawn_key=(_CONTROL_STREAM, trial_id))
    return bool(np.random.default_rng(sequence).random() < share)
