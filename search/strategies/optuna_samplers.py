"""Settings of Optuna's samplers, which come with the extra `optuna`: TPE, and its Gaussian processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from paretoseg.search.strategies.strategy import Strategy, StrategyConfig
from paretoseg.spaces.objective import Objective
from paretoseg.spaces.search_space import SearchSpace


@dataclass(unsafe_hash=True)
class OptunaConfig(StrategyConfig):
    """What the settings of both samplers share."""

    startup: int = 10
    """How many trials are drawn at random first."""

    def __post_init__(self) -> None:
        if self.startup < 1:
            raise ValueError(f"strategy.startup must be at least 1, got {self.startup}")

    @property
    def num_first(self) -> int:
        """The trials that are drawn at random."""
        return self.startup


@dataclass(unsafe_hash=True)
class TpeConfig(OptunaConfig):
    """Settings of the tree-structured Parzen estimator."""

    multivariate: bool = True
    """Whether dimensions are drawn together."""

    def build(self, space: SearchSpace, objectives: Sequence[Objective], seed: int) -> Strategy:
        """The strategy over a space."""
        _check_optuna("tpe")
        from paretoseg.search.strategies.optuna_search import OptunaSearch, make_tpe  # Optuna: only where it is used

        return OptunaSearch(space, objectives, make_tpe(self.multivariate, self.startup), origin="tpe")


@dataclass(unsafe_hash=True)
class GpConfig(OptunaConfig):
    """Settings of Optuna's Gaussian processes."""

    def build(self, space: SearchSpace, objectives: Sequence[Objective], seed: int) -> Strategy:
        """The strategy over a space."""
        _check_optuna("gp")
        from paretoseg.search.strategies.optuna_search import OptunaSearch, make_gp  # Optuna: only where it is used

        return OptunaSearch(space, objectives, make_gp(self.startup), origin="gp")


def _check_optuna(name: str) -> None:
    if find_spec("optuna") is None:
        raise ValueError(
            f"strategy={name} needs Optuna, which is not installed; run pip install 'paretoseg[optuna]', or use "
            "strategy=surrogate"
        )
