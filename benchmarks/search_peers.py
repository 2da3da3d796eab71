"""One search on one problem: ours through their own interface, and peers through theirs.

Workers finish in the order in which they started; all evaluations take the same time.
"""

from __future__ import annotations

import dataclasses
import time
import warnings
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest import mock

import numpy as np
from search_problems import Problem

from paretoseg.search.candidates.result import Result
from paretoseg.search.strategies.evolution import EvolutionConfig
from paretoseg.search.strategies.random import RandomConfig
from paretoseg.search.strategies.strategy import FittingStrategy, StrategyConfig
from paretoseg.search.strategies.surrogate.models import make_priors
from paretoseg.search.strategies.surrogate_config import SurrogateConfig
from paretoseg.search.trials.trial import State, Trial
from paretoseg.spaces.objective import Direction, Objective

OBJECTIVES = tuple(Objective(name, "", Direction.MINIMISE, 0.0) for name in ("first", "second"))

OURS: dict[str, StrategyConfig] = {
    "surrogate": SurrogateConfig(),
    "nsga2": EvolutionConfig(population=8),
    "random": RandomConfig(),
}

_PARTS = "paretoseg.search.strategies.surrogate."

ABLATIONS: dict[str, tuple[StrategyConfig, dict[str, Any]]] = {
    "design of 4": (SurrogateConfig(design=4), {}),
    "design of 12": (SurrogateConfig(design=12), {}),
    "no share without models": (SurrogateConfig(model_free_share=0.0), {}),
    "one model an objective": (SurrogateConfig(), {"surrogate.make_priors": lambda *known: make_priors(*known)[:1]}),
    "no logarithm": (
        SurrogateConfig(),
        {"targets.Scale._bend": lambda scale, losses: (losses - scale.least) / scale.width},
    ),
    "no steps to neighbours": (SurrogateConfig(), {"choosing._MAX_ROUNDS": 0}),
    "no offspring": (SurrogateConfig(), {"choosing._NUM_OFFSPRING": 0, "choosing._NUM_DRAWN": 400}),
}
"""The surrogate with one part changed: its settings, and what is replaced in its modules."""

PEERS = ("pymoo_nsga2", "optuna_tpe", "optuna_tpe_multivariate", "optuna_gp")


def race(method: str, problem: Problem, seed: int, num_evaluations: int, num_workers: int) -> tuple[np.ndarray, float]:
    """The losses that count of everything evaluated, shape (num_evaluations, 2), and CPU seconds a suggestion."""
    start = time.process_time()
    losses = find_runner(method)(problem, seed, num_evaluations, num_workers)
    return losses, (time.process_time() - start) / num_evaluations


def find_runner(method: str) -> Callable[[Problem, int, int, int], np.ndarray]:
    """The function that runs a method."""
    if method in OURS:
        return lambda *arguments: run_ours(OURS[method], *arguments)
    if method in ABLATIONS:
        return lambda *arguments: run_ablation(*ABLATIONS[method], *arguments)
    if method == "pymoo_nsga2":
        return run_pymoo
    return lambda *arguments: run_optuna(method, *arguments)


def run_ours(config: StrategyConfig, problem: Problem, seed: int, num_evaluations: int, num_workers: int) -> np.ndarray:
    """Through the interface that a study uses."""
    generator = np.random.default_rng([seed, 77])
    strategy = config.build(problem.space, OBJECTIVES, seed)
    active: deque[Trial] = deque()
    judged, number = [], 0
    while len(judged) < num_evaluations:
        while len(active) < num_workers and number < num_evaluations:
            proposal = strategy.ask(number, np.random.default_rng([seed, number]), tuple(active))
            active.append(Trial(number, proposal.candidate, 0, proposal.origin, proposal.parents))
            number += 1
        trial = active.popleft()
        values = problem.evaluate(trial.candidate, generator)
        objectives = {objective.name: float(value) for objective, value in zip(OBJECTIVES, values, strict=True)}
        trial = dataclasses.replace(trial, state=State.FINISHED, objectives=objectives)
        strategy.tell(trial, Result((trial,), objectives))
        if isinstance(strategy, FittingStrategy):
            strategy.fit()
        judged.append(problem.judge(trial.candidate))
    return np.array(judged)


def run_ablation(config: StrategyConfig, replaced: dict[str, Any], *arguments: Any) -> np.ndarray:
    """As `run_ours`, with parts of the surrogate replaced."""
    with ExitStack() as stack:
        for name, part in replaced.items():
            stack.enter_context(mock.patch(_PARTS + name, part))
        return run_ours(config, *arguments)


def run_optuna(method: str, problem: Problem, seed: int, num_evaluations: int, num_workers: int) -> np.ndarray:
    """Optuna's samplers with their defaults; with several workers, TPE counts running trials as bad."""
    import optuna

    from paretoseg.search.strategies import optuna_search

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    generator = np.random.default_rng([seed, 77])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        samplers = optuna.samplers
        sampler = {
            "optuna_tpe": lambda: samplers.TPESampler(seed=seed, constant_liar=num_workers > 1),
            "optuna_tpe_multivariate": lambda: samplers.TPESampler(
                seed=seed, multivariate=True, constant_liar=num_workers > 1
            ),
            "optuna_gp": lambda: samplers.GPSampler(seed=seed),
        }[method]()
        study = optuna.create_study(directions=["minimize"] * 2, sampler=sampler)
        distributions = optuna_search.to_distributions(problem.space)
        active: deque[tuple[Any, Any]] = deque()
        judged: list[np.ndarray] = []
        while len(judged) < num_evaluations:
            while len(active) < num_workers and len(judged) + len(active) < num_evaluations:
                asked = study.ask(distributions)
                active.append((asked, optuna_search.to_candidate(problem.space, asked.params)))
            asked, candidate = active.popleft()
            study.tell(asked, [float(value) for value in problem.evaluate(candidate, generator)])
            judged.append(problem.judge(candidate))
    return np.array(judged)


def run_pymoo(problem: Problem, seed: int, num_evaluations: int, num_workers: int) -> np.ndarray:
    """Pymoo's NSGA-II for mixed variables, by generations of 20; workers make no difference to it."""
    from pymoo.core.mixed import MixedVariableGA
    from pymoo.core.problem import Problem as PymooProblem
    from pymoo.operators.survival.rank_and_crowding import RankAndCrowding

    from paretoseg.search.strategies.steady_state import to_candidate, to_variables

    generator = np.random.default_rng([seed, 77])
    algorithm = MixedVariableGA(pop_size=20, survival=RankAndCrowding())
    algorithm.setup(
        PymooProblem(vars=to_variables(problem.space), n_obj=2), termination=("n_gen", 10_000), seed=seed, verbose=False
    )
    judged: list[np.ndarray] = []
    while len(judged) < num_evaluations:
        offspring = algorithm.ask()
        values = []
        for member in offspring:
            candidate = to_candidate(problem.space, member.X)
            values.append(problem.evaluate(candidate, generator))
            judged.append(problem.judge(candidate))
        offspring.set("F", np.array(values))
        algorithm.tell(infills=offspring)
    return np.array(judged[:num_evaluations])
