"""How the front grew: its hypervolume after every trial that ended, over trials, hours, or hours of computing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.events import Event, Failed, Finished, Stopped


@dataclass(frozen=True)
class Milestone:
    """The front when a trial had ended."""

    trial_id: int
    num_ended: int
    """How many trials had ended by then, this one included, however they ended, and if they went on later."""

    hours: float
    """How long the search had run, summed over its sessions."""

    compute_hours: float
    """How long the trials that had ended were worked on, in all of their attempts, summed over trials and GPUs."""

    hypervolume: float
    """Of the front at that time, measured from the objectives' fixed references; never decreases."""


def name_compute(num_gpus: float) -> str:
    """What `compute_hours` is called: GPU-hours, or compute hours if trials have no GPU."""
    return "GPU-hours" if num_gpus else "compute hours"


def follow_front(events: Sequence[Event], num_gpus: float = 0.0) -> list[Milestone]:
    """A milestone for every trial that ended, in the order of their ends.

    Args:
        events: Of the study, from its creation on.
        num_gpus: How many GPUs a trial has, or which share of one; without any, the hours of trials are summed as
            they are.

    Raises:
        ValueError: if the first event is not the creation of the study.
    """
    record = StudyRecord(events[:1])
    milestones: list[Milestone] = []
    spent, seconds = 0.0, dict[int, float]()  # by trial: one that was stopped and went on ends twice
    for event in events[1:]:
        record.add(event)
        if isinstance(event, Finished | Stopped | Failed):
            total = record.trials[event.trial_id].total_seconds or 0.0
            spent += total - seconds.get(event.trial_id, 0.0)
            seconds[event.trial_id] = total
            milestones.append(
                Milestone(
                    trial_id=event.trial_id,
                    num_ended=len(seconds),
                    hours=record.hours_used,
                    compute_hours=spent * (num_gpus or 1.0) / 3600,
                    hypervolume=record.front.hypervolume,
                )
            )
    return milestones
