"""From the journals of studies to what can be rehearsed: studies of the same task are pooled, others stay apart."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from paretoseg.search.rehearsal.recorded_space import RecordedSpace
from paretoseg.search.rehearsal.recorded_table import RecordedTable
from paretoseg.search.rehearsal.recording import Training, read_trainings
from paretoseg.search.trials.events import Created, Event
from paretoseg.search.trials.trial import State
from paretoseg.spaces.constraint import read_kept
from paretoseg.spaces.search_space import SearchSpace

LEAST_CANDIDATES = 50
"""With fewer recorded candidates, a rehearsal says little about strategies."""


@dataclass(frozen=True)
class RecordedStudy:
    """One study with what is recorded of it."""

    created: Created
    kind: Hashable
    """Equal for studies of the same task and data, whose candidates may be pooled."""

    space: SearchSpace
    trainings: tuple[Training, ...]
    num_left_out: int
    """Trials that have no final values, because they were stopped early, lost, or never ended."""

    @property
    def name(self) -> str:
        """Its name."""
        return self.created.study


@dataclass(frozen=True)
class Pool:
    """The studies of one task, and all of their candidates."""

    names: tuple[str, ...]
    created: Created
    """The first record of the first study."""

    table: RecordedTable
    space: RecordedSpace
    notes: tuple[str, ...]
    """What was left out, and whether there is enough to tell anything."""

    @property
    def name(self) -> str:
        """The studies in words."""
        return " + ".join(self.names)


def read_study(events: Sequence[Event], space: SearchSpace, kind: Hashable) -> RecordedStudy:
    """What is recorded of a study.

    Args:
        events: Of its journal.
        space: What it searched.
        kind: Its task and data.

    Raises:
        ValueError: if no trial can be played again.
    """
    created = events[0]
    assert isinstance(created, Created), "the journal was checked"
    trainings = read_trainings(events)
    if not any(one.trial.state is State.FINISHED for one in trainings):
        raise ValueError(
            f"study '{created.study}' has no finished trial, so there is nothing to play; resume it with `paretoseg "
            f"search study={created.study}`"
        )
    num_trials = sum(event.kind == "started" for event in events)
    left_out = num_trials - len(trainings)
    return RecordedStudy(created, (kind, created.objectives, created.constraints), space, tuple(trainings), left_out)


def pool_studies(studies: Sequence[RecordedStudy]) -> list[Pool]:
    """The studies by task, each group in the space of its first study."""
    groups: dict[Hashable, list[RecordedStudy]] = {}
    for study in studies:
        groups.setdefault(study.kind, []).append(study)
    return [_pool(group) for group in groups.values()]


def _pool(studies: Sequence[RecordedStudy]) -> Pool:
    first = studies[0]
    every = [training for study in studies for training in study.trainings]
    inside = [training for training in every if _is_inside(first.space, training)]
    table = RecordedTable(inside, first.created.objectives, read_kept(first.created.constraints))
    notes = []
    if left_out := sum(study.num_left_out for study in studies):
        notes.append(f"{_count(left_out)} left out, without final values: stopped early, lost or not over")
    if outside := len(every) - len(inside):
        notes.append(f"{_count(outside)} left out, outside the space of {first.name}")
    if len(table.candidates) < LEAST_CANDIDATES:
        notes.append(
            f"only {len(table.candidates)} candidates are recorded, and fewer than {LEAST_CANDIDATES} are too few to "
            "tell strategies apart; name further studies of the same task and data, whose candidates are pooled"
        )
    space = RecordedSpace(first.space, table.candidates)
    return Pool(tuple(dict.fromkeys(study.name for study in studies)), first.created, table, space, tuple(notes))


def _is_inside(space: SearchSpace, training: Training) -> bool:
    try:
        space.encode(training.trial.candidate)
    except ValueError:
        return False
    return True


def _count(number: int) -> str:
    return "1 trial is" if number == 1 else f"{number} trials are"
