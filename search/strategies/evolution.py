"""Settings of the evolutions; the algorithm, and pymoo with it, is imported only when a search uses it."""

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

    @property
    def num_first(self) -> int:
        """The size of the initial design."""
        return self.population

    def build(self, space: SearchSpace, objectives: Sequence[Objective], seed: int) -> Strategy:
        """The strategy over a space."""
        from paretoseg.search.strategies.steady_state import Evolution  # pymoo: a search without it starts faster

        return Evolution(space, objectives, population=self.population, random_share=self.random_share, seed=seed)


@dataclass(unsafe_hash=True)
class ManyObjectivesConfig(EvolutionConfig):
    """Settings of the steady-state NSGA-III, for three and more objectives."""

    population: int = 28
    """How many trials are kept as parents, and how many trials the initial design has; at least one a direction."""

    def build(self, space: SearchSpace, objectives: Sequence[Objective], seed: int) -> Strategy:
        """The strategy over a space."""
        if len(objectives) < 3:
            raise ValueError(
                f"strategy=nsga3 needs three or more objectives, got {len(objectives)}; use strategy=nsga2, or name "
                "more in objectives"
            )
        if self.population < len(objectives):
            raise ValueError(
                f"strategy.population must be at least {len(objectives)}, one for the best of every objective, got "
                f"{self.population}"
            )
        from paretoseg.search.strategies.steady_state import Evolution, make_reference_survival

        survival = make_reference_survival(len(objectives), self.population)
        return Evolution(
            space,
            objectives,
            population=self.population,
            random_share=self.random_share,
            seed=seed,
            survival=survival,
        )
