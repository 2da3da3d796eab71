"""How the front grew: its hypervolume after every trial that ended."""

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
    """How many trials had ended by then, this one included, however they ended."""

    hours: float
    """How long the search had run, summed over its sessions."""

    hypervolume: float
    """Of the front at that time, measured from the objectives' fixed references; never decreases."""


def follow_front(events: Sequence[Event]) -> list[Milestone]:
    """A milestone for every trial that ended, in the order of their ends.

    Raises:
        ValueError: if the first event is not the creation of the study.
    """
    record = StudyRecord(events[:1])
    milestones: list[Milestone] = []
    for event in events[1:]:
        record.add(event)
        if isinstance(event, Finished | Stopped | Failed):
            milestone = Milestone(event.trial_id, len(milestones) + 1, record.hours_used, record.front.hypervolume)
            milestones.append(milestone)
    return milestones
