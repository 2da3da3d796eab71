"""Which candidate gets a further seed, checked against moving every candidate in every draw."""

import dataclasses

import numpy as np
import pytest

from paretoseg.search.candidates.result import Result
from paretoseg.search.candidates.seed_effects import SeedEffects
from paretoseg.search.certainty.replication import LEAST_WORTH, NUM_DRAWS, choose_replicate, find_worths
from paretoseg.trainables.toy import ToyTask
from tests.builders import build_trial

OBJECTIVES = ToyTask().objectives()


def draw_results(generator, count):
    results = []
    for number in range(count):
        trial = build_trial(number, *generator.uniform(0.3, 0.9, 2))
        seeds = range(int(generator.integers(1, 4)))
        results.append(Result(tuple(dataclasses.replace(trial, seed=seed) for seed in seeds), trial.objectives))
    return results


def list_front(points):
    return frozenset(
        place for place, one in enumerate(points) if not any(all(other >= one) and any(other > one) for other in points)
    )


def choose_by_moving_all(results, covariance, tried, generator):
    """The same by its definition: the share of draws that change who is on the front, for every candidate."""
    points = np.array([[result.objectives[item.name] for item in OBJECTIVES] for result in results])
    noise = generator.multivariate_normal(np.zeros(2), covariance, NUM_DRAWS, method="eigh")
    before, worths = list_front(points), np.zeros(len(results))
    for place, result in enumerate(results):
        if result.candidate in tried:
            continue
        count = len(result.trials)
        for draw in noise * (1 / count - 1 / (count + 1)) ** 0.5:
            moved = points.copy()
            moved[place] += draw
            worths[place] += list_front(moved) != before
    best = int(worths.argmax())
    return results[best] if worths[best] / NUM_DRAWS >= LEAST_WORTH else None


@pytest.mark.parametrize("case", range(12))
def test_the_choice_is_that_of_moving_every_candidate(case):
    generator = np.random.default_rng(case)
    results = draw_results(generator, 12)
    covariance = np.diag(generator.uniform(1e-6, 5e-3, 2))
    tried = {result.candidate for result in results if generator.random() < 0.2}
    effects = SeedEffects(np.zeros((3, 2)), covariance, 5)
    found = choose_replicate(results, OBJECTIVES, effects, tried=tried, generator=np.random.default_rng(case))
    assert found == choose_by_moving_all(results, covariance, tried, np.random.default_rng(case))


@pytest.mark.parametrize("num_objectives", [2, 3])
@pytest.mark.parametrize("case", range(6))
def test_the_worth_of_a_move_is_the_share_of_draws_that_change_the_front(case, num_objectives):
    """On a coarse grid, so that candidates tie and equal each other."""
    generator = np.random.default_rng(case)
    losses = generator.integers(0, 5, (14, num_objectives)).astype(float)
    places = np.arange(1, 14)
    moved = generator.integers(-1, 6, (13, 20, num_objectives)).astype(float)
    before, expected = list_front(-losses), []
    for place, points in zip(places, moved, strict=True):
        fronts = []
        for point in points:
            changed = losses.copy()
            changed[place] = point
            fronts.append(list_front(-changed) != before)
        expected.append(np.mean(fronts))
    assert find_worths(losses, places, moved).tolist() == expected


def test_while_the_noise_is_not_known_the_loneliest_member_comes_first():
    points = [(0.9, 0.3), (0.85, 0.35), (0.5, 0.8), (0.3, 0.3), (0.2, 0.25), (0.1, 0.1)]
    trials = [build_trial(number, *point) for number, point in enumerate(points)]
    results = [Result((trial,), trial.objectives) for trial in trials]
    effects = SeedEffects(np.zeros((1, 2)), None, 0)

    def choose(*tried):
        candidates = {trials[number].candidate for number in tried}
        found = choose_replicate(results, OBJECTIVES, effects, tried=candidates, generator=np.random.default_rng(0))
        return found and found.number

    assert choose() == 2
    assert choose(2) == 0
    assert choose(0, 1, 2) is None
