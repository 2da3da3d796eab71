"""A strategy that asks one of Optuna's samplers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, GPSampler, TPESampler

from paretoseg.search.candidates.result import Result
from paretoseg.search.strategies.strategy import Archive, Proposal
from paretoseg.search.trials.trial import State, Trial
from paretoseg.spaces.domain import Choice, Domain, Float, Int
from paretoseg.spaces.objective import Objective, to_losses
from paretoseg.spaces.search_space import Candidate, SearchSpace

_MAX_ASKED = 4
"""How often the sampler is asked for an unseen candidate: it repeats known ones."""

MakeSampler = Callable[[int], BaseSampler]
"""Makes a sampler from a seed."""


def make_tpe(multivariate: bool, startup: int) -> MakeSampler:
    """The tree-structured Parzen estimator; running trials count as bad, so that they are not repeated."""

    def make(seed: int) -> BaseSampler:
        return TPESampler(n_startup_trials=startup, multivariate=multivariate, constant_liar=True, seed=seed)

    return make


def make_gp(startup: int) -> MakeSampler:
    """Optuna's Gaussian processes."""
    return lambda seed: GPSampler(n_startup_trials=startup, seed=seed)


class OptunaSearch:
    """Every proposal comes from a sampler with a new seed over all results so far, so that a resumed search repeats it.

    Args:
        space: What is searched.
        objectives: What is optimised.
        make_sampler: Makes the sampler from a seed.
        origin: How its proposals are named.
    """

    def __init__(
        self, space: SearchSpace, objectives: Sequence[Objective], make_sampler: MakeSampler, *, origin: str
    ) -> None:
        self._space = space
        self._objectives = tuple(objectives)
        self._make_sampler = make_sampler
        self._origin = origin
        self._archive = Archive(space)
        self._distributions = to_distributions(space)
        self._results: dict[Candidate, Result] = {}
        self._failed: dict[Candidate, None] = {}

    def ask(self, number: int, generator: np.random.Generator, active: Sequence[Trial]) -> Proposal:
        """The sampler's proposal; a random one if it finds none that is unseen."""
        study = self._make_study(int(generator.integers(2**31)), active)
        return (
            self._archive.propose_unseen(lambda: self._ask(study), active, _MAX_ASKED)
            or self._archive.propose_unseen(lambda: Proposal(self._space.sample(generator), "random"), active)
            or self._archive.propose_remaining(self._space, generator, active)
            or self._archive.propose_replicate(generator, active)
        )

    def tell(self, trial: Trial, result: Result | None) -> None:
        """Records the candidate with the mean over its seeds, or as failed."""
        self._archive.add(trial)
        if result is not None and trial.state is State.FINISHED:
            self._results[trial.candidate] = result
            self._failed.pop(trial.candidate, None)
        elif trial.state is not State.STOPPED and trial.candidate not in self._results:
            self._failed[trial.candidate] = None

    def _make_study(self, seed: int, active: Sequence[Trial]) -> optuna.Study:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # options of the samplers that Optuna calls experimental
            study = optuna.create_study(
                directions=["minimize"] * len(self._objectives), sampler=self._make_sampler(seed)
            )
        states = optuna.trial.TrialState
        losses = to_losses(self._objectives, [result.objectives for result in self._results.values()])
        for candidate, values in zip(self._results, losses, strict=True):
            study.add_trial(self._create(candidate, states.COMPLETE, [float(value) for value in values]))
        for candidate in self._failed:
            study.add_trial(self._create(candidate, states.FAIL, None))
        for trial in active:
            study.add_trial(self._create(trial.candidate, states.RUNNING, None))
        return study

    def _create(self, candidate: Candidate, state: Any, values: list[float] | None) -> optuna.trial.FrozenTrial:
        known = self._space.list_values(candidate)
        parameters = {
            name: domain.to_unit(known[name]) if isinstance(domain, Float) else known[name]
            for name, domain in self._space.searched.items()
        }
        return optuna.create_trial(state=state, values=values, params=parameters, distributions=self._distributions)

    def _ask(self, study: optuna.Study) -> Proposal:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            asked = study.ask(self._distributions)
        return Proposal(to_candidate(self._space, asked.params), self._origin)


def to_distributions(space: SearchSpace) -> dict[str, BaseDistribution]:
    """Optuna's distributions of the searched dimensions, by name."""
    return {name: _to_distribution(domain) for name, domain in space.searched.items()}


def to_candidate(space: SearchSpace, parameters: Mapping[str, Any]) -> Candidate:
    """The repaired candidate with these values of Optuna's parameters."""
    domains = space.searched
    values = {
        name: domains[name].from_unit(value) if isinstance(domains[name], Float) else value
        for name, value in parameters.items()
    }
    return space.complete(values)


def _to_distribution(domain: Domain) -> BaseDistribution:
    """Optuna's distribution; a continuous dimension is drawn in the unit interval, where its scale is even."""
    match domain:
        case Float():
            return FloatDistribution(0.0, 1.0)
        case Int():
            return IntDistribution(domain.low, domain.high, step=domain.step)
        case Choice():
            return CategoricalDistribution(domain.options)
    raise AssertionError(f"no distribution for {domain}")
