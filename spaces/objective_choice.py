"""What a search optimises, chosen by name among what its task can measure."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from paretoseg.spaces.objective import Measurement, Objective
from paretoseg.spaces.suggestion import suggest

SCORE_NAMES = ("accuracy", "robustness", "worst_group", "nsd")
"""The objectives that are scores of predictions on cases."""

OBJECTIVE_NAMES = (
    *SCORE_NAMES,
    *("parameters", "flops", "latency_ms", "memory_gb", "train_seconds"),
)
"""Everything that may be an objective of some task."""

USUAL = ("accuracy", "robustness")
"""The objectives of a search that chooses none."""

EXACT = frozenset({"parameters", "flops"})
"""Objectives that a candidate alone decides: no training seed and no measurement adds noise to them."""


@dataclass(frozen=True)
class ObjectiveChoice:
    """The objectives of a search, and what its tables hold beside them."""

    objectives: tuple[Objective, ...]
    """What is optimised, in the order in which it was named."""

    beside: tuple[str, ...] = ()
    """Scores that are measured too, and kept among the costs: the usual ones, and those with a constraint."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the objectives."""
        return tuple(item.name for item in self.objectives)

    def name_costs(self, costs: Sequence[str]) -> tuple[str, ...]:
        """The columns of tables beside the objectives, given the costs that the task measures."""
        return (*(name for name in costs if name not in self.names), *self.beside)

    def select(self, values: Mapping[str, float]) -> Measurement:
        """The objectives among everything that was measured."""
        return Measurement({name: values[name] for name in self.names})


def choose_objectives(
    measurable: Sequence[Objective],
    names: Sequence[str],
    reference: Mapping[str, float] | None = None,
    constrained: Sequence[str] = (),
) -> ObjectiveChoice:
    """The objectives of these names.

    Args:
        measurable: What the task can optimise.
        names: What the search optimises, at least two.
        reference: By objective, the worst value that still counts, where it is not the usual one.
        constrained: Names that have a constraint, so that they are measured too.

    Raises:
        ValueError: if there are fewer than two, one is unknown, named twice or not measured by the task, or a reference
            is of no objective or out of range; in one line.
    """
    known = {item.name: item for item in measurable}
    for name in names:
        _check_name(name, known)
    if twice := [name for place, name in enumerate(names) if name in names[:place]]:
        raise ValueError(f"objectives names {twice[0]} twice; name every objective once")
    if len(names) < 2:
        raise ValueError(f"objectives must name at least two, got {_show(names)}; known: {', '.join(known)}")
    wanted = dict(reference or {})
    if strange := [name for name in wanted if name not in names]:
        raise ValueError(
            f"reference names {strange[0]}, which is no objective of this search; its objectives: {', '.join(names)}"
        )
    objectives = tuple(_with_reference(known[name], wanted.get(name)) for name in names)
    scores = [name for name, item in known.items() if item.ideal is None]
    beside = tuple(name for name in scores if name not in names and name in {*USUAL, *constrained})
    return ObjectiveChoice(objectives, beside)


def _check_name(name: str, known: Mapping[str, Objective]) -> None:
    if name in known:
        return
    if name in OBJECTIVE_NAMES:
        raise ValueError(f"this task does not measure {name} apart; its objectives may be {', '.join(known)}")
    raise ValueError(f"unknown objective '{name}'; {suggest(name, known)}known: {', '.join(known)}")


def _with_reference(objective: Objective, value: float | None) -> Objective:
    if value is None:
        return objective
    if not math.isfinite(value):
        raise ValueError(f"reference.{objective.name} must be finite, got {value}")
    if objective.ideal is not None and value <= objective.ideal:
        raise ValueError(
            f"reference.{objective.name} must be above {objective.ideal:g} {objective.unit}, where its scale starts, "
            f"got {value:g}"
        )
    return dataclasses.replace(objective, reference=float(value))


def _show(names: Sequence[str]) -> str:
    return f"[{','.join(names)}]"
