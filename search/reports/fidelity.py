"""Whether the quick measurements on the way order trials as the complete ones do, and what the latter cost."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from paretoseg.search.fronts.ranks import measure_kendall, measure_spearman
from paretoseg.search.trials.trial import Trial
from paretoseg.spaces.objective import Objective

MIN_TRIALS = 5
"""With fewer trials a correlation means nothing."""


@dataclass(frozen=True)
class Fidelity:
    """How well the last quick measurement of trials agrees with their complete one, in one objective."""

    objective: str
    """Its name."""

    spearman: float
    """Correlation of the ranks, -1 to 1; higher is better."""

    kendall: float
    """Tau-b: agreeing minus disagreeing pairs, corrected for ties, -1 to 1; higher is better."""

    num_trials: int
    """The number of trials it is computed over."""

    def describe(self) -> str:
        """The numbers in a phrase."""
        return (
            f"{self.objective}: Spearman {self.spearman:.2f}, Kendall {self.kendall:.2f} over {self.num_trials} trials"
        )


def measure_fidelity(trials: Sequence[Trial], objectives: Sequence[Objective]) -> list[Fidelity]:
    """The agreement in every objective, over the finished trials that are not broken.

    The quick measurement is the one after the last step, of the same network that is then measured completely: they
    differ only in how much of the battery and of the cases they use. Trials without one there are left out. Empty with
    fewer than `MIN_TRIALS` trials; leaves out an objective in which all trials are equal.
    """
    measured = [trial for trial in trials if trial.is_eligible and trial.reports and trial.reports[max(trial.reports)]]
    if len(measured) < MIN_TRIALS:
        return []
    found = []
    for name in (objective.name for objective in objectives):
        quick = np.array([trial.reports[max(trial.reports)][name] for trial in measured], dtype=float)
        complete = np.array([trial.objectives[name] for trial in measured], dtype=float)
        if len(np.unique(quick)) > 1 and len(np.unique(complete)) > 1:
            spearman, kendall = measure_spearman(quick, complete), measure_kendall(quick, complete)
            found.append(Fidelity(name, spearman, kendall, len(measured)))
    return found


def describe_no_quick(trials: Sequence[Trial]) -> str:
    """Why a study has no quick measurements, in a phrase; '' if it has some, or no trial has done a step."""
    if any(trial.quick for trial in trials) or not any(trial.reports for trial in trials):
        return ""
    return "no trial is measured before its end, as no pruner decides by that; task.quick_share=0 measures every step"


def measure_battery_share(trials: Sequence[Trial]) -> float | None:
    """The time of the complete measurement by the time of training, median over finished trials; None if unknown."""
    pairs = [(trial.costs.get("battery_seconds"), trial.costs.get("train_seconds")) for trial in trials]
    shares = [battery / training for battery, training in pairs if battery is not None and training]
    return statistics.median(shares) if shares else None


def describe_share(share: float) -> str:
    """What complete measurements cost, in a phrase, with a remedy if they cost more than the training."""
    remedy = "; train for longer (task.iterations_per_step) or lower task.num_battery_cases" if share > 1 else ""
    return f"{share:.0%} of the time of training (median over trials){remedy}"


def describe_fidelity(trials: Sequence[Trial], objectives: Sequence[Objective]) -> list[str]:
    """A sentence on every agreement, and one on what the complete measurement costs, as far as they are known."""
    lines = [
        f"The quick measurement after the last step against the complete one, in {item.describe()}."
        for item in measure_fidelity(trials, objectives)
    ]
    if none := describe_no_quick(trials):
        lines.append(f"{none[0].upper()}{none[1:]}.")
    share = measure_battery_share(trials)
    if share is not None:
        lines.append(f"A complete measurement takes {describe_share(share)}.")
    return lines
