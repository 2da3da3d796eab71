"""Chooses the point that models expect most of, among a pool, and then step by step among neighbours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from paretoseg.search.fronts.priority import rank_by_nondomination
from paretoseg.search.strategies.surrogate.beside import Cost, Feasibility
from paretoseg.search.strategies.surrogate.genes import Genome
from paretoseg.search.strategies.surrogate.improvement import cut_boxes, expect_improvement
from paretoseg.search.strategies.surrogate.models import Known, Model
from paretoseg.search.strategies.surrogate.pool import breed, draw_genes, list_neighbours
from paretoseg.search.strategies.surrogate.targets import Scale
from paretoseg.spaces.search_space import Candidate, SearchSpace

NUM_PARENTS = 20
"""How many of the best candidates have offspring."""

_NUM_OFFSPRING = 300
_NUM_CENTRES = 30
"""The neighbours of at most so many members of the front are in the pool."""

_NUM_DRAWN = 100
_NUM_CLIMBERS = 8
"""How many points of the pool are improved step by step."""

_MAX_ROUNDS = 8
_RADIUS = 0.1
"""Of the steps of continuous genes, in the first round."""

_SHRINK = 0.7
"""The radius of a round as a share of that of the round before."""

_SPARE = 6
"""So many times more points of a pool are repaired than are wanted, as some are known and some change by it."""

_SPARE_STEPS = 2


@dataclass(frozen=True)
class Beliefs:
    """What the models say now."""

    models: tuple[Model, ...]
    boxes: tuple[tuple[np.ndarray, np.ndarray], ...]
    """Of every model, the region that no known and no running candidate dominates."""

    feasibility: Feasibility
    cost: Cost
    cost_exponent: float

    best: np.ndarray
    """The features' places of known candidates, best first by the models' means, shape (num_known,)."""

    num_front: int
    """How many of them nothing dominates."""

    def score(self, features: np.ndarray) -> np.ndarray:
        """What points are worth: expected hypervolume improvement, if they count, per cost; shape (num_points,)."""
        total = np.zeros(len(features))
        for model, (lower, upper) in zip(self.models, self.boxes, strict=True):
            total += expect_improvement(*model.predict(features), lower, upper)
        chances, costs = self.feasibility.predict(features), self.cost.predict(features)
        return np.asarray(total * chances / costs**self.cost_exponent)


def find_beliefs(
    fitted: np.ndarray,
    known: Known,
    scale: Scale,
    running: np.ndarray,
    feasibility: Feasibility,
    cost: Cost,
    cost_exponent: float,
) -> Beliefs:
    """The beliefs of fitted models; candidates that run enter data and front with each model's mean.

    Args:
        fitted: Of every kind of model and objective, the logarithms; see `fit_all`.
        known: The candidates that the models are given.
        scale: Of their targets.
        running: Features of candidates that run, shape (num_running, num_features).
        feasibility: The probability that a candidate counts.
        cost: What candidates cost.
        cost_exponent: The power of the cost that a score is divided by.
    """
    models, boxes = [], []
    total = np.zeros_like(known.targets)
    for logarithms in fitted:
        model = Model.build(logarithms, known).believe(running)
        means = model.predict(np.concatenate([known.features, running]))[0]
        may_be = means[np.concatenate([known.is_feasible, np.ones(len(running), bool)])]
        front = may_be[rank_by_nondomination(may_be) == 0] if len(may_be) else may_be
        models.append(model)
        boxes.append(cut_boxes(front, scale.choose_reference(front if len(front) else means)))
        total += means[: len(total)]
    ranks = np.where(known.is_feasible, _rank_some(total, known.is_feasible), len(total))
    best = np.argsort(ranks, kind="stable")
    return Beliefs(tuple(models), tuple(boxes), feasibility, cost, cost_exponent, best, int((ranks == 0).sum()))


def _rank_some(targets: np.ndarray, some: np.ndarray) -> np.ndarray:
    """Nondomination ranks among some of the points; 0 for the others."""
    ranks = np.zeros(len(targets), dtype=int)
    if some.any():
        ranks[some] = rank_by_nondomination(targets[some])
    return ranks


@dataclass(frozen=True)
class _Point:
    score: float
    candidate: Candidate
    genes: np.ndarray
    place: int
    """Of the genes that it was repaired from."""


class Chooser:
    """Chooses one candidate.

    Args:
        space: Repairs candidates.
        genome: Its genes.
        beliefs: What candidates are worth.
        is_taken: True for a candidate that was tried, or runs.
        generator: Draws the pool and the steps.
    """

    def __init__(
        self,
        space: SearchSpace,
        genome: Genome,
        beliefs: Beliefs,
        is_taken: Callable[[Candidate], bool],
        generator: np.random.Generator,
    ) -> None:
        self._space = space
        self._genome = genome
        self._beliefs = beliefs
        self._is_taken = is_taken
        self._generator = generator

    def choose(self, ranked: np.ndarray) -> Candidate | None:
        """The candidate that is worth most; None if all of the pool were tried.

        Args:
            ranked: Genes of known candidates, best first, shape (num_known, num_genes).
        """
        pool = np.unique(self._make_pool(ranked), axis=0)
        order = np.argsort(-self._score(pool), kind="stable")[: _NUM_CLIMBERS * _SPARE]
        best = sorted(self._settle(pool[order]), key=lambda point: -point.score)[:_NUM_CLIMBERS]
        radius = _RADIUS
        climbing = list(range(len(best)))
        for _ in range(_MAX_ROUNDS):
            climbing = self._climb(best, climbing, radius) if climbing else []
            radius *= _SHRINK
        return max(best, key=lambda point: point.score).candidate if best else None

    def _make_pool(self, ranked: np.ndarray) -> np.ndarray:
        genome, generator = self._genome, self._generator
        centres = ranked[: min(self._beliefs.num_front, _NUM_CENTRES)]
        neighbours = [list_neighbours(genome, point, generator, _RADIUS) for point in centres]
        offspring = breed(genome, ranked[:NUM_PARENTS], _NUM_OFFSPRING, generator)
        return np.concatenate([offspring, *neighbours, draw_genes(genome, _NUM_DRAWN, generator)])

    def _climb(self, best: list[_Point], climbing: Sequence[int], radius: float) -> list[int]:
        """Moves points, in place, to their best neighbours; returns the places of those that moved."""
        around = [list_neighbours(self._genome, best[place].genes, self._generator, radius) for place in climbing]
        scores = np.split(self._score(np.concatenate(around)), np.cumsum([len(one) for one in around])[:-1])
        chosen, owners = [], []
        for place, genes, own in zip(climbing, around, scores, strict=True):
            order = np.argsort(-own, kind="stable")[:_SPARE_STEPS]
            better = genes[order[own[order] > best[place].score]]
            chosen.append(better)
            owners += [place] * len(better)
        moved = set()
        for point in self._settle(np.concatenate(chosen)):
            place = owners[point.place]
            if point.score > best[place].score:
                best[place] = point
                moved.add(place)
        return sorted(moved)

    def _settle(self, genes: np.ndarray) -> list[_Point]:
        """The candidates of genes that were not tried, each once, repaired and scored again, in their order.

        A repair takes longer than a score, so only points that score well as they are get here.
        """
        found: dict[Candidate, tuple[int, np.ndarray]] = {}
        for place, unit in enumerate(self._genome.to_units(genes)):
            candidate = self._space.decode(unit)
            if candidate not in found and not self._is_taken(candidate):
                found[candidate] = place, self._space.encode(candidate)
        if not found:
            return []
        repaired = self._genome.from_units(np.array([unit for _, unit in found.values()]))
        again = zip(self._score(repaired), found.items(), repaired, strict=True)
        return [_Point(float(score), candidate, point, place) for score, (candidate, (place, _)), point in again]

    def _score(self, genes: np.ndarray) -> np.ndarray:
        return self._beliefs.score(self._genome.to_features(genes))
