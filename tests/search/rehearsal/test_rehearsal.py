"""Repeated runs of several options, and how they compare."""

import dataclasses

import numpy as np
import pytest

from paretoseg.search.fronts.front import read_front
from paretoseg.search.health.checks import CHECKS
from paretoseg.search.rehearsal.comparison import SHARES, compare, read_at
from paretoseg.search.rehearsal.recorded_space import RecordedSpace
from paretoseg.search.rehearsal.recorded_table import RecordedTable, TablePlayer
from paretoseg.search.rehearsal.recording import Quick, Recording, Training
from paretoseg.search.rehearsal.rehearsal import (
    Option,
    Plan,
    Run,
    WatchedStrategy,
    find_study_seed,
    rehearse,
)
from paretoseg.search.rehearsal.simulator import Mishaps, Simulation
from paretoseg.search.reports.rehearsal_text import describe_rehearsal, list_rows
from paretoseg.search.strategies.evolution import EvolutionConfig
from paretoseg.search.strategies.pruner import MedianConfig, NeverConfig
from paretoseg.search.strategies.random import RandomConfig
from paretoseg.search.strategies.surrogate_config import SurrogateConfig
from paretoseg.search.study.budget import Budget
from paretoseg.search.study.confirmation import Confirmation
from paretoseg.search.study.study import Study
from paretoseg.spaces.search_space import SearchSpace
from paretoseg.trainables.toy import ToyTask, closed_form
from tests.builders import MemoryLog, build_trial, created

OBJECTIVES = ToyTask().objectives()
NEVER, MEDIAN = NeverConfig(), MedianConfig(min_trials=3, min_steps=1)


def record(count=40, *, seeds=(0,), equal=True):
    """Trainings of the toy task, an hour each, or of very different lengths."""
    space, generator = SearchSpace(), np.random.default_rng(0)
    trainings = []
    for number in range(count):
        candidate, seconds = space.sample(generator), 3600.0 if equal else float(generator.uniform(600, 7200))
        for seed in seeds:
            values = dict(
                zip(
                    ("accuracy", "robustness"),
                    np.array(closed_form(candidate)) + 0.02 * generator.normal(size=2) * (len(seeds) > 1),
                    strict=True,
                )
            )
            reports = (Quick(1, seconds / 4, {name: value / 2 for name, value in values.items()}),)
            trial = build_trial(number, candidate=candidate, seed=seed, objectives=values)
            trainings.append(Training(trial, Recording(seconds, reports, values, {"parameters": 1.0})))
    return trainings


def make_plan(trainings, **options):
    table = RecordedTable(trainings, OBJECTIVES)
    values = {"trials": 12, "repetitions": 3} | options
    return Plan("study", created(), table, RecordedSpace(SearchSpace(), table.candidates), **values)


RANDOM = Option("random", "never", 1, RandomConfig(), NEVER)
EVOLUTION = Option("nsga2", "never", 1, EvolutionConfig(population=5), NEVER)


def test_a_strategy_with_models_fits_them_as_in_a_search():
    plan, config = make_plan(record(30)), SurrogateConfig(design=3, model_free_share=0.0)
    watched = WatchedStrategy(config.build(plan.space, OBJECTIVES, 0), plan.space)
    log = MemoryLog([created()])
    study = Study(log, watched, NEVER.build(OBJECTIVES), budget=Budget(trials=14), seed=0)
    player = TablePlayer(plan.table, study.seed, np.random.default_rng(0))
    Simulation(study, player, workers=1, generator=np.random.default_rng(0)).run(np.inf)
    assert study.record.fits
    assert [trial.origin for trial in study.trials].count("surrogate") > 5
    assert watched.num_proposed == 14


def test_the_hypervolume_is_that_of_the_candidates_that_have_finished():
    """Equal hours and one worker: after n hours, the first n proposals of the run have finished."""
    plan = make_plan(record())
    [[run, *_], *_] = rehearse(plan, [RANDOM])
    strategy = RandomConfig().build(plan.space, OBJECTIVES, 0)
    seed = find_study_seed(plan.seed, 0)
    trials = []
    for number in range(12):
        generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, number)))
        candidate = strategy.ask(number, generator, ()).candidate
        trials.append(build_trial(number, *closed_form(candidate), candidate=candidate))
        strategy.tell(trials[-1], None)
        expected = read_front(trials, OBJECTIVES).hypervolume
        assert read_at([run], np.array([number + 1.0]), "spent")[0, 0] == pytest.approx(expected)
    assert run.num_started == 12 + 1  # the last one does not end within the budget


