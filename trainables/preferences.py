"""Tasks that can optimise more than one pair of numbers, and that know some costs before a training."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Protocol, runtime_checkable

import numpy as np

from paretoseg.spaces.constraint import Constraint, find_broken, read_constraints
from paretoseg.spaces.objective import Direction, Objective
from paretoseg.spaces.objective_choice import SCORE_NAMES, USUAL, ObjectiveChoice, choose_objectives
from paretoseg.spaces.search_space import Candidate, Limits, SearchSpace
from paretoseg.trainables.trainable import Task

NUM_DRAWN = 1000
"""How many candidates are drawn in search of one that meets the constraints which are known without a training."""

_MAX_KEPT = 20_000
"""How many predictions are kept: as many as a finite space may list."""


@runtime_checkable
class PreferenceTask(Task, Protocol):
    """A task whose objectives can be chosen."""

    def measurable(self) -> tuple[Objective, ...]:
        """Everything that it can optimise."""
        ...

    def choose(self, choice: ObjectiveChoice) -> Task:
        """The same task with these objectives."""
        ...

    def predictable(self) -> tuple[str, ...]:
        """The costs that are known without a training."""
        ...

    def predict(self, candidate: Candidate, names: Collection[str]) -> dict[str, float]:
        """The costs of a candidate, of those in `predictable` that are named, as its training would report them."""
        ...


def apply_preferences(
    task: Task, objectives: Sequence[str], reference: Mapping[str, float], constraints: Sequence[str]
) -> tuple[Task, tuple[Constraint, ...]]:
    """The task with the objectives that a search names, and the constraints of the search.

    Raises:
        ValueError: if an objective or a constraint is unknown, named twice, contradictory or cannot be measured; in one
            line.
    """
    if not isinstance(task, PreferenceTask):
        _check_usual(task, objectives, reference)
        own = task.objectives()
        names = [*(item.name for item in own), *task.cost_names()]
        return task, read_constraints(constraints, names, _find_ranges(own, task.cost_names()))
    measurable = task.measurable()
    names = list(dict.fromkeys([*(item.name for item in measurable), *task.cost_names()]))
    found = read_constraints(constraints, names, _find_ranges(measurable, task.cost_names()))
    choice = choose_objectives(measurable, objectives, reference, [item.name for item in found])
    is_usual = choice.objectives == task.objectives() and not choice.beside
    return (task if is_usual else task.choose(choice)), found


def _find_ranges(measurable: Sequence[Objective], costs: Sequence[str]) -> dict[str, tuple[float, float]]:
    """The values that numbers can have: costs are not negative, and scores lie between 0 and 1.

    A robustness is a score if it is one in the unit of accuracy of which higher is better; other kinds have no range.
    """
    units = {item.unit for item in measurable if item.name == "accuracy"}
    scores = [
        item.name
        for item in measurable
        if item.name in SCORE_NAMES and item.direction is Direction.MAXIMISE and item.unit in {*units, "NSD"}
    ]
    lowest = [*(item.name for item in measurable if item.ideal is not None), *costs]
    return {**dict.fromkeys(lowest, (0.0, math.inf)), **dict.fromkeys(scores, (0.0, 1.0))}


def _check_usual(task: Task, objectives: Sequence[str], reference: Mapping[str, float]) -> None:
    own = [item.name for item in task.objectives()]
    if list(objectives) not in (own, list(USUAL)) or reference:  # the usual ones are those of a search that names none
        raise ValueError(
            f"this task has the objectives {', '.join(own)}, and no others can be chosen; leave out objectives and "
            "reference"
        )


def limit_space(
    space: SearchSpace, task: Task, constraints: Sequence[Constraint], generator: np.random.Generator
) -> SearchSpace:
    """The space with those of the constraints as limits that are known without a training.

    Args:
        space: What is searched.
        task: What a trial does.
        constraints: All constraints of the search.
        generator: Draws candidates until one meets the constraints: the default one is looked at first.

    Raises:
        ValueError: if none of `NUM_DRAWN` candidates meets them; in one line.
    """
    if not isinstance(task, PreferenceTask):
        return space
    cheap = [item for item in constraints if item.name in task.predictable()]
    if not cheap:
        return space
    names = {item.name for item in cheap}

    @lru_cache(maxsize=_MAX_KEPT)
    def predict(candidate: Candidate) -> dict[str, float]:
        return task.predict(candidate, names)

    def is_met(candidate: Candidate) -> bool:
        return not find_broken(cheap, predict(candidate))

    drawn = []
    for candidate in itertools.islice(_draw(space, generator), NUM_DRAWN):
        drawn.append(predict(candidate))
        if not find_broken(cheap, drawn[-1]):
            return space.with_limits(Limits(is_met, candidate))
    raise ValueError(_explain_nothing(cheap, drawn))


def find_forbidden(task: Task, constraints: Sequence[Constraint], candidate: Candidate) -> tuple[str, ...]:
    """The constraints that are known without a training and that a candidate breaks, as text."""
    if not isinstance(task, PreferenceTask):
        return ()
    cheap = [item for item in constraints if item.name in task.predictable()]
    return find_broken(cheap, task.predict(candidate, {item.name for item in cheap})) if cheap else ()


def _draw(space: SearchSpace, generator: np.random.Generator) -> Iterator[Candidate]:
    yield space.default()
    while True:
        yield space.sample(generator)


def _explain_nothing(constraints: Sequence[Constraint], drawn: Sequence[Mapping[str, float]]) -> str:
    """Why no candidate was found: the constraint that none meets alone, or all of them together."""
    for item in constraints:
        values = [one[item.name] for one in drawn]
        if not any(map(item.is_met, values)):
            best, word = (max(values), "largest") if item.is_least else (min(values), "smallest")
            return (
                f"none of {len(drawn):,} drawn candidates meets {item}; the {word} has {_show(best)}; change the "
                "bound, or open the space"
            )
    together = " and ".join(map(str, constraints))
    return f"none of {len(drawn):,} drawn candidates meets {together} together; change a bound, or open the space"


def _show(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
