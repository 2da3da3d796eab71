import numpy as np
import pytest

from paretoseg.search.candidates.result import Result
from paretoseg.search.strategies.random import RandomConfig
from paretoseg.search.strategies.surrogate.beside import learn_cost, learn_feasibility
from paretoseg.search.strategies.surrogate.records import Records
from paretoseg.search.strategies.surrogate_config import SurrogateConfig
from paretoseg.search.study.budget import Budget
from paretoseg.search.trials.events import Fitted
from paretoseg.search.trials.trial import Failure, FailureKind, State
from paretoseg.spaces.objective import Direction, Objective
from paretoseg.spaces.search_space import Limits, SearchSpace
from paretoseg.trainables.toy import ToyTask
from tests.builders import MemoryLog, build_study, build_trial, run_study, tell

OBJECTIVES = ToyTask().objectives()
SMALL = {"skip": ["none", "addition"], "depth": [2, 3], "width": 8, "attention": "none", "patch": 32}
SMALL |= {"foreground_ratio": [0.2, 0.8], "mirroring": "off", "augmentation": "none", "learning_rate": 0.01}


def build(restrictions=None, seed=0, **settings):
    return SurrogateConfig(**settings).build(SearchSpace(restrictions), OBJECTIVES, seed)


def feed(strategy, count, score, seed=0, **changes):
    """Tells a strategy of random candidates, scored by a function; fits when that is due."""
    generator, space = np.random.default_rng(seed), SearchSpace(SMALL)
    for number in range(count):
        candidate = space.sample(generator)
        accuracy, robustness = score(candidate)
        tell(strategy, build_trial(number, accuracy, robustness, candidate=candidate, **changes))
        strategy.fit()


def by_ratio(candidate):
    """Both objectives are best in the middle of the ratios, and with skips."""
    ratio, skip = candidate.recipe.foreground_ratio, candidate.architecture.skip
    good = 1.0 - (ratio - 0.5) ** 2 * 4
    return good * (1.0 if skip == "addition" else 0.7), good


def test_it_beats_random_search_on_the_toy():
    """Measured when this was written: 0.770 against 0.684."""

    def mean_hypervolume(strategy):
        studies = [
            run_study(build_study(MemoryLog(), strategy=strategy, budget=Budget(trials=32), seed=seed))
            for seed in range(2)
        ]
        return np.mean([study.front.hypervolume for study in studies])

    assert mean_hypervolume(SurrogateConfig()) > mean_hypervolume(RandomConfig()) + 0.05


def test_it_starts_with_the_default_and_a_design():
    study = run_study(build_study(MemoryLog(), strategy=SurrogateConfig(design=6), budget=Budget(trials=12)))
    origins = [trial.origin for trial in study.trials]
    assert origins[:7] == ["default", *["initial"] * 6]
    assert set(origins[7:]) <= {"surrogate", "mating"}
    widths = [trial.candidate.recipe.foreground_ratio for trial in study.trials[1:7]]
    assert sorted(int(width * 6) for width in widths) == list(range(6))  # one in every sixth


def test_it_goes_where_the_good_ones_are():
    strategy = build(SMALL, model_free_share=0.0)
    feed(strategy, 24, by_ratio)
    found = [strategy.ask(30, np.random.default_rng(seed), ()).candidate for seed in range(6)]
    assert {one.architecture.skip for one in found} == {"addition"}
    assert all(abs(one.recipe.foreground_ratio - 0.5) < 0.1 for one in found)


def test_a_share_is_mated_without_models():
    strategy = build(SMALL, model_free_share=0.5)
    feed(strategy, 14, by_ratio)
    origins = [strategy.ask(30, np.random.default_rng(seed), ()).origin for seed in range(30)]
    assert 8 <= origins.count("mating") <= 22
    assert origins.count("mating") + origins.count("surrogate") == 30


def test_candidates_that_run_are_counted_on_and_not_repeated():
    strategy = build(SMALL, model_free_share=0.0)
    feed(strategy, 14, by_ratio)
    running = []
    for number in range(6):
        proposal = strategy.ask(30, np.random.default_rng(1), running)
        assert proposal.candidate not in {trial.candidate for trial in running}
        running.append(build_trial(100 + number, candidate=proposal.candidate, state=State.RUNNING, objectives={}))
    ratios = [trial.candidate.recipe.foreground_ratio for trial in running]
    assert np.ptp(ratios) > 0.02  # they spread out, though every draw is the same


