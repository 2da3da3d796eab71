"""The order in which an ablation trains, also when it is interrupted."""

from __future__ import annotations

import numpy as np

from paretoseg.search.ablation.pairs import ListedPairs, list_pairs
from paretoseg.search.strategies.pruner import Never
from paretoseg.search.study.budget import Budget
from paretoseg.search.study.study import Study
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.toy import FailureMode, ToyConfig, ToyTask
from tests.builders import MemoryLog, build_trial, created, run_study, run_trial

CANDIDATES = [Candidate(recipe=Recipe(foreground_ratio=ratio)) for ratio in (0.5, 0.25, 0.75)]
PAIRS = list_pairs(CANDIDATES, [7, 8])


def open_study(log: MemoryLog, pairs: list[tuple[Candidate, int]] = PAIRS) -> Study:
    if not log.events:
        log.append(created())
    study = Study(log, ListedPairs(pairs), Never(), budget=Budget(trials=len(pairs)), seed=3)
    study.open(0.0, host="here", pid=1)
    return study


def trained(study: Study) -> list[tuple[Candidate, int]]:
    return [(trial.candidate, trial.seed) for trial in study.trials]


def test_the_pairs_are_listed_seed_by_seed() -> None:
    assert [seed for _, seed in PAIRS] == [7] * 3 + [8] * 3
    assert [candidate for candidate, _ in PAIRS] == CANDIDATES * 2


def test_a_study_trains_the_list_in_its_order_with_its_seeds() -> None:
    study = run_study(open_study(MemoryLog()))
    assert trained(study) == PAIRS
    assert {trial.origin for trial in study.trials} == {"ablation"}


def test_an_interrupted_study_goes_on_where_it_was() -> None:
    log = MemoryLog()
    study = open_study(log)
    for _ in range(2):
        trial = study.ask(0.0)
        assert trial is not None
        run_trial(study, trial, ToyTask())
    assert study.ask(0.0) is not None  # and the process dies
    again = open_study(log)
    assert [trial.trial_id for trial in again.record.running] == [2]
    run_study(again)
    assert trained(again) == PAIRS
    assert again.trials[2].num_attempts == 2


def test_running_pairs_are_not_proposed_twice_and_failed_ones_not_again() -> None:
    strategy = ListedPairs(PAIRS)
    first = build_trial(0, candidate=PAIRS[0][0], seed=7)
    generator = np.random.default_rng(0)
    proposal = strategy.ask(1, generator, [first])
    assert (proposal.candidate, proposal.seed) == PAIRS[1]
    strategy.tell(first, None)
    assert strategy.ask(1, generator, []) == proposal
    task = ToyTask(ToyConfig(failure=FailureMode.error, fails_below=0.3))
    study = run_study(open_study(MemoryLog()), task)
    assert trained(study) == PAIRS
    assert [trial.trial_id for trial in study.trials if trial.failure] == [1, 4]


def test_a_study_still_chooses_the_seeds_of_other_proposals() -> None:
    """A proposal without a seed leaves the choice to the study."""
    study = open_study(MemoryLog(), [(CANDIDATES[0], 0)])
    trial = study.ask(0.0)
    assert trial is not None
    assert trial.seed == 0  # not 3, the study's own
