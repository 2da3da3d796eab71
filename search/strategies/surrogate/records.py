"""What the trials that ended say of their candidates, as arrays that models take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from paretoseg.search.candidates.result import Result
from paretoseg.search.fronts.priority import rank_by_nondomination
from paretoseg.search.strategies.surrogate.beside import Cost, Feasibility, learn_cost, learn_feasibility
from paretoseg.search.strategies.surrogate.genes import Genome
from paretoseg.search.strategies.surrogate.models import Known
from paretoseg.search.strategies.surrogate.targets import Scale, find_scale
from paretoseg.search.trials.trial import FailureKind, State, Trial
from paretoseg.spaces.objective import Objective, to_losses
from paretoseg.spaces.search_space import Candidate, SearchSpace


class Records:
    """The candidates that were tried.

    Args:
        space: The space.
        objectives: What is optimised.
        num_design: How many of the first candidates are the design.
    """

    def __init__(self, space: SearchSpace, objectives: Sequence[Objective], num_design: int) -> None:
        self._space = space
        self._objectives = tuple(objectives)
        self._num_design = num_design
        self.genome = Genome(list(space.searched.values()))
        self._results: dict[Candidate, Result] = {}
        self._counts: dict[Candidate, bool] = {}
        """Of every candidate, whether its networks count and meet the constraints."""

        self._seconds: dict[Candidate, float] = {}
        self._genes: dict[Candidate, np.ndarray] = {}

    def add(self, trial: Trial, result: Result | None) -> None:
        """Records a trial that ended; a trial whose worker was lost, or that was stopped early, says nothing."""
        candidate = trial.candidate
        if trial.state is State.FINISHED:
            self._counts[candidate] = result is not None and result.is_feasible
            if trial.total_seconds:
                self._seconds[candidate] = trial.total_seconds
            if result is not None:
                self._results[candidate] = result
            else:  # with further seeds, too many of its networks collapsed
                self._results.pop(candidate, None)
        elif trial.failure is not None and trial.failure.kind is not FailureKind.LOST:
            self._counts.setdefault(candidate, False)

    @property
    def num_known(self) -> int:
        """How many candidates have values of the objectives."""
        return len(self._results)

    def know(self) -> tuple[Known, Scale]:
        """All candidates with values, in the order in which they were first known, and the scale of their losses."""
        losses = to_losses(self._objectives, [result.objectives for result in self._results.values()])
        scale = find_scale(losses, self._num_design)
        noise = np.array([1.0 / len(result.trials) for result in self._results.values()])
        is_feasible = np.array([result.is_feasible for result in self._results.values()])
        return Known(self.genome.to_features(self.genes), scale.to_targets(losses), noise, is_feasible), scale

    @property
    def genes(self) -> np.ndarray:
        """Of the candidates with values, shape (num_known, num_genes)."""
        return self.find_genes(self._results)

    def find_unknown(self, active: Sequence[Trial]) -> np.ndarray:
        """The genes of candidates that run and have no values yet, shape (num_candidates, num_genes)."""
        running = dict.fromkeys(trial.candidate for trial in active)
        return self.find_genes(candidate for candidate in running if candidate not in self._results)

    def learn_feasibility(self) -> Feasibility:
        """The probability that the networks of a candidate count."""
        return learn_feasibility(self._to_features(self._counts), np.array(list(self._counts.values())))

    def learn_cost(self) -> Cost:
        """What a training costs."""
        return learn_cost(self._to_features(self._seconds), np.array(list(self._seconds.values())))

    def find_genes(self, candidates: Iterable[Candidate]) -> np.ndarray:
        """Genes of candidates, shape (num_candidates, num_genes)."""
        rows = []
        for candidate in candidates:
            if candidate not in self._genes:
                self._genes[candidate] = self.genome.from_units(self._space.encode(candidate)[None])[0]
            rows.append(self._genes[candidate])
        return np.array(rows).reshape(len(rows), len(self.genome))

    def _to_features(self, candidates: Iterable[Candidate]) -> np.ndarray:
        return self.genome.to_features(self.find_genes(candidates))


def choose_places(targets: np.ndarray, num_best: int, most: int) -> np.ndarray:
    """All places if they are at most `most`; else the best by nondomination rank, and a draw of the others.

    The draw depends on the number of points alone, so that a resumed search makes the same one.

    Args:
        targets: Lower is better, shape (num_points, num_objectives).
        num_best: How many are taken for their rank.
        most: How many are taken.

    Returns:
        Places in ascending order.
    """
    count = len(targets)
    if count <= most:
        return np.arange(count)
    order = np.argsort(rank_by_nondomination(targets), kind="stable")
    others = np.random.default_rng(count).choice(order[num_best:], most - num_best, replace=False)
    return np.sort(np.concatenate([order[:num_best], others]))