def test_what_fails_is_avoided_and_does_not_change_the_models():
    """The best candidates fail: without the models of failure they would be asked for again and again."""
    strategy, space = build(SMALL, model_free_share=0.0), SearchSpace(SMALL)
    feed(strategy, 20, by_ratio)
    before = strategy.fit()
    generator = np.random.default_rng(5)
    failure = Failure(FailureKind.MEMORY, "too large")
    for number in range(30, 60):
        candidate = space.complete({"skip": "addition", "depth": 3, "foreground_ratio": 0.2 + 0.6 * generator.random()})
        strategy.tell(build_trial(number, state=State.FAILED, candidate=candidate, failure=failure), None)
    assert before is None
    assert strategy.fit() is None  # nothing new is known of the objectives
    found = [strategy.ask(70, np.random.default_rng(seed), ()).candidate for seed in range(6)]
    assert [one.architecture.depth for one in found].count(2) == 6


def test_thousands_of_labels_are_thinned_and_still_tell_what_fails():
    generator = np.random.default_rng(0)
    features = generator.random((2000, 3))
    counts = features[:, 0] < 0.7
    feasibility = learn_feasibility(features, counts)
    places = generator.random((200, 3))
    chances = feasibility.predict(places)
    assert chances[places[:, 0] < 0.5].min() > chances[places[:, 0] > 0.9].max()
    costs = learn_cost(features, np.exp(features[:, 1])).predict(places)
    assert np.corrcoef(costs, np.exp(places[:, 1]))[0, 1] > 0.95


def test_a_lost_worker_says_nothing_of_a_candidate():
    records = Records(SearchSpace(SMALL), OBJECTIVES, 4)
    lost = Failure(FailureKind.LOST, "the machine went away")
    records.add(build_trial(0, state=State.FAILED, failure=lost), None)
    records.add(build_trial(1, state=State.STOPPED, objectives={}), None)
    assert records.learn_feasibility().process is None


def test_cheap_candidates_are_preferred_if_the_user_says_so():
    def ask(exponent):
        strategy, space = build(SMALL, model_free_share=0.0, cost_exponent=exponent), SearchSpace(SMALL)
        generator = np.random.default_rng(0)
        for number in range(14):
            candidate = space.sample(generator)
            is_deep = candidate.architecture.depth == 3
            scores = [score * (1.0 if is_deep else 0.95) for score in by_ratio(candidate)]
            seconds = 10.0 if is_deep else 1.0
            attempts = {"earlier_seconds": seconds - 1.0, "seconds": 1.0}  # most of a long one was interrupted
            tell(strategy, build_trial(number, *scores, candidate=candidate, **attempts))
            strategy.fit()
        return [strategy.ask(30, np.random.default_rng(seed), ()).candidate.architecture.depth for seed in range(4)]

    assert ask(1.0) == [2] * 4
    assert ask(0.0) == [3] * 4


def test_what_models_explain_is_told_from_noise():
    def explain(score):
        strategy = build(SMALL)
        generator, space = np.random.default_rng(0), SearchSpace(SMALL)
        for number in range(20):
            candidate = space.sample(generator)
            tell(strategy, build_trial(number, *score(candidate, generator), candidate=candidate))
        return strategy.fit().explained

    known = explain(lambda candidate, generator: by_ratio(candidate))
    assert set(known) == {"accuracy", "robustness"}
    assert min(known.values()) > 0.5
    noise = explain(lambda candidate, generator: generator.random(2))
    assert max(noise.values()) < 0.4


def test_fits_are_kept_and_adopted():
    log = MemoryLog()
    run_study(build_study(log, strategy=SurrogateConfig(design=4), budget=Budget(trials=14)))
    fits = [event for event in log.events if isinstance(event, Fitted)]
    assert len(fits) > 6
    strategy, again = build(design=4), build(design=4)
    study = build_study(MemoryLog(log.events), strategy=SurrogateConfig(design=4), budget=Budget(trials=14))
    for trial in study.trials:
        for one in (strategy, again):
            tell(one, trial)
    again.fit()
    strategy.adopt(fits[-1].numbers)
    assert strategy.fit() is None
    asked = strategy.ask(14, np.random.default_rng(0), ())
    assert asked == strategy.ask(14, np.random.default_rng(0), ())  # asking changes nothing


def test_numbers_of_another_strategy_are_not_adopted():
    strategy = build(SMALL)
    feed(strategy, 5, by_ratio)
    strategy.adopt((1.0, 2.0))
    feed(strategy, 8, by_ratio, seed=1)
    assert strategy.ask(20, np.random.default_rng(0), ()).origin in {"surrogate", "mating"}


