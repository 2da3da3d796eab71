"""Candidates with their trials: means, spread, broken networks, the same whatever is known before."""

from __future__ import annotations

import numpy as np
import pytest

from paretoseg.search.candidates.ledger import CandidateLedger
from paretoseg.search.trials.trial import State, Trial
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.toy import ToyTask
from paretoseg.trainables.trainable import RobustnessProfile
from tests.builders import build_trial

OBJECTIVES = ToyTask().objectives()


def candidate(number: int) -> Candidate:
    return Candidate(recipe=Recipe(foreground_ratio=number / 1000))


def run(trial_id: int, number: int, seed: int, accuracy: float, robustness: float = 0.5, **changes: object) -> Trial:
    return build_trial(trial_id, accuracy, robustness, candidate=candidate(number), seed=seed, **changes)


def fill(*trials: Trial) -> CandidateLedger:
    ledger = CandidateLedger(OBJECTIVES)
    for trial in trials:
        ledger.add(trial)
    return ledger


def test_a_candidate_with_one_seed_has_exactly_the_values_of_its_trial() -> None:
    trial = run(0, 0, 7, 0.1 + 0.2)
    [result] = fill(trial).results
    assert result.objectives == trial.objectives
    assert result.as_trial is trial
    assert (result.number, result.seeds, result.spread, result.noise) == (0, (7,), {}, {})


def test_several_seeds_give_means_and_their_spread() -> None:
    profiles = [
        RobustnessProfile({"noise": 0.2}, clean=0.8, corrupted=0.4),
        RobustnessProfile({"noise": 0.4}, clean=0.6),
    ]
    trials = [run(place, 0, place, 0.6 + place / 10, profile=profiles[place]) for place in range(2)]
    [result] = fill(*trials).results
    assert result.objectives["accuracy"] == pytest.approx(0.65)
    assert result.spread["accuracy"] == pytest.approx(0.005**0.5)
    profile = result.as_trial.profile
    assert profile is not None
    assert (profile.families["noise"], profile.clean) == (pytest.approx(0.3), pytest.approx(0.7))
    assert profile.corrupted is None


def test_an_unlucky_seed_is_taken_out_of_candidates_that_ran_with_it_alone() -> None:
    """Seed 1 costs .1: candidates 0 to 3 show it, and candidate 4, which ran with seed 1 alone, is given it back."""
    generator = np.random.default_rng(0)
    trials = [
        run(2 * number + seed, number, seed, 0.7 + number / 50 - 0.1 * seed + generator.normal(0, 0.002))
        for number in range(4)
        for seed in range(2)
    ]
    ledger = fill(*trials, run(8, 4, 1, 0.6), run(9, 5, 0, 0.7))
    results = {result.number: result.objectives["accuracy"] for result in ledger.results}
    assert results[8] == pytest.approx(results[9], abs=0.01)
    assert results[0] == pytest.approx(0.65, abs=0.01)


def test_a_broken_network_has_no_say_in_the_mean_and_is_counted() -> None:
    ledger = fill(run(0, 0, 0, 0.8), run(1, 0, 1, 0.0, degenerate="constant"))
    [result] = ledger.results
    assert result.objectives["accuracy"] == 0.8
    assert result.collapsed_share == 0.5
    assert [trial.trial_id for trial in result.collapsed] == [1]
    ledger.add(run(2, 0, 2, 0.0, degenerate="constant"))
    assert ledger.results == []
    assert ledger.find(candidate(0)) is None


def test_what_failed_or_was_stopped_changes_nothing() -> None:
    ledger = fill(run(0, 0, 0, 0.8), run(1, 0, 1, 0.1, state=State.STOPPED), run(2, 0, 2, 0.1, state=State.FAILED))
    assert [result.seeds for result in ledger.results] == [(0,)]


def test_the_noise_of_a_mean_falls_with_its_seeds() -> None:
    generator = np.random.default_rng(1)
    trials = [
        run(3 * number + seed, number, seed, 0.7 + generator.normal(0, 0.02), 0.5 + generator.normal(0, 0.01))
        for number in range(30)
        for seed in range(3 if number else 1)
    ]
    first, second = fill(*trials).results[:2]
    assert first.noise["accuracy"] == pytest.approx(3 * second.noise["accuracy"])
    assert first.noise["accuracy"] == pytest.approx(0.02**2, rel=0.5)
    assert first.noise["robustness"] == pytest.approx(0.01**2, rel=0.5)


def test_a_later_record_of_a_trial_takes_its_place() -> None:
    ledger = fill(run(0, 0, 0, 0.8), run(1, 0, 1, 0.6))
    before = ledger.revision
    ledger.add(run(0, 0, 0, 0.8, test={"accuracy": 0.5, "robustness": 0.4}))
    [result] = ledger.results
    assert [trial.trial_id for trial in result.tested] == [0]
    assert result.as_trial.test == {"accuracy": 0.5, "robustness": 0.4}
    assert ledger.revision > before


def test_a_training_below_half_of_its_candidate_s_median_has_collapsed() -> None:
    [result] = fill(run(0, 0, 0, 0.85), run(1, 0, 1, 0.24), run(2, 0, 2, 0.83)).results
    assert [trial.trial_id for trial in result.collapsed] == [1]
    assert result.objectives["accuracy"] == pytest.approx(0.84)
    [result] = fill(run(0, 0, 0, 0.85), run(1, 0, 1, 0.5), run(2, 0, 2, 0.83)).results
    assert result.collapsed == ()


def test_values_below_0_are_no_collapse() -> None:
    [result] = fill(run(0, 0, 0, -0.85), run(1, 0, 1, -0.24)).results
    assert len(result.trials) == 2
