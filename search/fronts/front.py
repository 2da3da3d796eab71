"""The answer of a search: the trials that no other dominates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from paretoseg.search.fronts.dominance import find_nondominated, measure_hypervolume
from paretoseg.search.trials.trial import Trial
from paretoseg.spaces.objective import Objective, reference_point, to_losses


@dataclass(frozen=True)
class Front:
    """The nondominated trials of a study, best first in the first objective, of equal ones the earlier trial."""

    trials: tuple[Trial, ...]
    """The members."""

    losses: Float[np.ndarray, "trials objectives"]
    """Their objectives, turned so that lower is better."""

    hypervolume: float
    """What they dominate, up to the objectives' fixed references; higher is better."""


def read_front(trials: Sequence[Trial], objectives: Sequence[Objective]) -> Front:
    """The front of the finished trials; failed, stopped, running and degenerate ones do not count."""
    return extend_front(empty_front(objectives), trials, objectives)


def empty_front(objectives: Sequence[Objective]) -> Front:
    """The front of no trials."""
    return Front((), to_losses(objectives, []), 0.0)


def extend_front(front: Front, trials: Sequence[Trial], objectives: Sequence[Objective]) -> Front:
    """The front of the trials behind a front and of further ones.

    Its members and the newcomers suffice: what one of them dominates never comes back. So a front that is followed
    from trial to trial costs as much as it has members, however many trials there are.

    Args:
        front: The front so far.
        trials: The newcomers. A trial that is a member already is a later record of it, with the same objectives,
            and takes its place.
        objectives: What both are made of.
    """
    records = {trial.trial_id: trial for trial in trials}
    members = [records.pop(trial.trial_id, trial) for trial in front.trials]
    newcomers = [trial for trial in records.values() if trial.is_eligible]
    candidates = [*members, *newcomers]
    losses = np.concatenate([front.losses, to_losses(objectives, [trial.objectives for trial in newcomers])])
    chosen = np.flatnonzero(find_nondominated(losses))
    order = chosen[np.lexsort(([candidates[place].trial_id for place in chosen], losses[chosen, 0]))]
    return Front(
        trials=tuple(candidates[place] for place in order),
        losses=losses[order],
        hypervolume=measure_hypervolume(losses[order], reference_point(objectives)),
    )
