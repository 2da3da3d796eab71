"""Says that a front is a single network, and what may bring out a trade-off."""

from __future__ import annotations

from paretoseg.search.study.record import StudyRecord

_TO_TRY = (
    "To look for one, try stronger or other corruptions (task.severities, task.corruptions), a wider space "
    "(space.preset=full), more trials, or a cost as an objective ('objectives=[accuracy,robustness,parameters]')."
)


def describe_single(record: StudyRecord) -> list[str]:
    """One line if one network is best in all objectives, of several that were compared; else empty."""
    members, num_compared = record.front.results, len(record.feasible)
    if len(members) != 1 or num_compared < 2:
        return []
    names = [objective.name for objective in record.objectives]
    best = f"best in {'both' if len(names) == 2 else 'all'} {', '.join(names[:-1])} and {names[-1]}"
    return [f"No trade-off found: one network (trial {members[0].number}) of {num_compared} is {best}. {_TO_TRY}"]
