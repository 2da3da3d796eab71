"""Seeds in a study: their rotation, further seeds where they may change the front, and the confirmation at the end."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from paretoseg.search.study.budget import Budget
from paretoseg.search.study.confirmation import Confirmation
from paretoseg.search.study.study import Study
from paretoseg.search.trials.events import Confirming, Failed, Finished, Started
from paretoseg.search.trials.trial import Failure, FailureKind, Trial
from paretoseg.trainables.toy import ToyConfig, ToyTask
from tests.builders import MemoryLog, build_study, run_study, run_trial

NOISY = ToyTask(ToyConfig(noise=0.02, wobble=0.02))


def build(log: MemoryLog, trials: int = 40, **changes: object) -> Study:
    return build_study(log, budget=Budget(trials=trials), confirm=Confirmation(**changes), seed=100)  # type: ignore[arg-type]


def confirm_front(study: Study) -> None:
    numbers = [result.number for result in study.front.results]
    study.confirm(numbers, [None] * len(numbers), 0.0)


def seeds_by_candidate(study: Study) -> dict[object, list[int]]:
    seeds = defaultdict(list)
    for trial in study.trials:
        seeds[trial.candidate].append(trial.seed)
    return seeds


def test_the_first_seeds_of_candidates_rotate_and_no_candidate_has_one_twice() -> None:
    study = run_study(build(MemoryLog()), NOISY)
    seeds = seeds_by_candidate(study)
    first = Counter(found[0] for found in seeds.values())
    assert set(first) == {100, 101, 102}
    assert max(first.values()) - min(first.values()) <= 4
    assert all(len(found) == len(set(found)) <= 3 for found in seeds.values())


def test_with_one_seed_everything_is_as_before() -> None:
    study = run_study(build(MemoryLog(), seeds=1), NOISY)
    assert {trial.seed for trial in study.trials} == {100}
    assert not study.needs_confirmation(0.0)
    assert study.record.num_replicates == 0


def test_a_share_of_the_trials_goes_to_further_seeds_most_of_them_late() -> None:
    study = run_study(build(MemoryLog(), trials=60), NOISY)
    replicates = [trial.trial_id for trial in study.trials if trial.origin == "replicate"]
    assert 6 <= len(replicates) <= 18
    assert len(study.trials) == 60
    assert sum(number < 30 for number in replicates) <= 5


def test_further_seeds_go_where_they_may_change_the_front() -> None:
    study = run_study(build(MemoryLog(), trials=60), NOISY)
    ordered = sorted(study.record.results, key=lambda result: -sum(result.objectives.values()))
    repeated = [place for place, result in enumerate(ordered) if len(result.trials) > 1]
    assert sum(repeated) / len(repeated) < len(ordered) / 3


def test_without_noise_no_further_seed_is_worth_a_trial_once_that_is_known() -> None:
    study = run_study(build(MemoryLog(), trials=60))
    assert study.record.num_replicates <= 3


def test_a_resumed_search_goes_on_as_an_uninterrupted_one() -> None:
    whole, log = MemoryLog(), MemoryLog()
    run_study(build(whole), NOISY)
    study = build(log)
    for _ in range(40):
        trial = study.ask(0.0)
        assert trial is not None
        run_trial(study, trial, NOISY)
        study = build(log)
    started = [[event for event in one.events if isinstance(event, Started)] for one in (whole, log)]
    assert started[0] == started[1]


def test_a_confirmation_gives_its_candidates_all_seeds_on_top_of_the_budget() -> None:
    log = MemoryLog()
    study = run_study(build(log, replicates=0.0), NOISY)
    assert study.needs_confirmation(0.0)
    assert study.untested() == ()
    confirm_front(study)
    confirmed = [study.trials[number].candidate for number in study.record.confirming.candidates]  # type: ignore[union-attr]
    run_study(study, NOISY)
    seeds = seeds_by_candidate(study)
    assert all(sorted(seeds[candidate]) == [100, 101, 102] for candidate in confirmed)
    assert study.record.num_searched == 40 < len(study.trials)
    assert {trial.origin for trial in study.trials[40:]} == {"confirmation"}
    assert {trial.trial_id for trial in study.untested()} == {
        trial.trial_id for trial in study.trials if trial.candidate in confirmed
    }
    assert not study.needs_confirmation(0.0)


def test_a_confirmation_is_resumed_and_not_chosen_again() -> None:
    log = MemoryLog()
    study = run_study(build(log, replicates=0.0), NOISY)
    confirm_front(study)
    run_trial(study, next_trial(study), NOISY)
    again = build(log, replicates=0.0)
    assert not again.needs_confirmation(0.0)
    assert not again.is_complete()
    run_study(again, NOISY)
    for trial in again.untested():
        again.finish_test(trial.trial_id, trial.objectives, 0.0)
    assert again.is_complete()


def next_trial(study: Study) -> Trial:
    trial = study.ask(0.0)
    assert trial is not None
    return trial


def test_no_more_candidates_are_confirmed_than_asked_for() -> None:
    study = run_study(build(MemoryLog(), candidates=2), NOISY)
    study.confirm([3, 1, 2], [0.9, 0.8, 0.7], 0.0)
    assert study.record.confirming == Confirming(0.0, (3, 1), (0.9, 0.8), 3, 2)


def test_more_candidates_can_be_asked_for_later_if_there_were_more() -> None:
    log = MemoryLog()
    study = run_study(build(log, candidates=2), NOISY)
    study.confirm([3, 1, 2], [0.9, 0.8, 0.7], 0.0)
    assert not build(log, candidates=2).needs_confirmation(0.0)
    assert run_study(build(log, candidates=4), NOISY).needs_confirmation(0.0)
    study = run_study(build(MemoryLog(), candidates=8), NOISY)
    study.confirm([3, 1, 2], [0.9, 0.8, 0.7], 0.0)
    assert not run_study(study, NOISY).needs_confirmation(0.0)


def test_a_longer_search_confirms_again_and_says_that_test_cases_were_seen() -> None:
    log = MemoryLog()
    study = run_study(build(log, replicates=0.0), NOISY)
    confirm_front(study)
    run_study(study, NOISY)
    for trial in study.untested():
        study.finish_test(trial.trial_id, trial.objectives, 0.0)
    assert not study.record.were_test_cases_seen
    longer = run_study(build(log, trials=44, replicates=0.0), NOISY)
    assert longer.record.were_test_cases_seen
    assert longer.needs_confirmation(0.0)
    assert longer.record.num_searched == 44


def test_more_seeds_can_be_asked_for_later() -> None:
    log = MemoryLog()
    study = run_study(build(log, replicates=0.0), NOISY)
    confirm_front(study)
    run_study(study, NOISY)
    more = build(log, seeds=5, replicates=0.0)
    assert more.needs_confirmation(0.0)
    confirm_front(more)
    run_study(more, NOISY)
    seeds = seeds_by_candidate(more)
    for number in more.record.confirming.candidates:  # type: ignore[union-attr]
        assert sorted(seeds[more.trials[number].candidate]) == [100, 101, 102, 103, 104]


def test_a_seed_that_failed_is_not_tried_for_ever() -> None:
    log = MemoryLog()
    study = run_study(build(log, replicates=0.0), NOISY)
    confirm_front(study)
    started = 0
    while (trial := study.ask(0.0)) is not None:
        started += 1
        study.fail(Failed(0.0, trial.trial_id, Failure(FailureKind.ERROR, "broken")))
        study = build(log, replicates=0.0)
    assert 0 < started == study.record.num_ended - 40


def test_a_candidate_that_collapses_under_most_seeds_leaves_the_front() -> None:
    log = MemoryLog()
    study = run_study(build(log), NOISY)
    best = study.front.results[0]
    for seed in (7, 8):
        number = len(study.trials)
        log.append(Started(0.0, number, best.candidate, seed, "confirmation"))
        log.append(Finished(0.0, number, dict(best.objectives), dict(best.trials[0].costs), "constant", 0.0, 1.0))
        study = build(log)
        found = {result.number: result for result in study.record.results}
    assert best.number not in found or len(best.trials) > 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seeds": 2}, r"confirm\.seeds must be 1, or lie in 3\.\.20: fewer say nothing; got 2"),
        ({"candidates": 0}, r"confirm\.candidates must be at least 1, got 0"),
        ({"replicates": 1.0}, r"confirm\.replicates must lie in 0\.\.0\.9, got 1"),
        ({"least_probability": 2.0}, r"confirm\.least_probability must lie in 0\.\.1, got 2"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Confirmation(**settings)  # type: ignore[arg-type]
