"""Says that a front is a single network, and what may bring out a trade-off."""

from __future__ import annotations

from paretoseg.search.study.record import StudyRecord

_BATTERY = "battery_seconds"
"""The cost that only tasks with corruptions have."""


def describe_single(record: StudyRecord) -> list[str]:
    """One line if one network is best in all objectives, of several that were compared; else empty."""
    members, num_compared = record.front.results, len(record.feasible)
    if len(members) != 1 or num_compared < 2:
        return []
    names = [objective.name for objective in record.objectives]
    best = f"best in {'both' if len(names) == 2 else 'all'} {', '.join(names[:-1])} and {names[-1]}"
    found = f"one network (trial {members[0].number}) of {num_compared} is {best}"
    return [f"No trade-off found: {found}. {_say_what_to_try(record)}"]


def _say_what_to_try(record: StudyRecord) -> str:
    """What may bring out a trade-off, of what this study has."""
    names, costs = [objective.name for objective in record.objectives], record.created.cost_names
    tries = ["a wider space (space.preset=full)", "more trials"]
    if _BATTERY in costs:
        tries.insert(0, "stronger or other corruptions (task.severities, task.corruptions)")
    if "parameters" in costs:
        tries.append(f"a cost as an objective ('objectives=[{','.join([*names, 'parameters'])}]')")
    return f"To look for one, try {', '.join(tries[:-1])}, or {tries[-1]}."
