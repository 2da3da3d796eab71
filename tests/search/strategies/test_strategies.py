from dataclasses import replace

import numpy as np
import pytest

from paretoseg.search.fronts.front import read_front
from paretoseg.search.strategies.evolution import EvolutionConfig
from paretoseg.search.strategies.random import RandomConfig
from paretoseg.search.strategies.steady_state import draw_latin_hypercube
from paretoseg.search.strategies.strategy import Archive, Proposal
from paretoseg.search.study.budget import Budget
from paretoseg.search.trials.trial import State
from paretoseg.spaces.search_space import SearchSpace
from paretoseg.trainables.toy import TRUE_HYPERVOLUME, ToyTask
from tests.builders import MemoryLog, build_study, build_trial, run_study, tell

OBJECTIVES = ToyTask().objectives()


def build_evolution(population, seed=0, restrictions=None):
    return EvolutionConfig(population=population).build(SearchSpace(restrictions), OBJECTIVES, seed)


def sort_into_ranks(points):
    """The front number of every point, by peeling, as the definition says."""
    ranks, left, rank = {}, dict(points), 0
    while left:
        front = [
            number
            for number, point in left.items()
            if not any((other <= point).all() and (other < point).any() for other in left.values())
        ]
        ranks |= dict.fromkeys(front, rank)
        left = {number: point for number, point in left.items() if number not in front}
        rank += 1
    return ranks


def crowding_distance(points):
    """Deb's crowding distance of every point of a front; the ends are infinitely far."""
    numbers = list(points)
    distance = dict.fromkeys(numbers, 0.0)
    for axis in range(2):
        ordered = sorted(numbers, key=lambda number: points[number][axis])
        extent = points[ordered[-1]][axis] - points[ordered[0]][axis]
        distance[ordered[0]] = distance[ordered[-1]] = np.inf
        for before, number, after in zip(ordered, ordered[1:], ordered[2:], strict=False):
            distance[number] += (points[after][axis] - points[before][axis]) / extent
    return distance


def find_victims(points):
    """Those that the definition of NSGA-II's survival lets be removed: the most crowded of the last front."""
    ranks = sort_into_ranks(points)
    last = {number: points[number] for number, rank in ranks.items() if rank == max(ranks.values())}
    distance = crowding_distance(last)
    return {number for number in last if distance[number] <= min(distance.values()) + 1e-12}


def test_the_most_crowded_of_the_last_front_dies_by_hand():
    """Told in an order whose permutation is not its own inverse, so that a position is never taken for an id."""
    places = {7: (0.9, 0.1), 3: (0.1, 0.9), 5: (0.5, 0.5), 11: (0.55, 0.47), 2: (0.7, 0.2)}
    strategy = build_evolution(4)
    for number in (11, 2, 7, 3, 5):
        tell(strategy, build_trial(number, *places[number]))
    # All five are nondominated. Neighbours along the front: 3, 5, 11, 2, 7. Distances: 5 has 0.45/0.8 + 0.43/0.8 = 1.1,
    # 11 has 0.2/0.8 + 0.3/0.8 = 0.625, 2 has 0.35/0.8 + 0.37/0.8 = 0.9.
    assert strategy.population == (2, 3, 5, 7)


def test_a_dominated_trial_dies_however_lonely_it_is():
    strategy = build_evolution(4)
    for number, place in enumerate([(0.5, 0.5), (0.0, 0.1), (0.51, 0.49), (0.49, 0.51), (0.52, 0.48)]):
        tell(strategy, build_trial(number, *place))
    assert strategy.population == (0, 2, 3, 4)


@pytest.mark.parametrize("seed", range(5))
def test_the_population_is_the_one_that_brute_force_finds(seed):
    generator = np.random.default_rng(seed)
    strategy = build_evolution(6)
    alive = {}
    for number in generator.permutation(40):
        accuracy, robustness = generator.random(2)
        tell(strategy, build_trial(int(number), accuracy, robustness))
        alive[int(number)] = np.array([-accuracy, -robustness])
        if len(alive) > 6:
            victims = find_victims(alive) & (set(alive) - set(strategy.population))
            assert len(victims) == 1
            alive.pop(victims.pop())
        assert strategy.population == tuple(sorted(alive))


def test_trials_without_a_sound_measurement_never_breed():
    strategy = build_evolution(4)
    for number in range(4):
        tell(strategy, build_trial(number, 0.1 * number, 0.9 - 0.1 * number))
    before = strategy.population
    tell(strategy, build_trial(4, 1.0, 1.0, degenerate="constant"))
    tell(strategy, build_trial(5, 1.0, 1.0, state=State.FAILED))
    tell(strategy, build_trial(6, 1.0, 1.0, state=State.STOPPED))
    assert strategy.population == before == (0, 1, 2, 3)


