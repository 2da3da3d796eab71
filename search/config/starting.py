"""With what a new study starts: the candidates that are known, and whether space and budget suffice."""

from __future__ import annotations

from dataclasses import dataclass

from paretoseg.search.config.baselines import find_baselines
from paretoseg.search.config.config import Experiment
from paretoseg.search.config.known_points import read_known
from paretoseg.search.config.warm_start import read_warm_start
from paretoseg.spaces.search_space import Candidate, SearchSpace
from paretoseg.trainables.trainable import Task


@dataclass(frozen=True)
class Start:
    """What a new study begins with."""

    baselines: tuple[Candidate, ...]
    known: tuple[Candidate, ...]
    """The candidates that the user knows."""

    warm: tuple[Candidate, ...]
    """Those of earlier studies."""

    notes: tuple[str, ...]
    """Notes for the user, one line each."""


def find_start(experiment: Experiment, space: SearchSpace, task: Task) -> Start:
    """The candidates that come first.

    Raises:
        ValueError: if the space holds one candidate only, a known point or an earlier study does not fit, or the budget
            ends before the last of them; in one line.
    """
    if space.num_candidates == 1:
        raise ValueError(
            "the space holds a single candidate, so there is nothing to search; open a dimension, such as "
            "space.width=[8,32]"
        )
    strategy = experiment.strategy
    if strategy.warm_count < 1:
        raise ValueError(f"strategy.warm_count must be at least 1, got {strategy.warm_count}")
    known = read_known(strategy.known, space)
    warm = read_warm_start(strategy.warm_start, task, space, most=strategy.warm_count, known=known)
    names = experiment.baselines or []
    num_known, budget = len(names) + len(known) + len(warm.candidates), experiment.budget.trial_limit
    if budget is not None and budget < num_known:
        listed = f", with {', '.join(names)} among them (baselines=[] leaves those out)" if names else ""
        raise ValueError(
            f"budget.trials={budget} ends before the {num_known} known candidates are evaluated{listed}; set it to at "
            f"least {num_known}, or name fewer"
        )
    baselines, notes = find_baselines(names, task, space, experiment.seed)
    short = _describe_short(budget, num_known, strategy.num_first)
    return Start(baselines, tuple(known), warm.candidates, (*notes, *warm.notes, *short))


def _describe_short(budget: int | None, num_known: int, num_first: int) -> list[str]:
    """One line if the search ends before its strategy has learned anything; else empty."""
    if budget is None or budget > num_known + num_first or not num_first:
        return []
    return [
        f"budget.trials={budget} ends within the first {num_known + num_first} candidates, which do not depend on "
        "results; give it more trials for a search that learns"
    ]
