"""Simulated workers: the same proposals as a real search, the schedule that a hand computes, mishaps."""

import numpy as np
import pytest

from paretoseg.search.config.config import CHOICES
from paretoseg.search.rehearsal.simulator import MemoryLog, Mishaps, Simulation
from paretoseg.search.strategies.evolution import EvolutionConfig
from paretoseg.search.strategies.pruner import MedianConfig, NeverConfig
from paretoseg.search.strategies.random import RandomConfig
from paretoseg.search.study.budget import Budget
from paretoseg.search.study.confirmation import Confirmation
from paretoseg.search.study.study import Study
from paretoseg.search.trials.events import Reported, Resumed
from paretoseg.search.trials.transitions import check_events
from paretoseg.search.trials.trial import Failure, FailureKind, State
from paretoseg.spaces.search_space import SearchSpace
from paretoseg.trainables.toy import ToyConfig, ToyTask
from tests import builders
from tests.builders import TWO_OBJECTIVE_STRATEGIES
from tests.contracts.test_strategies import small
from tests.search.rehearsal.players import Lengths, Script, ToyPlayer


def new_study(log, *, strategy=None, pruner=None, trials=5, confirm=None, max_failures=5, seed=0):
    objectives = ToyTask().objectives()
    return Study(
        log,
        (strategy or RandomConfig()).build(SearchSpace(), objectives, seed),
        (pruner or NeverConfig()).build(objectives),
        budget=Budget(trials=trials, max_failures=max_failures),
        seed=seed,
        confirm=confirm,
    )


def simulate(player, *, workers=1, generator=None, mishaps=None, limit=np.inf, **options):
    log = MemoryLog([builders.created()])
    study = new_study(log, **options)
    generator = generator or np.random.default_rng(0)
    timeline = Simulation(study, player, workers=workers, generator=generator, mishaps=mishaps).run(limit)
    return timeline, study, log


def describe(trials):
    return [(trial.candidate, trial.seed, trial.origin, trial.parents, trial.state) for trial in trials]


@pytest.mark.parametrize("name", TWO_OBJECTIVE_STRATEGIES)
def test_one_worker_proposes_what_a_serial_search_proposes(name):
    strategy = small(CHOICES["strategy"][name])
    task = ToyTask(ToyConfig(wobble=0.01))
    confirm = Confirmation(seeds=3, replicates=0.3)
    real = builders.build_study(
        builders.MemoryLog(), strategy=strategy, budget=Budget(trials=20), seed=3, confirm=confirm
    )
    builders.run_study(real, task)
    _, study, _ = simulate(ToyPlayer(task), strategy=strategy, trials=20, seed=3, confirm=confirm)
    assert describe(study.trials) == describe(real.trials)
    assert {trial.origin for trial in study.trials} >= {"replicate"}


def test_the_pruner_stops_what_it_stops_in_a_serial_search():
    pruner = MedianConfig(min_trials=3, min_steps=1)
    real = builders.build_study(builders.MemoryLog(), strategy=RandomConfig(), pruner=pruner, budget=Budget(trials=30))
    builders.run_study(real)
    timeline, study, _ = simulate(ToyPlayer(), pruner=pruner, trials=30)
    assert describe(study.trials) == describe(real.trials)
    stopped = [end.trial.trial_id for end in timeline.ends if end.trial.state is State.STOPPED]
    assert 0 < len(stopped) < 30


def test_two_workers_follow_the_schedule_of_a_hand():
    """0: 0-3, 1: 0-1, 2: 1-2, 3: 2-6, 4: 3-4; from 4 to 6 one worker has nothing to do."""
    timeline, study, log = simulate(Lengths([3, 1, 1, 4, 1]), workers=2)
    assert [(end.trial.trial_id, end.seconds, end.spent) for end in timeline.ends] == [
        (1, 1, 2), (2, 2, 4), (0, 3, 6), (4, 4, 8), (3, 6, 10),
    ]  # fmt: skip
    assert (timeline.seconds, timeline.spent) == (6, 10)
    assert [trial.asked_at for trial in study.trials] == [0, 0, 1, 2, 3]
    assert [trial.seconds for trial in study.trials] == [3, 1, 1, 4, 1]
    check_events(log.read())


def test_of_trials_that_end_together_the_one_that_was_due_first_counts_first():
    timeline, _, _ = simulate(Lengths([2, 2, 1, 1]), workers=3, trials=4)
    assert [end.trial.trial_id for end in timeline.ends] == [2, 0, 1, 3]


