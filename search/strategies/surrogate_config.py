"""Settings of the surrogate strategy; the models, and pymoo with them, are imported only when a search uses them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from paretoseg.search.strategies.strategy import Strategy, StrategyConfig
from paretoseg.spaces.objective import Objective
from paretoseg.spaces.search_space import SearchSpace


@dataclass(unsafe_hash=True)
class SurrogateConfig(StrategyConfig):
    """Settings of the search by Gaussian processes; the defaults suit 20 to 500 trials."""

    design: int = 8
    """How many trials, after the default, cover the space evenly before any model is asked."""

    model_free_share: float = 0.1
    """Share of later proposals that are mated without the models, which protects against wrong ones."""

    cost_exponent: float = 0.0
    """How much cheap trainings are preferred: an expected improvement is divided by the expected seconds to this power.
    """

    def __post_init__(self) -> None:
        if self.design < 1:
            raise ValueError(f"strategy.design must be at least 1, got {self.design}")
        if not 0 <= self.model_free_share <= 1:
            raise ValueError(f"strategy.model_free_share must lie in 0..1, got {self.model_free_share}")
        if not 0 <= self.cost_exponent <= 1:
            raise ValueError(f"strategy.cost_exponent must lie in 0..1, got {self.cost_exponent}")

    @property
    def num_first(self) -> int:
        """The default and the design."""
        return 1 + self.design

    def build(self, space: SearchSpace, objectives: Sequence[Objective], seed: int) -> Strategy:
        """The strategy over a space."""
        from paretoseg.search.strategies.surrogate.surrogate import Surrogate  # a search without it starts faster

        return Surrogate(
            space,
            objectives,
            num_design=self.design,
            model_free_share=self.model_free_share,
            cost_exponent=self.cost_exponent,
            seed=seed,
        )
