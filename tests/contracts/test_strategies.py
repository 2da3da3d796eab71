"""Every strategy of the table of choices keeps the contract of `Strategy`."""

import dataclasses

import numpy as np
import pytest

from paretoseg.search.config.config import CHOICES
from paretoseg.search.strategies.grid import GridConfig
from paretoseg.search.strategies.strategy import FittingStrategy
from paretoseg.search.strategies.surrogate_config import SurrogateConfig
from paretoseg.search.trials.trial import Failure, FailureKind, State
from paretoseg.spaces.search_space import SearchSpace
from paretoseg.trainables.toy import FailureMode, ToyConfig, ToyTask, closed_form
from tests.builders import TWO_OBJECTIVE_STRATEGIES, MemoryLog, build_study, build_trial, run_study
from tests.builders import tell as tell_only

OBJECTIVES = ToyTask().objectives()
FINITE = {
    "skip": ["none", "concatenation", "addition", "attention_gate"],
    "depth": [2, 4],
    "width": 8,
    "attention": "none",
    "patch": [32, 48],
    "foreground_ratio": 0.5,
    "mirroring": "off",
    "augmentation": ["none", "spatial"],
    "learning_rate": 0.01,
}
"""Few enough candidates to try all of them; some repair to the same one."""


def tell(strategy, trial):
    """Tells a strategy of a trial, and lets it fit its models as a study does."""
    tell_only(strategy, trial)
    if isinstance(strategy, FittingStrategy):
        strategy.fit()


def small(config):
    """The config, with a population that fits a short test."""
    has_population = "population" in {item.name for item in dataclasses.fields(config)}
    return config(population=5) if has_population else config()


@pytest.fixture(params=TWO_OBJECTIVE_STRATEGIES)
def config(request):
    return small(CHOICES["strategy"][request.param])


def history(space, count, seed=0):
    """Trials that ended in every possible way, most of them finished, not in order of their ids."""
    generator = np.random.default_rng(seed)
    trials = []
    for number in range(count):
        candidate = space.sample(generator)
        accuracy, robustness = closed_form(candidate)
        changes = {}
        if number % 5 == 3:
            changes = {"state": State.FAILED, "objectives": {}, "failure": Failure(FailureKind.NAN, "nan")}
        elif number % 7 == 4:
            changes = {"degenerate": "empty"}
        trials.append(build_trial(number, accuracy, robustness, candidate=candidate, **changes))
    order = generator.permutation(count)
    return [trials[index] for index in order]


def propose(config, space, trials, number, seed=0, active=()):
    strategy = config.build(space, OBJECTIVES, seed)
    for trial in trials:
        tell(strategy, trial)
    return strategy.ask(number, np.random.default_rng(number), active)


@pytest.mark.parametrize("count", [0, 1, 3, 12, 30])
def test_the_proposal_is_a_function_of_history_and_generator(config, count):
    space = SearchSpace()
    trials = history(space, count)
    first, again = (propose(config, space, trials, count) for _ in range(2))
    assert first == again


def test_asking_changes_nothing(config):
    space = SearchSpace()
    trials = history(space, 12)
    strategy = config.build(space, OBJECTIVES, 0)
    for number, trial in enumerate(trials):
        for distraction in range(3):
            strategy.ask(number + distraction, np.random.default_rng(99 + distraction), trials[:1])
        tell(strategy, trial)
    assert strategy.ask(12, np.random.default_rng(12), ()) == propose(config, space, trials, 12)


def test_another_generator_gives_another_proposal(config):
    if isinstance(config, GridConfig):
        return  # its order is drawn from the study's seed, once
    space = SearchSpace()
    strategy = config.build(space, OBJECTIVES, 0)
    for trial in history(space, 12):
        tell(strategy, trial)
    candidates = {strategy.ask(12, np.random.default_rng(seed), ()).candidate for seed in range(10)}
    assert len(candidates) > 5


