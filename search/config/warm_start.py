"""The candidates that earlier studies found, from the key `strategy.warm_start`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from paretoseg.search.candidates.result import Result
from paretoseg.search.config.stored_task import compose_stored
from paretoseg.search.fronts.front import find_front
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.study.record import StudyRecord
from paretoseg.spaces.search_space import Candidate, SearchSpace
from paretoseg.trainables.data.datasets import Dataset, load_once
from paretoseg.trainables.image_task import ImageTask
from paretoseg.trainables.trainable import Task


@dataclass(frozen=True)
class WarmStart:
    """What earlier studies give to a new one."""

    candidates: tuple[Candidate, ...]
    notes: tuple[str, ...]
    """What does not fit, with the reason; one line for each candidate."""


def read_warm_start(
    locations: Sequence[str], task: Task, space: SearchSpace, *, most: int, known: Sequence[Candidate] = ()
) -> WarmStart:
    """The best candidates of earlier studies: those on the front, then the next best, up to a number for each study.

    Args:
        locations: Folders or URIs of the studies.
        task: That of the new study.
        space: What the new study searches.
        most: How many candidates each study gives.
        known: Candidates that are proposed anyway.

    Raises:
        ValueError: if a study cannot be read, or is of another task; in one line.
    """
    found: dict[Candidate, None] = {}
    notes = []
    for location in locations:
        for number, candidate in _list_best(_read_study(location, task), most):
            reason = _find_obstacle(candidate, space)
            if reason:
                notes.append(f"the warm start leaves out candidate {number} of {location}: {reason}")
            elif candidate not in known:
                found[candidate] = None
    return WarmStart(tuple(found), tuple(notes))


def _list_best(record: StudyRecord, most: int) -> list[tuple[int, Candidate]]:
    """Candidates with their numbers, front by front."""
    left = [result for result in record.feasible if result.candidate not in record.created.baselines]
    best: list[Result] = []
    while left and len(best) < most:
        front = find_front(left, record.objectives)
        best += front.results
        members = {result.number for result in front.results}
        left = [result for result in left if result.number not in members]
    return [(result.number, result.candidate) for result in best[:most]]


def _find_obstacle(candidate: Candidate, space: SearchSpace) -> str:
    """Why a candidate cannot be trained in this space, or ''."""
    try:
        space.encode(candidate)
    except ValueError as error:
        return str(error)
    if space.repair(candidate) != candidate:
        return "this space builds another network from the same values"
    return "" if space.allows(candidate) else "it breaks a constraint that is known before a training"


def _read_study(location: str, task: Task) -> StudyRecord:
    folder = StudyFolder(location)
    try:
        record = folder.read_record()
        before = compose_stored(folder, record.created).experiment.build_task()
    except ValueError as error:
        raise ValueError(f"strategy.warm_start: '{location}' cannot be read: {error}") from None
    difference = _compare(record, before, task)
    if difference:
        raise ValueError(f"strategy.warm_start: '{location}' is of another task: {difference}; leave it out")
    return record


def _compare(record: StudyRecord, before: Task, task: Task) -> str:
    """What makes an earlier study one of another task, in words, or ''."""
    if type(before) is not type(task):
        return f"its task is {type(before).__name__}, not {type(task).__name__}"
    names, wanted = ([item.name for item in items] for items in (record.objectives, task.objectives()))
    if set(names) != set(wanted):
        return f"its objectives are {', '.join(names)}, not {', '.join(wanted)}"
    if not isinstance(before, ImageTask) or not isinstance(task, ImageTask) or before.data == task.data:
        return ""
    return _compare_data(_load(before), load_once(task.data))


def _compare_data(before: Dataset | None, now: Dataset) -> str:
    """How the data differs in what shapes a network; '' if the earlier data is gone, so that it is not known."""
    if before is None:
        return ""
    if before.spatial_dims != now.spatial_dims:
        return f"its images have {before.spatial_dims} spatial axes, not {now.spatial_dims}"
    if before.class_names != now.class_names:
        return f"its classes are {', '.join(before.class_names)}, not {', '.join(now.class_names)}"
    return ""


def _load(task: ImageTask) -> Dataset | None:
    try:
        task.data.check()
        return load_once(task.data)
    except (ValueError, OSError):
        return None