def test_the_limit_abandons_what_is_running():
    timeline, study, _ = simulate(Lengths([3, 1, 1, 4, 1]), workers=2, limit=7)
    assert [end.trial.trial_id for end in timeline.ends] == [1, 2, 0]
    assert (timeline.seconds, timeline.spent) == (3.5, 7)
    assert study.num_running == 2


def test_a_trial_that_ends_at_the_limit_counts():
    timeline, _, _ = simulate(Lengths([0.1] * 5), limit=0.3)
    assert len(timeline.ends) == 3


def test_more_workers_than_trials_change_nothing():
    few, many = (simulate(Lengths([3, 1, 1, 4, 1]), workers=workers)[0] for workers in (5, 50))
    assert few == many
    assert few.seconds == 4


def test_a_killed_worker_loses_what_came_after_its_last_report():
    """Reports at 1, 2, 3 of 4 s; killed at 2.5, it goes on from 2: the step 3 comes at 3.5, the end at 4.5."""
    timeline, study, log = simulate(
        Lengths([4], num_reports=3), trials=1, generator=Script((0.0, 0.625, 0.0)), mishaps=Mishaps(0.5)
    )
    assert [(end.seconds, end.spent) for end in timeline.ends] == [(4.5, 4.5)]
    assert timeline.num_lost == 1
    reported = [(event.step, event.time) for event in log.read() if isinstance(event, Reported)]
    assert reported == [(1, 1), (2, 2), (2, 2.5), (3, 3.5)]
    [trial] = study.trials
    assert (trial.state, trial.num_attempts, trial.seconds) == (State.FINISHED, 2, 2)
    check_events(log.read())


def test_a_worker_that_is_killed_before_the_first_report_starts_again():
    timeline, _, _ = simulate(
        Lengths([4], num_reports=1), trials=1, generator=Script((0.0, 0.25, 0.0)), mishaps=Mishaps(0.5)
    )
    assert timeline.seconds == 5


def test_a_trial_that_loses_its_worker_too_often_fails():
    kill = (0.0, 0.5, 0.0)
    timeline, study, _ = simulate(
        Lengths([4]), trials=1, generator=Script(kill, kill, kill), mishaps=Mishaps(0.5, max_losses=2)
    )
    assert study.trials[0].failure.kind is FailureKind.LOST
    assert (timeline.num_lost, timeline.spent) == (3, 6)


def test_the_other_half_of_mishaps_fails_the_trial():
    timeline, study, _ = simulate(Lengths([4, 2]), trials=2, generator=Script((0.0, 0.5, 0.5)), mishaps=Mishaps(0.5))
    assert [trial.state for trial in study.trials] == [State.FAILED, State.FINISHED]
    assert timeline.spent == 4
    assert study.trials[0].seconds == 2


def test_a_failure_that_is_recorded_happens_again():
    failure = Failure(FailureKind.MEMORY, "too large")
    _, study, _ = simulate(Lengths([1, 2], failures={0: failure}), trials=2)
    assert study.trials[0].failure == failure
    assert study.trials[1].state is State.FINISHED


def test_a_search_gives_up_like_a_real_one():
    failure = Failure(FailureKind.ERROR, "no")
    timeline, study, _ = simulate(Lengths([1] * 9, failures=dict.fromkeys(range(9), failure)), trials=9, max_failures=3)
    assert study.gave_up
    assert len(timeline.ends) == 3


@pytest.mark.parametrize("workers", [1, 7])
def test_with_many_mishaps_the_journal_stays_valid_and_every_trial_ends_once(workers):
    generator = np.random.default_rng(1)
    lengths = generator.uniform(1, 5, size=40)
    timeline, study, log = simulate(
        Lengths(lengths, num_reports=2),
        workers=workers,
        trials=40,
        generator=generator,
        mishaps=Mishaps(0.4),
        max_failures=99,
    )
    check_events(log.read())
    assert sorted(end.trial.trial_id for end in timeline.ends) == list(range(40))
    lost = sum(trial.failure is not None and trial.failure.kind is FailureKind.LOST for trial in study.trials)
    assert timeline.num_lost == sum(isinstance(event, Resumed) for event in log.read()) + lost > 0
    assert {trial.state for trial in study.trials} == {State.FINISHED, State.FAILED}
    assert timeline.spent <= timeline.seconds * workers + 1e-9


def test_the_same_generator_gives_the_same_search():
    def run(seed):
        generator = np.random.default_rng(seed)
        options = {"workers": 3, "trials": 25, "strategy": EvolutionConfig(population=5), "max_failures": 99}
        return simulate(ToyPlayer(), generator=generator, mishaps=Mishaps(0.3), **options)[0]

    assert run(5) == run(5)
    assert run(5) != run(6)
