import itertools

from paretoseg.search.reports.convergence import follow_front
from paretoseg.search.trials.events import Created, Failed, Finished, Opened, Started
from paretoseg.search.trials.trial import Failure, FailureKind
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.toy import ToyConfig, ToyTask
from tests.builders import MemoryLog, build_study, created, run_study


def finish(trial_id, time, accuracy, robustness, degenerate=""):
    candidate = Candidate(recipe=Recipe(foreground_ratio=trial_id / 100))
    values = {"accuracy": accuracy, "robustness": robustness}
    yield Started(time - 1.0, trial_id, candidate, 0, "random")
    yield Finished(time, trial_id, values, {}, degenerate, began_at=time - 1.0, seconds=1.0)


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