def test_a_budget_that_pays_for_all_reaches_all():
    plan = make_plan(record(16), trials=16, repetitions=2)
    for option in (RANDOM, EVOLUTION):
        for run in rehearse(plan, [option])[0]:
            assert run.hypervolume[-1] == pytest.approx(plan.table.hypervolume)
            assert np.all(np.diff(run.hypervolume) > 0)


def test_an_option_compared_with_itself_differs_by_nothing():
    plan = make_plan(record(equal=False, seeds=(0, 1)), mishaps=Mishaps(0.2), max_failures=99)
    options = [EVOLUTION, EVOLUTION]
    first, second = compare(plan, options, rehearse(plan, options))
    assert first.milestones[0].difference is None
    for milestone in second.milestones:
        assert (milestone.difference.value, milestone.difference.low, milestone.difference.high) == (0, 0, 0)
    assert len({tuple(run.hypervolume) for run in first.runs}) > 1  # but repetitions differ


def test_no_option_spends_more_than_the_budget():
    plan = make_plan(record(equal=False), mishaps=Mishaps(0.2), max_failures=99, num_gpus=2.0)
    options = [dataclasses.replace(RANDOM, workers=workers) for workers in (1, 4)]
    assert plan.hours == pytest.approx(12 * plan.table.mean_seconds / 3600 * 2)
    for option, runs in zip(options, rehearse(plan, options), strict=True):
        for run in runs:
            assert run.spent[-1] <= plan.hours + 1e-9
            assert run.total_hours == pytest.approx(plan.hours / 2 / option.workers, rel=0.5)


def test_a_pruner_turns_the_hours_that_it_saves_into_trials():
    plan = make_plan(record(), trials=20, repetitions=4)
    pruned = dataclasses.replace(RANDOM, pruner="median", pruner_config=MEDIAN)
    without, with_pruner = compare(plan, [RANDOM, pruned], rehearse(plan, [RANDOM, pruned]))
    assert with_pruner.mean("num_stopped") > 1
    assert with_pruner.mean("num_started") > without.mean("num_started") + 0.5


def test_replicates_are_rehearsed_when_the_plan_says_so():
    plan = make_plan(record(seeds=(0, 1, 2)), trials=20, repetitions=2, confirm=Confirmation(seeds=3, replicates=0.4))
    [runs] = rehearse(plan, [RANDOM])
    shares = [run.num_replicates / run.num_started for run in runs]
    assert 0.1 < np.mean(shares) < 0.45
    [none] = rehearse(dataclasses.replace(plan, confirm=Confirmation(seeds=1)), [RANDOM])
    assert {run.num_replicates for run in none} == {0}


def test_proposals_that_are_not_recorded_are_counted():
    plan = make_plan(record())
    [runs] = rehearse(plan, [RANDOM])
    for run in runs:
        assert run.num_proposed == run.num_started
        assert run.num_replaced == run.num_proposed  # hardly a draw hits a recorded learning rate
        assert 0 < run.distance < run.num_replaced * plan.space.mean_distance


def test_the_same_seed_gives_the_same_rehearsal_and_another_does_not():
    plan = make_plan(record(equal=False), mishaps=Mishaps(0.2), max_failures=99)

    def describe(seed):
        changed = dataclasses.replace(plan, seed=seed)
        return [list(run.hypervolume) for run in rehearse(changed, [EVOLUTION])[0]]

    assert describe(1) == describe(1)
    assert describe(1) != describe(2)


def run_of(spent, hypervolume):
    zeros = dict.fromkeys((item.name for item in dataclasses.fields(Run)), 0)
    values = {"spent": np.array(spent), "hours": np.array(spent), "hypervolume": np.array(hypervolume)}
    return Run(**(zeros | values | {"total_hours": 10.0}))


def test_between_two_ends_the_hypervolume_stays():
    runs = [run_of([1.0, 3.0], [0.2, 0.5]), run_of([2.0], [0.4])]
    places = np.array([0.0, 0.9, 1.0, 2.5, 3.0, 9.0])
    assert read_at(runs, places, "spent").tolist() == [[0, 0, 0.2, 0.2, 0.5, 0.5], [0, 0, 0, 0.4, 0.4, 0.4]]


