"""With what a new study starts: the candidates that are known, and whether space and budget suffice."""

from __future__ import annotations

from paretoseg.search.config.config import Experiment
from paretoseg.search.config.known_points import read_known
from paretoseg.search.config.warm_start import read_warm_start
from paretoseg.spaces.search_space import Candidate, SearchSpace
from paretoseg.trainables.trainable import Task


def find_start(
    experiment: Experiment, space: SearchSpace, task: Task
) -> tuple[tuple[Candidate, ...], tuple[Candidate, ...], list[str]]:
    """The candidates that the user knows, those of earlier studies, and notes for the user, one line each.

    Raises:
        ValueError: if the space holds one candidate only, a known point or an earlier study does not fit, or the budget
            ends before the last known candidate; in one line.
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
    num_known, budget = len(known) + len(warm.candidates), experiment.budget.trial_limit
    if budget is not None and budget < num_known:
        raise ValueError(
            f"budget.trials={budget} ends before the {num_known} known candidates are evaluated; set it to at least "
            f"{num_known}, or name fewer"
        )
    return tuple(known), warm.candidates, [*warm.notes, *_describe_short(budget, num_known, strategy.num_first)]


def _describe_short(budget: int | None, num_known: int, num_first: int) -> list[str]:
    """One line if the search ends before its strategy has learned anything; else empty."""
    if budget is None or budget > num_known + num_first or not num_first:
        return []
    return [
        f"budget.trials={budget} ends within the first {num_known + num_first} candidates, which do not depend on "
        "results; give it more trials for a search that learns"
    ]
