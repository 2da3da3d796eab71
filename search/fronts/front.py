"""The answer of a search: the trials that no other dominates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from paretoseg.search.fronts.dominance import find_nondominated
from paretoseg.search.fronts.hypervolume import measure_hypervolume
from paretoseg.search.trials.trial import Trial
from paretoseg.spaces.objective import Objective, reference_point, to_losses


@dataclass(frozen=True)
class Front:
    """The nondominated trials of a study, best first in the first objective."""

    trials: tuple[Trial, ...]
    """The members."""

    losses: Float[np.ndarray, "trials objectives"]
    """Their objectives, turned so that lower is better."""

    hypervolume: float
    """What they dominate, up to the objectives' fixed references; higher is better."""


def read_front(trials: Sequence[Trial], objectives: Sequence[Objective]) -> Front:
    """The front of the finished trials; failed, stopped, running and degenerate ones do not count."""
    eligible = [trial for trial in trials if trial.is_eligible]
    losses = to_losses(objectives, [trial.objectives for trial in eligible])
    chosen = np.flatnonzero(find_nondominated(losses))
    order = chosen[np.lexsort((chosen, losses[chosen, 0]))]
    return Front(
        trials=tuple(eligible[index] for index in order),
        losses=losses[order],
        hypervolume=measure_hypervolume(losses[order], reference_point(objectives)),
    )
