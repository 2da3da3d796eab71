"""Measures how long trials take, in this process, or in one of its own that is started with `python -m`.

The latter reads a pickled `Order` from stdin, and writes what it found to stdout, pickled too.
"""

from __future__ import annotations

import os
import pickle
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from paretoseg.search.running.worker import find_obstacle
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.preferences import PreferenceTask
from paretoseg.trainables.trainable import Assignment, SampledTrainable, Task, TrialSeconds

_FLOPS = "flops"

_NUM_MEASURED = 3
"""Candidates of which parts are measured."""


@dataclass(frozen=True)
class Order:
    """What is to be measured; picklable."""

    task: Task
    assignments: Sequence[Assignment]
    """Of candidates from all over the space."""


def measure_trials(order: Order) -> tuple[float, list[TrialSeconds]] | None:
    """Seconds until this process was ready for its first trial, and what the parts of some trials take.

    Trials that fail are left out. None if all do, or if the task cannot tell.
    """
    began = time.perf_counter()
    if find_obstacle(order.task) is not None:
        return None
    candidates = choose_measured(order.task, [one.candidate for one in order.assignments])
    found, start = [], 0.0
    for place, candidate in enumerate(candidates):
        assignment = replace(order.assignments[0], candidate=candidate)
        try:
            seconds = _measure(order.task, assignment)
        except (ValueError, MemoryError, RuntimeError):  # the trial itself will say what is wrong
            continue
        if seconds is None:
            return None
        if place == 0:  # it also loads the data
            start, seconds = time.perf_counter() - began - seconds.total, replace(seconds, building=0.0)
        found.append(seconds)
    return (max(start, 0.0), found) if found else None


def choose_measured(task: Task, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates in the middle of each third by operations, from few to many; by place if these are not known."""
    flops = [0.0] * len(candidates)
    if isinstance(task, PreferenceTask) and _FLOPS in task.predictable():
        flops = [task.predict(one, [_FLOPS])[_FLOPS] for one in candidates]
    order = sorted(range(len(candidates)), key=flops.__getitem__)
    places = [len(order) * (2 * third + 1) // (2 * _NUM_MEASURED) for third in range(_NUM_MEASURED)]
    return [candidates[order[place]] for place in dict.fromkeys(places)]


def _measure(task: Task, assignment: Assignment) -> TrialSeconds | None:
    began = time.perf_counter()
    trainable = task.build(assignment)
    building = time.perf_counter() - began
    return replace(trainable.sample_seconds(), building=building) if isinstance(trainable, SampledTrainable) else None


def main() -> None:
    """Measures what stdin orders; whatever is printed on the way goes to stderr."""
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    found = measure_trials(pickle.load(sys.stdin.buffer))
    with answer:
        pickle.dump(found, answer)


if __name__ == "__main__":
    main()