def test_a_finite_space_is_tried_completely_then_repeated():
    restrictions = SMALL | {"foreground_ratio": 0.5}
    budget = Budget(trials=6)
    study = run_study(
        build_study(MemoryLog(), strategy=SurrogateConfig(design=2), budget=budget, restrictions=restrictions)
    )
    candidates = [trial.candidate for trial in study.trials]
    assert len(set(candidates[:4])) == 4
    assert [trial.origin for trial in study.trials[4:]] == ["replicate"] * 2


def test_a_space_of_one_point_works():
    one = SMALL | {"skip": "none", "depth": 2, "foreground_ratio": 0.5}
    study = run_study(
        build_study(MemoryLog(), strategy=SurrogateConfig(design=3), budget=Budget(trials=6), restrictions=one)
    )
    assert len({trial.candidate for trial in study.trials}) == 1
    assert study.record.count(State.FINISHED) == 6


@pytest.mark.parametrize("num_objectives", [3, 4])
def test_more_objectives_work(num_objectives):
    objectives = tuple(Objective(name, "", Direction.MINIMISE, 2.0) for name in "abcd"[:num_objectives])
    space = SearchSpace()
    strategy = SurrogateConfig(design=4, model_free_share=0.0).build(space, objectives, 0)
    generator = np.random.default_rng(0)
    for number in range(14):
        candidate = space.sample(generator)
        values = space.encode(candidate)
        scores = {name: float(abs(values[place] - 0.5) + values[5] * 0.1) for place, name in enumerate("abcd")}
        losses = {name: scores[name] for name in "abcd"[:num_objectives]}
        tell(strategy, build_trial(number, candidate=candidate, objectives=losses))
        strategy.fit()
    assert strategy.ask(20, generator, ()).origin == "surrogate"


def test_a_candidate_whose_further_seeds_collapse_is_no_longer_known():
    records = Records(SearchSpace(SMALL), OBJECTIVES, 4)
    trial = build_trial(0, candidate=SearchSpace(SMALL).default())
    records.add(trial, Result((trial,), trial.objectives))
    assert records.num_known == 1
    records.add(build_trial(1, candidate=trial.candidate, degenerate="predicts nothing"), None)
    assert records.num_known == 0


def test_a_collapsed_network_counts_as_failed():
    space = SearchSpace(SMALL)
    records = Records(space, OBJECTIVES, 4)
    places = space.complete({"skip": "none"}), space.complete({"skip": "addition"})
    records.add(build_trial(0, candidate=places[0], degenerate="predicts nothing"), None)
    trial = build_trial(1, candidate=places[1])
    records.add(trial, Result((trial,), trial.objectives))
    chances = records.learn_feasibility().predict(records.genome.to_features(records.find_genes(places)))
    assert chances[0] < chances[1] <= 1.0


def test_a_broken_constraint_keeps_it_away_from_what_breaks_it():
    """Deep networks score best and break a constraint; the best of the others are wanted."""
    strategy, space = build(SMALL, model_free_share=0.0), SearchSpace(SMALL)
    generator = np.random.default_rng(0)
    for number in range(20):
        candidate = space.sample(generator)
        is_deep = candidate.architecture.depth == 3
        scores = [score * (1.0 if is_deep else 0.8) for score in by_ratio(candidate)]
        trial = build_trial(number, *scores, candidate=candidate)
        broken = ("parameters<=5",) if is_deep else ()
        strategy.tell(trial, Result((trial,), trial.objectives, violation=float(is_deep), broken=broken))
        strategy.fit()
    found = [strategy.ask(30, np.random.default_rng(seed), ()).candidate for seed in range(4)]
    assert [one.architecture.depth for one in found] == [2] * 4
    assert all(abs(one.recipe.foreground_ratio - 0.5) < 0.15 for one in found)


def test_limits_of_the_space_are_kept():
    space = SearchSpace(SMALL)
    limits = Limits(lambda candidate: candidate.architecture.depth == 2, space.complete({"depth": 2}))
    settings = SurrogateConfig(design=4)
    strategy = settings.build(space.with_limits(limits), OBJECTIVES, 0)
    generator = np.random.default_rng(0)
    for number in range(14):
        proposal = strategy.ask(number, generator, ())
        assert proposal.candidate.architecture.depth == 2
        tell(strategy, build_trial(number, *by_ratio(proposal.candidate), candidate=proposal.candidate))
        strategy.fit()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"design": 0}, "strategy.design must be at least 1, got 0"),
        ({"model_free_share": 1.5}, r"strategy.model_free_share must lie in 0..1, got 1.5"),
        ({"cost_exponent": -1.0}, r"strategy.cost_exponent must lie in 0..1, got -1.0"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        SurrogateConfig(**settings)
