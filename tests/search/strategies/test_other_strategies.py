"""The grid and Optuna's samplers; what all strategies keep to is in `test_study.py`."""

import itertools
import sys

import numpy as np
import pytest

from paretoseg.search.strategies.evolution import ManyObjectivesConfig
from paretoseg.search.strategies.grid import GridConfig
from paretoseg.search.strategies.optuna_samplers import GpConfig, TpeConfig
from paretoseg.search.strategies.steady_state import make_reference_survival
from paretoseg.search.study.budget import Budget
from paretoseg.search.trials.trial import Failure, FailureKind, State
from paretoseg.spaces.objective import Direction, Objective
from paretoseg.spaces.search_space import SearchSpace
from paretoseg.trainables.toy import ToyTask
from tests.builders import MemoryLog, build_study, build_trial, run_study, tell

OBJECTIVES = ToyTask().objectives()
SMALL = {"skip": ["none", "addition"], "depth": [2, 4], "width": 8, "attention": "none", "patch": 32}
SMALL |= {"foreground_ratio": [0.2, 0.8], "mirroring": "off", "augmentation": "none", "learning_rate": 0.01}


def test_a_grid_tries_every_combination_once():
    budget = Budget(trials=20)
    study = run_study(build_study(MemoryLog(), strategy=GridConfig(), budget=budget, restrictions=SMALL))
    tried = [
        (trial.candidate.architecture.skip, trial.candidate.architecture.depth, trial.candidate.recipe.foreground_ratio)
        for trial in study.trials
    ]
    assert sorted(tried[:18]) == sorted(itertools.product(["none", "addition"], [2, 3, 4], [0.2, 0.5, 0.8]))
    assert [trial.origin for trial in study.trials] == ["grid"] * 18 + ["replicate"] * 2


def test_a_part_of_a_large_grid_covers_every_dimension():
    study = run_study(build_study(MemoryLog(), strategy=GridConfig(levels=2), budget=Budget(trials=40)))
    space = SearchSpace()
    units = np.array([space.encode(trial.candidate) for trial in study.trials])
    assert (np.ptp(units, axis=0) > 0.4).all()


def test_another_seed_is_another_order():
    space = SearchSpace(SMALL)
    first, second = (
        GridConfig().build(space, OBJECTIVES, seed).ask(0, np.random.default_rng(0), ()).candidate for seed in (0, 1)
    )
    assert first != second


@pytest.mark.parametrize("config", [TpeConfig(startup=4), GpConfig(startup=4)], ids=["tpe", "gp"])
def test_optuna_learns_and_repeats_nothing(config):
    strategy, space = config.build(SearchSpace(SMALL), OBJECTIVES, 0), SearchSpace(SMALL)
    generator = np.random.default_rng(0)
    for number in range(16):
        candidate = space.sample(generator)
        good = 1.0 - (candidate.recipe.foreground_ratio - 0.5) ** 2 * 4 - 0.1 * candidate.architecture.depth
        tell(strategy, build_trial(number, good, good, candidate=candidate))
    failure = Failure(FailureKind.MEMORY, "too large")
    strategy.tell(build_trial(20, state=State.FAILED, candidate=space.sample(generator), failure=failure), None)
    running = [build_trial(30, candidate=space.sample(generator), state=State.RUNNING, objectives={})]
    asked = [strategy.ask(40, np.random.default_rng(seed), running) for seed in range(4)]
    assert {proposal.origin for proposal in asked} == {"tpe" if isinstance(config, TpeConfig) else "gp"}
    assert np.mean([proposal.candidate.architecture.depth for proposal in asked]) < 3.0
    assert strategy.ask(40, np.random.default_rng(0), running) == asked[0]  # asking changes nothing


@pytest.mark.parametrize("config", [TpeConfig(), GpConfig()], ids=["tpe", "gp"])
def test_without_optuna_the_way_out_is_named(config, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.setattr("paretoseg.search.strategies.optuna_samplers.find_spec", lambda name: None)
    with pytest.raises(
        ValueError, match=r"needs Optuna, which is not installed; run pip install 'paretoseg\[optuna\]'"
    ):
        config.build(SearchSpace(SMALL), OBJECTIVES, 0)


def spread_over_three(candidate):
    """Three objectives that pull apart: each is best at another corner of depth and foreground ratio."""
    depth, ratio = (candidate.architecture.depth - 2) / 2, (candidate.recipe.foreground_ratio - 0.2) / 0.6
    corners = ((0.0, 0.0), (1.0, 0.0), (0.5, 1.0))
    skip = 0.3 * (candidate.architecture.skip == "none")
    return {name: abs(depth - x) + abs(ratio - y) + skip for name, (x, y) in zip("abc", corners, strict=True)}


def test_nsga3_keeps_members_in_all_directions():
    objectives = tuple(Objective(name, "", Direction.MINIMISE, 3.0) for name in "abc")
    space = SearchSpace(SMALL)
    strategy = ManyObjectivesConfig(population=10).build(space, objectives, 0)
    generator = np.random.default_rng(0)
    known = {}
    for number in range(60):
        proposal = strategy.ask(number, generator, ())
        known[number] = spread_over_three(proposal.candidate)
        tell(strategy, build_trial(number, candidate=proposal.candidate, objectives=known[number]))
    assert len(strategy.population) == 10
    for name in "abc":  # of the best in each objective, one is kept
        best = min(values[name] for values in known.values())
        assert min(known[member][name] for member in strategy.population) <= best + 0.05


def test_nsga3_needs_three_objectives():
    with pytest.raises(ValueError, match="strategy=nsga3 needs three or more objectives, got 2; use strategy=nsga2"):
        ManyObjectivesConfig().build(SearchSpace(SMALL), OBJECTIVES, 0)


def test_nsga3_needs_a_member_for_every_objective():
    objectives = [Objective(name, "", Direction.MINIMISE, 3.0) for name in "abcdef"]
    with pytest.raises(ValueError, match=r"strategy.population must be at least 6, one for the best of every"):
        ManyObjectivesConfig(population=5).build(SearchSpace(SMALL), objectives, 0)
    ManyObjectivesConfig(population=6).build(SearchSpace(SMALL), objectives, 0)


@pytest.mark.parametrize(("population", "count"), [(10, 10), (9, 6), (28, 28), (4, 3)])
def test_there_are_at_most_as_many_directions_as_members(population, count):
    assert len(make_reference_survival(3, population).ref_dirs) == count


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GridConfig(levels=1), "strategy.levels must be at least 2, got 1"),
        (lambda: TpeConfig(startup=0), "strategy.startup must be at least 1, got 0"),
        (lambda: GpConfig(startup=0), "strategy.startup must be at least 1, got 0"),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
