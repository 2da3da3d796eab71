"""How a front changes when its trials are measured again: which trials leave and join, hypervolume, and order."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from paretoseg.search.fronts.front import Front, read_front
from paretoseg.search.fronts.order import measure_agreement
from paretoseg.search.trials.trial import Trial
from paretoseg.spaces.constraint import Constraint
from paretoseg.spaces.objective import Objective


@dataclass(frozen=True)
class Move:
    """One trial before and after."""

    before: Trial
    after: Trial
    """The same trial with the objectives and the degeneracy of the new measurement."""

    was_on_front: bool
    is_on_front: bool

    @property
    def verdict(self) -> str:
        """Whether it stays on the front: 'stays', 'leaves', 'joins' or 'off' (on neither front)."""
        if self.was_on_front:
            return "stays" if self.is_on_front else "leaves"
        return "joins" if self.is_on_front else "off"


@dataclass(frozen=True)
class Drift:
    """The trials that were measured twice, and the fronts of these trials alone, before and after."""

    moves: tuple[Move, ...]
    """Best first in the first objective as it was before."""

    front_before: Front
    front_after: Front

    taus: Mapping[str, float | None]
    """By objective, Kendall's tau-b between the trials' order before and after: 1 if it is the same, -1 if it is
    reversed; None with fewer than two trials, or if all are equal on one side."""

    objectives: tuple[tuple[Objective, Objective], ...]
    """Every objective before and after: one may have another unit or direction if it is of another kind."""


def measure_drift(
    before: Sequence[Trial],
    after: Mapping[int, Trial],
    *,
    objectives_before: Sequence[Objective],
    objectives_after: Sequence[Objective],
    constraints: Sequence[Constraint] = (),
) -> Drift:
    """The drift between two measurements of the same trials.

    Args:
        before: The trials as the study measured them.
        after: The same trials by id, with the new measurements; those that are missing are left out of both fronts.
        objectives_before: What the study measured.
        objectives_after: What was measured again, under the same names.
        constraints: Of the study; what breaks one is on neither front.
    """
    known = [trial for trial in before if trial.trial_id in after]
    measured = [after[trial.trial_id] for trial in known]
    fronts = (
        read_front(known, objectives_before, constraints),
        read_front(measured, objectives_after, constraints),
    )
    was, now = ({trial.trial_id for trial in front.all_trials} for front in fronts)
    moves = [Move(old, new, old.trial_id in was, new.trial_id in now) for old, new in zip(known, measured, strict=True)]
    first = objectives_before[0]
    moves.sort(key=lambda move: (first.to_loss(move.before.objectives[first.name]), move.before.trial_id))
    pairs = tuple(zip(objectives_before, objectives_after, strict=True))
    taus = {old.name: _measure_order(moves, old, new) for old, new in pairs}
    return Drift(tuple(moves), *fronts, taus, pairs)


def with_measurements(
    trial: Trial, objectives: Mapping[str, float], degenerate: str, test: Mapping[str, float]
) -> Trial:
    """The trial with these measurements in place of its own, and nothing beside them."""
    return dataclasses.replace(
        trial, objectives=objectives, degenerate=degenerate, test=test, note="", profile=None, test_profile=None
    )


def _measure_order(moves: Sequence[Move], before: Objective, after: Objective) -> float | None:
    """Whether two measurements of one objective, both turned to losses, order the trials alike."""
    first = [before.to_loss(move.before.objectives[before.name]) for move in moves]
    second = [after.to_loss(move.after.objectives[after.name]) for move in moves]
    return measure_agreement(first, second)