def test_differences_are_paired():
    """Repetitions differ much, options by the same small step in each: the difference is known exactly."""
    plan = make_plan(record(), repetitions=5)
    hours = plan.hours
    levels = [0.1, 0.3, 0.5, 0.7, 0.9]
    runs = [[run_of([hours / 8], [level + step]) for level in levels] for step in (0.0, 0.01)]
    first, second = compare(plan, [RANDOM, EVOLUTION], runs)
    for share, milestone, other in zip(SHARES, first.milestones, second.milestones, strict=True):
        assert (milestone.share, milestone.spent) == (share, pytest.approx(share * hours))
        assert milestone.hypervolume.value == pytest.approx(0.5)
        assert milestone.hypervolume.low < 0.35
        assert milestone.hypervolume.high > 0.65
        assert other.difference.low == pytest.approx(0.01)
        assert other.difference.high == pytest.approx(0.01)
        assert other.difference.excludes_zero


def test_the_interval_is_that_of_the_bootstrap():
    """Checked against resampling in a loop."""
    plan = make_plan(record(), repetitions=8)
    values = np.random.default_rng(4).uniform(size=8)
    [outcome] = compare(plan, [RANDOM], [[run_of([0.0], [value]) for value in values]])
    generator = np.random.default_rng(9)
    means = [generator.choice(values, 8).mean() for _ in range(20_000)]
    found = outcome.milestones[-1].hypervolume
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=0.01)
    assert outcome.by_spent.mean[-1] == pytest.approx(values.mean())


def test_the_known_points_of_the_study_come_first_for_every_strategy():
    plan = make_plan(record())
    worth = plan.table.values
    best = max(worth, key=lambda one: read_front([build_trial(0, objectives=worth[one])], OBJECTIVES).hypervolume)
    elsewhere = SearchSpace().sample(np.random.default_rng(99))
    other = next(one for one in plan.table.candidates if one != best)
    created_with = dataclasses.replace(plan.created, known=(elsewhere, best), warm=(other,))
    for option in (RANDOM, EVOLUTION):
        for run in rehearse(dataclasses.replace(plan, created=created_with), [option])[0]:
            first = read_front([build_trial(0, objectives=worth[best])], OBJECTIVES).hypervolume
            assert (run.spent[0], run.hypervolume[0]) == (1.0, pytest.approx(first))
    [outcome] = compare(plan, [RANDOM], rehearse(plan, [RANDOM]))
    said = describe_rehearsal(dataclasses.replace(plan, created=created_with), [outcome])
    assert "Note: 1 of the study's known points are not recorded, so they are not proposed first." in said


def stop_early(trainings, *, mislead):
    """The same trainings, with reports that are half of the end, or that say the opposite of it."""
    turned = []
    for one in trainings:
        values = {name: 1.0 - value if mislead else value / 2 for name, value in one.recording.objectives.items()}
        reports = (dataclasses.replace(one.recording.reports[0], values=values),)
        turned.append(Training(one.trial, dataclasses.replace(one.recording, reports=reports)))
    return turned


@pytest.mark.parametrize("mislead", [False, True])
def test_what_early_stopping_saves_and_loses_is_known_by_replay(mislead):
    plan = make_plan(stop_early(record(60), mislead=mislead), trials=20)
    option = dataclasses.replace(RANDOM, pruner="median", pruner_config=MEDIAN)
    [outcome] = compare(plan, [option], rehearse(plan, [option]))
    for run in outcome.runs:
        assert run.num_stopped > 0
        assert run.saved == pytest.approx(0.75 * run.num_stopped)  # each reports after a quarter of an hour's training
        assert [finding.check for finding in run.findings] == [check.name for check in CHECKS]
        found = next(finding for finding in run.findings if finding.check == "early stopping")
        assert f"at {run.num_false_stops} false stop" in found.text
        assert found.text.endswith(f"among {run.num_stopped}, by replay")
    assert (outcome.total("num_false_stops") > 0) is mislead
    assert any("early stopping saved" in line and "by replay" in line for line in describe_rehearsal(plan, [outcome]))


def test_the_time_of_a_proposal_is_that_of_one_that_the_strategy_was_asked_for():
    plan = make_plan(record(seeds=(0, 1, 2)), trials=30, confirm=Confirmation(seeds=3, replicates=0.5))
    [outcome] = compare(plan, [EVOLUTION], rehearse(plan, [EVOLUTION]))
    assert outcome.total("num_replicates") > 0
    assert outcome.total("num_asked") == outcome.total("num_started") - outcome.total("num_replicates")
    for row in list_rows([plan], [[outcome]]):
        seconds = sum(run.ask_seconds for run in outcome.runs)
        assert row["seconds_per_proposal"] == pytest.approx(seconds / outcome.total("num_asked"))
