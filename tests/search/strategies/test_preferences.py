"""Constraints and known points, as every strategy of the table of choices keeps them."""

import dataclasses

import numpy as np
import pytest

from paretoseg.search.candidates.result import Result
from paretoseg.search.config.config import CHOICES
from paretoseg.search.strategies.evolution import EvolutionConfig
from paretoseg.search.strategies.known_first import KnownFirst, put_first
from paretoseg.search.strategies.strategy import Proposal
from paretoseg.search.trials.trial import State
from paretoseg.spaces.baselines import build_baseline
from paretoseg.spaces.constraint import Constraint, read_constraints
from paretoseg.spaces.search_space import Limits, SearchSpace
from paretoseg.trainables.preferences import limit_space
from paretoseg.trainables.toy import ToyTask, count_parameters
from tests.builders import TWO_OBJECTIVE_STRATEGIES, build_trial, tell

OBJECTIVES = ToyTask().objectives()
SMALL = (Constraint("parameters", False, 1e5),)


def build_limited(constraints=SMALL):
    return limit_space(SearchSpace(), ToyTask(), constraints, np.random.default_rng(0))


@pytest.fixture(params=TWO_OBJECTIVE_STRATEGIES)
def config(request):
    kind = CHOICES["strategy"][request.param]
    has_population = "population" in {item.name for item in dataclasses.fields(kind)}
    return kind(population=6) if has_population else kind()


def test_no_strategy_proposes_what_a_cheap_constraint_forbids(config):
    space = build_limited()
    strategy = config.build(space, OBJECTIVES, 0)
    generator, candidates = np.random.default_rng(1), []
    for number in range(40):
        proposal = strategy.ask(number, np.random.default_rng(number), ())
        candidates.append(proposal.candidate)
        tell(strategy, build_trial(number, *generator.random(2), candidate=proposal.candidate))
    assert max(map(count_parameters, candidates)) <= 1e5
    assert len(set(candidates)) == 40
    drawn = [SearchSpace().sample(generator) for _ in range(200)]
    assert np.mean([count_parameters(one) > 1e5 for one in drawn]) > 0.5  # so the limit does forbid something


def test_a_candidate_is_brought_just_inside_the_limits():
    space = build_limited()
    outside = SearchSpace().complete({"depth": 5, "width": 32, "skip": "addition"})
    inside = space.bring_inside(outside)
    assert count_parameters(outside) > 1e5 >= count_parameters(inside)
    assert space.bring_inside(inside) == inside
    assert space.repair(inside) == inside


def test_the_anchor_is_what_is_left_if_nothing_else_is_allowed():
    anchor = SearchSpace().default()
    space = SearchSpace().with_limits(Limits(lambda candidate: candidate == anchor, anchor))
    assert space.bring_inside(SearchSpace().sample(np.random.default_rng(0))) == anchor


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["parameters<=10"],
            "none of 1,000 drawn candidates meets parameters<=10; the smallest has [0-9,]+; change the bound",
        ),
        (["parameters>=1e12"], r"none of 1,000 drawn candidates meets parameters>=1e\+12; the largest has [0-9,]+"),
        (["parameters>=5000.2", "parameters<=5000.4"], "none of 1,000 drawn candidates meets parameters>=5000.2 and "),
    ],
)
def test_a_bound_that_no_candidate_meets_is_refused(lines, message):
    with pytest.raises(ValueError, match=message):
        build_limited(read_constraints(lines, ["parameters"]))


def tell_violation(strategy, number, accuracy, robustness, violation):
    trial = build_trial(number, accuracy, robustness)
    broken = ("accuracy>=0.8",) if violation else ()
    strategy.tell(trial, Result((trial,), trial.objectives, violation=violation, broken=broken))


def test_evolution_keeps_feasible_candidates_before_infeasible_ones_and_these_by_violation():
    """Deb et al. 2002: however good an infeasible candidate is, a feasible one dominates it."""
    strategy = EvolutionConfig(population=4).build(SearchSpace(), OBJECTIVES, 0)
    for number, (value, violation) in enumerate(
        [(0.9, 0.5), (0.95, 0.3), (0.99, 0.9), (0.1, 0.0), (0.97, 0.2), (0.2, 0.0)]
    ):
        tell_violation(strategy, number, value, value, violation)
    assert strategy.population == (1, 3, 4, 5)


def test_feasible_candidates_breed_more_often():
    strategy = EvolutionConfig(population=4, random_share=0.0).build(SearchSpace(), OBJECTIVES, 0)
    for number, violation in enumerate([0.0, 0.9, 0.4, 0.1]):
        tell_violation(strategy, number, 0.1 + 0.2 * number, 0.1 + 0.2 * number, violation)
    parents = [parent for seed in range(100) for parent in strategy.ask(9, np.random.default_rng(seed), ()).parents]
    counts = [parents.count(number) for number in range(4)]
    assert counts[0] > counts[3] > counts[2] > counts[1]


def test_known_candidates_come_first_and_the_strategy_numbers_its_own_from_0(config):
    space = SearchSpace()
    known = [space.complete({"width": width}) for width in (8, 12)]
    warm = [space.complete({"width": 16, "depth": 3})]
    first, alone = put_first(config.build(space, OBJECTIVES, 0), known, warm), config.build(space, OBJECTIVES, 0)
    proposals = [first.ask(number, np.random.default_rng(number), ()) for number in range(3)]
    assert proposals == [Proposal(known[0], "known"), Proposal(known[1], "known"), Proposal(warm[0], "warm_start")]
    for number, proposal in enumerate(proposals):
        trial = build_trial(number, candidate=proposal.candidate)
        tell(first, trial)
        tell(alone, trial)
    for number in range(4):
        ours, theirs = (
            strategy.ask(place, np.random.default_rng(number), ())
            for strategy, place in ((first, number + 3), (alone, number))
        )
        assert ours == theirs
        assert ours.candidate not in {*known, *warm}


def test_without_known_candidates_the_strategy_is_not_wrapped(config):
    assert not isinstance(put_first(config.build(SearchSpace(), OBJECTIVES, 0), (), ()), KnownFirst)


def test_a_baseline_outside_the_space_comes_first_and_the_strategy_never_hears_of_it(config):
    space, baseline = SearchSpace(), build_baseline("nnunet")
    known = [space.complete({"width": 8})]
    first = put_first(config.build(space, OBJECTIVES, 0), known, (), [baseline], [baseline])
    alone = config.build(space, OBJECTIVES, 0)
    proposals = [first.ask(number, np.random.default_rng(number), ()) for number in range(2)]
    assert proposals == [Proposal(baseline, "baseline"), Proposal(known[0], "known")]
    running = build_trial(7, candidate=baseline, state=State.RUNNING)
    trials = [build_trial(number, candidate=one.candidate) for number, one in enumerate(proposals)]
    for trial in trials:
        tell(first, trial)
    tell(alone, trials[1])
    for number in range(6):
        ours = first.ask(number + 2, np.random.default_rng(number), [running])
        assert ours == alone.ask(number, np.random.default_rng(number), ())
        for strategy in (first, alone):
            tell(strategy, build_trial(number + 2, candidate=ours.candidate))
