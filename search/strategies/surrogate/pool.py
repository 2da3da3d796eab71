"""The points that models choose among: offspring of the best, neighbours of the front, and points drawn anywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
from pymoo.core.mutation import Mutation
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.operators.crossover.ux import UX

from paretoseg.search.strategies.surrogate.genes import Genome

_ANEW = 0.3
"""How often a gene that mutates is drawn again, instead of moved."""

_MUTATIONS = 1.2
"""How many genes of an offspring mutate on average."""

_STEP = 0.1
"""Standard deviation of the move of a continuous gene."""


class MixedMutation(Mutation):  # type: ignore[misc]
    """Mutates genes of any kind: a few steps for a number, a normal move for a continuous one, a draw for a choice.

    Args:
        genome: The genes.
    """

    def __init__(self, genome: Genome) -> None:
        super().__init__(prob=1.0)
        self._genome = genome

    def _do(
        self, problem: Any, points: np.ndarray, *args: Any, random_state: np.random.Generator, **kwargs: Any
    ) -> np.ndarray:
        genome = self._genome
        changes = random_state.random(points.shape) < _MUTATIONS / max(len(genome), 1)
        again = genome.is_choice | (random_state.random(points.shape) < _ANEW)
        drawn = draw_genes(genome, len(points), random_state)
        steps = random_state.choice([-2, -1, 1, 2], size=points.shape)
        moves = np.where(genome.is_real, random_state.normal(0.0, _STEP, points.shape), steps)
        return np.where(changes, np.where(again, drawn, clip_genes(genome, points + moves)), points)


def breed(genome: Genome, parents: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Offspring of pairs of parents, by uniform crossover and mutation, shape (count, num_genes)."""
    if len(parents) < 2 or not len(genome) or not count:
        return draw_genes(genome, count, generator)
    problem = Problem(n_var=len(genome), xl=np.zeros(len(genome)), xu=np.maximum(genome.num_values - 1, 1))
    pairs = np.stack([generator.permutation(len(parents))[:2] for _ in range((count + 1) // 2)])  # two of each pair
    mated = UX(prob=1.0).do(problem, Population.new(X=parents), parents=pairs, random_state=generator)
    mutated = MixedMutation(genome).do(problem, mated, random_state=generator)
    return np.asarray(mutated.get("X"), dtype=float)[:count]


def draw_genes(genome: Genome, count: int, generator: np.random.Generator) -> np.ndarray:
    """Genes drawn uniformly, shape (count, num_genes)."""
    return genome.from_units(generator.random((count, len(genome))))


def clip_genes(genome: Genome, genes: np.ndarray) -> np.ndarray:
    """Genes moved to the nearest possible values."""
    return np.asarray(np.clip(genes, 0.0, np.where(genome.is_real, 1.0, genome.num_values - 1.0)))


def list_neighbours(
    genome: Genome, point: np.ndarray, generator: np.random.Generator, radius: float = _STEP
) -> np.ndarray:
    """The points that differ from one in one gene, shape (num_neighbours, num_genes).

    All other options of a choice, one and two steps of a number, and two draws within a radius of a continuous gene.
    """
    found = []
    for place in range(len(genome)):
        for value in _list_values(genome, place, float(point[place]), generator, radius):
            changed = point.copy()
            changed[place] = value
            found.append(changed)
    return np.array(found).reshape(len(found), len(genome))


def _list_values(
    genome: Genome, place: int, value: float, generator: np.random.Generator, radius: float
) -> list[float]:
    if genome.is_real[place]:
        return [float(np.clip(value + generator.normal(0.0, radius), 0.0, 1.0)) for _ in range(2)]
    last = int(genome.num_values[place]) - 1
    if genome.is_choice[place]:
        return [float(other) for other in range(last + 1) if other != value]
    return [value + step for step in (-2, -1, 1, 2) if 0 <= value + step <= last]
