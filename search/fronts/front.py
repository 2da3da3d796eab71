"""The result of a search: the trials that no other dominates."""

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
    """The nondominated trials of a study, best first in the first objective; of equal ones, the earlier first."""

    trials: tuple[Trial, ...]
    """The members."""

    losses: Float[np.ndarray, "trials objectives"]
    """Their objectives, turned so that lower is better."""

    hypervolume: float
    """The volume that they dominate, up to the objectives' fixed reference point; higher is better."""


def read_front(trials: Sequence[Trial], objectives: Sequence[Objective]) -> Front:
    """The front of the finished trials; failed, stopped, running and degenerate ones do not count."""
    return extend_front(empty_front(objectives), trials, objectives)


def empty_front(objectives: Sequence[Objective]) -> Front:
    """The front of no trials."""
    return Front((), to_losses(objectives, []), 0.0)


def extend_front(front: Front, trials: Sequence[Trial], objectives: Sequence[Objective]) -> Front:
    """The front of all trials so far and of further ones.

    The members and the newcomers suffice: a trial that one of them dominates can never join the front again. So the
    time of an update depends on the size of the front only, not on the number of trials.

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
