import itertools

from paretoseg.search.reports.convergence import follow_front, name_compute
from paretoseg.search.trials.events import (
    Created,
    Failed,
    Finished,
    Opened,
    Promoted,
    Reported,
    Resumed,
    Started,
    Stopped,
)
from paretoseg.search.trials.trial import Failure, FailureKind
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.toy import ToyConfig, ToyTask
from tests.builders import MemoryLog, build_study, created, run_study


def finish(trial_id, time, accuracy, robustness, degenerate="", seconds=1.0):
    candidate = Candidate(recipe=Recipe(foreground_ratio=trial_id / 100))
    values = {"accuracy": accuracy, "robustness": robustness}
    yield Started(time - 1.0, trial_id, candidate, 0, "random")
    yield Finished(time, trial_id, values, {}, degenerate, began_at=time - 1.0, seconds=seconds)


def test_the_hypervolume_grows_by_what_a_trial_adds():
    events = [
        created(),
        Opened(0.0, "here", 1, 4, None),
        *finish(0, 3600.0, 0.5, 0.5),
        *finish(1, 5400.0, 0.4, 0.4),
        *finish(2, 7200.0, 0.25, 1.0),
        *finish(3, 9000.0, 1.0, 1.0, degenerate="predicts the same mask for every image"),
    ]
    milestones = follow_front(events)
    assert [item.hypervolume for item in milestones] == [0.25, 0.25, 0.375, 0.375]
    assert [item.num_ended for item in milestones] == [1, 2, 3, 4]
    assert [item.hours for item in milestones] == [1.0, 1.5, 2.0, 2.5]


def test_hours_of_computing_are_those_of_all_trials_that_ended_times_their_gpus():
    candidate = Candidate()
    events = [
        created(),
        Opened(0.0, "here", 1, 4, None),
        *finish(0, 3600.0, 0.5, 0.5, seconds=1800.0),
        Started(3600.0, 1, candidate, 0, "random"),
        Started(3600.0, 2, candidate, 0, "random"),
        Stopped(5400.0, 1, began_at=3600.0, seconds=900.0),
        Failed(5400.0, 2, Failure(FailureKind.LOST, "gone")),
        *finish(3, 9000.0, 0.6, 0.6, seconds=3600.0),
    ]
    assert [item.compute_hours for item in follow_front(events)] == [0.5, 0.75, 0.75, 1.75]
    assert [item.compute_hours for item in follow_front(events, 4.0)] == [2.0, 3.0, 3.0, 7.0]
    assert [item.compute_hours for item in follow_front(events, 0.5)] == [0.25, 0.375, 0.375, 0.875]
    assert [name_compute(gpus) for gpus in (0.0, 0.5, 4.0)] == ["compute hours", "GPU-hours", "GPU-hours"]


def test_hours_of_computing_hold_every_attempt_of_a_trial_once():
    """One is interrupted half an hour after it started, one is stopped after half an hour and goes on."""
    events = [created(), Opened(0.0, "here", 1, 4, None)]
    events += [Started(0.0, 0, Candidate(), 0, "random"), Reported(1800.0, 0, 1, {"accuracy": 0.1, "robustness": 0.1})]
    events += [Resumed(90000.0, 0), list(finish(0, 93600.0, 0.5, 0.5, seconds=3600.0))[1]]
    events += [Started(93600.0, 1, Candidate(), 1, "random"), Stopped(95400.0, 1, began_at=93600.0, seconds=1800.0)]
    events += [Promoted(99000.0, 1), list(finish(1, 100800.0, 0.5, 0.5, seconds=1800.0))[1]]
    milestones = follow_front(events)
    assert [item.compute_hours for item in milestones] == [1.5, 2.0, 2.5]
    assert [item.num_ended for item in milestones] == [1, 2, 2]


def test_the_pause_between_two_sessions_does_not_count_as_search():
    events = [
        created(),
        Opened(0.0, "here", 1, 2, None),
        *finish(0, 3600.0, 0.5, 0.5),
        Opened(360000.0, "here", 2, 2, None),
        *finish(1, 363600.0, 0.6, 0.6),
    ]
    assert [item.hours for item in follow_front(events)] == [1.0, 2.0]


def test_the_last_milestone_is_the_front_of_the_study_and_nothing_ever_falls():
    log = MemoryLog()
    study = run_study(build_study(log), ToyTask(ToyConfig(noise=0.05, fails_below=0.2)))
    milestones = follow_front(log.read())
    assert milestones[-1].hypervolume == study.front.hypervolume
    assert len(milestones) == 12
    assert all(one.hypervolume <= other.hypervolume for one, other in itertools.pairwise(milestones))


def test_failed_trials_leave_the_front_as_it_is():
    log = MemoryLog()
    study = build_study(log)
    study.fail(Failed(0.0, study.ask(0.0).trial_id, Failure(FailureKind.ERROR, "broken")))
    [milestone] = follow_front(log.read())
    assert (milestone.trial_id, milestone.hypervolume) == (0, 0.0)


def test_a_study_that_only_began_has_no_milestone():
    only = created()
    assert isinstance(only, Created)
    assert follow_front([only]) == []


def test_a_trial_that_was_stopped_and_went_on_counts_once_and_its_time_twice():
    candidate = Candidate(recipe=Recipe(foreground_ratio=0.2))
    events = [
        created(),
        Started(0.0, 0, candidate, 0, "random"),
        Stopped(10.0, 0, 0.0, 3600.0),
        Promoted(11.0, 0),
        Finished(20.0, 0, {"accuracy": 0.5, "robustness": 0.5}, {}, "", 11.0, 7200.0),
    ]
    milestones = follow_front(events)
    assert [(item.num_ended, item.compute_hours) for item in milestones] == [(1, 1.0), (1, 3.0)]
