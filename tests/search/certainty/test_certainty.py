"""How sure a front is, from the rows of candidates with several seeds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from paretoseg.search.candidates.ledger import CandidateLedger
from paretoseg.search.candidates.result import Result
from paretoseg.search.certainty.certainty import Certainty, Setting, find_certainty
from paretoseg.search.trials.trial import Trial
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.scoring.measures import DICE
from paretoseg.trainables.scoring.objectives import define_objectives
from paretoseg.trainables.scoring.score_table import ScoreTable, tabulate
from paretoseg.trainables.trainable import CaseScore
from tests.builders import build_trial
from tests.scores import summarise

OBJECTIVES = define_objectives(DICE)
MEANS = ((0.85, 0.5), (0.8, 0.6), (0.7, 0.7))


def build_rows(mean: tuple[float, float], seed: int, num_cases: int) -> list[CaseScore]:
    """Scores of the same easy and hard cases for all networks, with a little of each network's own."""
    ease = np.random.default_rng(0).normal(0.0, 0.05, num_cases)
    noise = np.random.default_rng(seed).normal(0.0, 0.004, (num_cases + 1, 2))
    return [
        CaseScore(f"case_{index}", "x", name, level, "dice", float(mean[place] + ease[index] + noise[index, place]))
        for index in range(num_cases)
        for place, (name, level) in enumerate((("none", 0), ("gaussian_noise", 3)))
    ]


class Crafted:
    """A study of three candidates, each with three seeds that were tested."""

    def __init__(self, num_seeds: int = 3, num_cases: int = 12) -> None:
        self.ledger = CandidateLedger(OBJECTIVES)
        self.tables: dict[int, ScoreTable] = {}
        for number in range(len(MEANS) * num_seeds):
            which, seed = number % len(MEANS), number // len(MEANS)
            rows = build_rows(MEANS[which], number, num_cases)
            self.tables[number] = tabulate(rows)
            values = dict(summarise(rows, DICE).values)
            candidate = Candidate(recipe=Recipe(foreground_ratio=which / 10))
            changes = {"candidate": candidate, "seed": seed, "test": values}
            self.ledger.add(build_trial(number, **values, **changes))  # type: ignore[arg-type]

    @property
    def results(self) -> list[Result]:
        return self.ledger.results

    def find(self, subjects: dict[str, str] | None = None, results: Sequence[Result] | None = None) -> Certainty:
        setting = Setting(OBJECTIVES, self.ledger.effects, subjects or {}, seed=0)
        return find_certainty(results or self.results, [0, 1, 2], self.tables, self.tables, setting)


def test_candidates_that_differ_are_surely_on_the_front_and_a_trade_off() -> None:
    found = Crafted().find()
    assert found.confirmed == found.confirmed_front == (0, 1, 2)
    assert found.ends == (0, 2)
    assert found.is_trade_off
    assert found.test.probabilities is not None
    assert min(found.test.probabilities.values()) > 0.9
    assert found.hypervolume is not None
    assert found.hypervolume.corrected is not None


def test_verdicts_are_on_all_pairs_because_the_same_cases_say_who_is_next_to_whom() -> None:
    found = Crafted().find()
    assert {(one.first, one.second) for one in found.verdicts} == {(0, 1), (0, 2), (1, 2)}
    assert len(found.verdicts) == 6
    [accuracy, robustness] = found.find_verdicts(0, 2)
    assert accuracy.estimate.value == pytest.approx(0.15, abs=0.01)
    assert robustness.estimate.value == pytest.approx(-0.2, abs=0.01)
    assert accuracy.high - accuracy.low > accuracy.estimate.high - accuracy.estimate.low


def test_one_seed_says_nothing_of_probabilities_and_confirms_none() -> None:
    found = Crafted(num_seeds=1).find()
    assert found.selection.probabilities is None
    assert found.confirmed == found.verdicts == ()
    assert found.selection.estimates[0]["accuracy"] is None
    assert "the probability of being on the front" in found.selection.gaps


def test_one_subject_gives_no_number() -> None:
    found = Crafted().find({f"case_{index}": "one" for index in range(12)})
    assert found.selection.probabilities is found.test.probabilities is None
    assert set(found.selection.gaps) == {"accuracy", "robustness"}
    assert found.hypervolume is None
    assert found.verdicts == ()


def test_rows_that_give_other_values_than_were_kept_are_refused() -> None:
    crafted = Crafted()
    crafted.tables[4] = crafted.tables[5]
    with pytest.raises(ValueError, match=r"the validation rows of trial 4 give accuracy 0\.\d+, but the study kept"):
        crafted.find()


def test_trials_with_other_cases_are_refused() -> None:
    crafted = Crafted()
    crafted.tables[4] = tabulate(build_rows(MEANS[1], 4, 11))
    with pytest.raises(ValueError, match="trials 0 and 4 were not measured on the same validation cases"):
        crafted.find()


def test_a_candidate_with_too_few_tested_seeds_is_not_confirmed() -> None:
    crafted = Crafted()
    first, *others = crafted.results
    part: tuple[Trial, ...] = (*first.trials[:2], dataclasses.replace(first.trials[2], test={}))
    found = crafted.find(results=[dataclasses.replace(first, trials=part), *others])
    assert found.confirmed == (1, 2)