def test_no_candidate_that_ended_or_runs_is_proposed_while_others_are_unseen(config):
    space = SearchSpace(FINITE)
    every = set(space.enumerate())
    strategy = config.build(space, OBJECTIVES, 0)
    running, ended, seen = [], [], set()
    for number in range(len(every)):
        proposal = strategy.ask(number, np.random.default_rng(number), running)
        assert proposal.origin != "replicate"
        assert proposal.candidate not in seen, f"after {len(seen)} of {len(every)}"
        seen.add(proposal.candidate)
        state = State.FAILED if number % 4 == 1 else State.FINISHED
        values = dict(zip(("accuracy", "robustness"), closed_form(proposal.candidate), strict=True))
        running.append(build_trial(number, candidate=proposal.candidate, state=State.RUNNING, objectives={}, costs={}))
        if len(running) == 3:
            done = dataclasses.replace(
                running.pop(0), state=state, objectives=values if state is State.FINISHED else {}
            )
            tell(strategy, done)
            ended.append(done)
    assert seen == every


def test_an_exhausted_space_is_repeated_evenly_with_other_seeds(config):
    restrictions = FINITE | {
        "skip": ["none", "addition"],
        "augmentation": "none",
        "patch": 32,
        "depth": [2, 3],
    }
    num_candidates = len(set(SearchSpace(restrictions).enumerate()))
    assert num_candidates == 4
    study = build_study(MemoryLog(), strategy=config, restrictions=restrictions)
    study.budget.trials = 3 * num_candidates
    run_study(study)
    tried = [(trial.candidate, trial.seed) for trial in study.trials]
    assert len(set(tried)) == len(tried) == 3 * num_candidates
    assert sorted(trial.seed for trial in study.trials) == [0] * 4 + [1] * 4 + [2] * 4
    assert {trial.origin for trial in study.trials[num_candidates:]} == {"replicate"}


@pytest.mark.parametrize(
    ("name", "wish"),
    [
        ("skip", ["none", "addition"]),
        ("depth", [2, 5]),
        ("foreground_ratio", [0.1, 0.9]),
        ("learning_rate", [1e-3, 0.1]),
    ],
)
def test_a_space_with_one_free_dimension_is_searched(config, name, wish):
    pins = SearchSpace().default().as_dict()
    space = SearchSpace(pins | {name: wish})
    study = build_study(MemoryLog(), strategy=config, restrictions=pins | {name: wish})
    study.budget.trials = 12
    run_study(study)
    assert len(study.trials) == 12
    for trial in study.trials:
        assert all(space.domains[key].contains(value) for key, value in trial.candidate.as_dict().items())


def test_every_proposal_lies_inside_the_space(config):
    restrictions = {"depth": [2, 3], "patch": [32, 64], "skip": ["none", "addition"], "learning_rate": [1e-3, 1e-2]}
    space = SearchSpace(restrictions)
    study = build_study(MemoryLog(), strategy=config, restrictions=restrictions)
    study.budget.trials = 40
    for trial in run_study(study).trials:
        assert space.repair(trial.candidate) == trial.candidate
        assert all(space.domains[key].contains(value) for key, value in trial.candidate.as_dict().items())


def test_trials_that_failed_change_only_what_is_known(config):
    """Recording failed trials does not change the next proposal, unless it would repeat one of their candidates."""
    if isinstance(config, SurrogateConfig):
        return  # it learns what fails; its own tests show that its models of the objectives do not change
    space = SearchSpace()
    trials = history(space, 30)
    sound = [trial for trial in trials if trial.is_eligible]
    assert len(sound) < len(trials)
    assert propose(config, space, trials, 30) == propose(config, space, sound, 30)


def test_a_study_in_which_everything_fails_still_proposes(config):
    study = build_study(MemoryLog(), strategy=config)
    study.budget.trials = study.budget.max_failures = 30
    run_study(study, ToyTask(ToyConfig(failure=FailureMode.error, fails_below=2.0)))
    assert len({trial.candidate for trial in study.trials}) == 30
    assert {trial.state for trial in study.trials} == {State.FAILED}
