"""What early stopping did in a study: who was stopped and why, and how often that was measured to be wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from paretoseg.search.health.stopping import count_controls
from paretoseg.search.strategies.agreement import Agreement, measure_agreement
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.trial import State, Trial
from paretoseg.spaces.records import encode


@dataclass(frozen=True)
class FalseStops:
    """How many of the trials that would have been stopped and went on as controls are on the front."""

    num_controls: int
    """The controls that have finished."""

    num_on_front: int
    low: float
    """Of the rate, the lower end of its 95 percent interval (Wilson, JASA 22, 1927)."""

    high: float
    """The upper end."""

    @property
    def rate(self) -> float:
        """The share on the front, in [0, 1]; lower is better."""
        return self.num_on_front / self.num_controls


def list_judged(record: StudyRecord) -> list[Trial]:
    """The trials that were stopped with a receipt at least once, or would have been; by id."""
    return [trial for trial in record.trials if trial.receipt is not None]


def measure_false_stops(record: StudyRecord) -> FalseStops | None:
    """The measured rate of false stops, as the front is by now; None before a control has finished."""
    num_controls, num_false = count_controls(record)
    if not num_controls:
        return None
    from scipy.stats import binomtest  # late, as loading it takes long

    interval = binomtest(num_false, num_controls).proportion_ci(method="wilson")
    return FalseStops(num_controls, num_false, float(interval.low), float(interval.high))


def measure_agreements(record: StudyRecord) -> list[Agreement]:
    """How well the rungs at which trials were judged agree with the end, by step and objective."""
    steps = sorted({trial.receipt.step for trial in record.trials if trial.receipt is not None})
    return [one for step in steps for one in measure_agreement(record.trials, step, record.objectives)]


def count_guarded(trials: Sequence[Trial], num_objectives: int) -> dict[tuple[int, tuple[str, ...]], int]:
    """How many of the trials were judged by some of the objectives alone, by step and those objectives."""
    receipts = [trial.receipt for trial in trials if trial.receipt is not None]
    counts = Counter((one.step, one.judged_by) for one in receipts if 0 < len(one.judged_by) < num_objectives)
    return dict(sorted(counts.items()))


def describe_fate(trial: Trial) -> str:
    """What became of a trial with a receipt: 'stopped', 'control', 'went on later'."""
    if trial.is_control:
        return "control"
    return "stopped" if trial.state is State.STOPPED else "went on later"


def to_plain(record: StudyRecord) -> dict[str, Any]:
    """Receipts, false stops and agreements as plain JSON values."""
    false = measure_false_stops(record)
    return {
        "receipts": [
            {"trial_id": trial.trial_id, "fate": describe_fate(trial), "control": trial.is_control}
            | encode(trial.receipt)
            for trial in list_judged(record)
        ],
        "false_stops": false and encode(false) | {"rate": false.rate},
        "agreements": [encode(one) for one in measure_agreements(record)],
        "num_promoted": record.num_continued,
    }
