"""Settings of the evolution; the algorithm, and pymoo with it, is imported only when a search uses it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from paretoseg.search.strategies.strategy import Strategy, StrategyConfig
from paretoseg.spaces.objective import Objective
from paretoseg.spaces.search_space import SearchSpace


@dataclass(unsafe_hash=True)
class EvolutionConfig(StrategyConfig):
    """Settings of the steady-state NSGA-II; the defaults suit 50 to 500 trials."""

    population: int = 20
    """How many trials are kept as parents, and how many trials the initial design has."""

    random_share: float = 0.1
    """Share of later proposals that are drawn at random instead of mated, so that every candidate can be found."""

    def __post_init__(self) -> None:
        if self.population < 4:
            raise ValueError(f"strategy.population must be at least 4, got {self.population}")
        if not 0 <= self.random_share <= 1:
            raise ValueError(f"strategy.random_share must lie in 0..1, got {self.random_share}")

    def build(self, space: SearchSpace, objectives: Sequence[Objective], seed: int) -> Strategy:
        """The strategy over a space."""
        from paretoseg.search.strategies.steady_state import Evolution  # pymoo: a search without it starts faster

        return Evolution(space, objectives, population=self.population, random_share=self.random_share, seed=seed)