def test_children_name_parents_that_were_alive():
    study = build_study(MemoryLog(), strategy=EvolutionConfig(population=4, random_share=0.0), budget=Budget(trials=30))
    for trial in run_study(study).trials:
        assert (trial.origin == "mating") == bool(trial.parents)
        assert all(parent < trial.trial_id for parent in trial.parents)
    assert {trial.origin for trial in study.trials} == {"default", "initial", "mating"}
    assert [trial.origin for trial in study.trials[:4]] == ["default", "initial", "initial", "initial"]


def test_a_share_of_the_proposals_is_random():
    study = build_study(MemoryLog(), strategy=EvolutionConfig(population=4, random_share=0.5), budget=Budget(trials=44))
    origins = [trial.origin for trial in run_study(study).trials[4:]]
    assert 12 <= origins.count("random") <= 28
    assert origins.count("random") + origins.count("mating") == 40


def test_better_trials_breed_more_often():
    """Binary tournaments by rank: of six trials in line, the best is a parent more often than the worst."""
    strategy = build_evolution(6)
    for number in range(6):
        tell(strategy, build_trial(number, 0.1 * number, 0.1 * number))
    parents = [parent for seed in range(200) for parent in strategy.ask(10, np.random.default_rng(seed), ()).parents]
    counts = [parents.count(number) for number in range(6)]
    assert counts[5] > counts[3] > counts[1] > counts[0]


def test_evolution_beats_random_search_on_the_toy():
    """Measured when this was written: 0.760 against 0.684."""

    def mean_hypervolume(strategy):
        studies = [
            run_study(build_study(MemoryLog(), strategy=strategy, budget=Budget(trials=60), seed=seed))
            for seed in range(5)
        ]
        return np.mean([study.front.hypervolume for study in studies])

    evolved, drawn = mean_hypervolume(EvolutionConfig(population=10)), mean_hypervolume(RandomConfig())
    assert drawn + 0.05 < evolved < TRUE_HYPERVOLUME


def test_random_search_proposes_what_the_space_samples():
    space = SearchSpace()
    proposal = RandomConfig().build(space, OBJECTIVES, 0).ask(0, np.random.default_rng(4), ())
    assert proposal == Proposal(space.sample(np.random.default_rng(4)), "random")


@pytest.mark.parametrize(("num_points", "num_dimensions"), [(1, 3), (7, 2), (20, 8)])
def test_a_latin_hypercube_hits_every_slice_once(num_points, num_dimensions):
    points = draw_latin_hypercube(num_points, num_dimensions, np.random.default_rng(0))
    assert points.shape == (num_points, num_dimensions)
    slices = np.sort((points * num_points).astype(int), axis=0)
    np.testing.assert_array_equal(slices, np.tile(np.arange(num_points)[:, None], num_dimensions))


def test_the_initial_design_covers_a_continuous_dimension_evenly():
    study = build_study(MemoryLog(), strategy=EvolutionConfig(population=11), budget=Budget(trials=11))
    ratios = [trial.candidate.recipe.foreground_ratio for trial in run_study(study).trials[1:]]
    assert sorted(int(ratio * 10) for ratio in ratios) == list(range(10))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"population": 3}, "strategy.population must be at least 4, got 3"),
        ({"random_share": 1.5}, r"strategy.random_share must lie in 0..1, got 1.5"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        EvolutionConfig(**settings)


def test_a_replicate_is_of_the_candidate_that_was_tried_the_fewest_times():
    archive = Archive()
    often, seldom = build_trial(1), build_trial(2)
    for trial in (often, replace(often, trial_id=3), seldom):
        archive.add(trial)
    generator = np.random.default_rng(0)
    assert archive.propose_replicate(generator, ()) == Proposal(seldom.candidate, "replicate")
    running = [replace(seldom, trial_id=number) for number in (4, 5)]
    assert archive.propose_replicate(generator, running).candidate == often.candidate


def test_a_trial_that_was_stopped_and_went_on_counts_once():
    archive = Archive()
    promoted, often = build_trial(1, state=State.STOPPED), build_trial(2)
    for trial in (promoted, often, replace(often, trial_id=3)):
        archive.add(trial)
    generator = np.random.default_rng(0)
    running = replace(promoted, state=State.RUNNING)
    assert archive.propose_replicate(generator, [running]).candidate == promoted.candidate
    archive.add(replace(promoted, state=State.FINISHED))
    assert archive.propose_replicate(generator, ()).candidate == promoted.candidate


def test_the_hypervolume_of_the_toy_front_is_the_one_it_states():
    pins = {"skip": "concatenation", "attention": "squeeze_excitation", "augmentation": "spatial_intensity"}
    pins |= {"depth": 4, "width": 16, "patch": 64, "mirroring": "off", "learning_rate": 0.01}
    study = build_study(MemoryLog(), strategy=RandomConfig(), budget=Budget(trials=400), restrictions=pins)
    front = read_front(run_study(study).trials, OBJECTIVES)
    assert len(front.trials) == 400
    assert front.hypervolume == pytest.approx(TRUE_HYPERVOLUME, abs=2e-3)
