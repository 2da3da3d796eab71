"""What a journal tells of a training: its length without interruptions, and when it reported."""

import dataclasses

import numpy as np
import pytest

from paretoseg.search.candidates.ledger import CandidateLedger
from paretoseg.search.fronts.front import read_front
from paretoseg.search.rehearsal.recorded_studies import pool_studies, read_study
from paretoseg.search.rehearsal.recorded_table import RecordedTable, TablePlayer
from paretoseg.search.rehearsal.recording import LEAST_SECONDS, Recording, Training, read_trainings
from paretoseg.search.trials.events import Failed, Finished, Opened, Reported, Resumed, Started, Stopped
from paretoseg.search.trials.trial import Failure, FailureKind
from paretoseg.spaces.search_space import Candidate, SearchSpace
from paretoseg.trainables.toy import ToyTask
from tests.builders import build_trial, created

VALUES = {"accuracy": 0.5, "robustness": 0.6}
OBJECTIVES = ToyTask().objectives()


def finished(time, number=0, seconds=1.0, **changes):
    return Finished(time, number, VALUES, {"parameters": 1.0}, "", time - seconds, seconds, **changes)


def journal(*events):
    return [created(), Opened(0.0, "here", 1, 10, None), *events]


def started(time, number=0, candidate=None, seed=0):
    return Started(time, number, candidate or Candidate(), seed, "random")


def report(time, step, number=0):
    return Reported(time, number, step, VALUES)


def test_the_length_is_that_of_the_worker_without_the_wait_for_it():
    """Asked at 10, worked on for 8 s until 30: reports at a half and three quarters of the time from 10 to 30."""
    [training] = read_trainings(journal(started(10), report(20, 1), report(25, 2), finished(30, seconds=8.0)))
    assert training.recording.seconds == 8
    assert [(one.step, one.seconds) for one in training.recording.reports] == [(1, 4), (2, 6)]
    assert training.recording.objectives == VALUES


def test_an_interruption_is_not_counted():
    """Killed 3 s after the report of step 1, which came after 5 s, and resumed an hour later, it takes 4 s more."""
    events = journal(started(0), report(5, 1), Resumed(3608, 0), report(3609, 1), report(3611, 2), finished(3613))
    [training] = read_trainings(events)
    assert training.recording.seconds == 9
    assert [(one.step, one.seconds) for one in training.recording.reports] == [(1, 5), (2, 7)]


def test_a_trial_that_resumes_from_its_beginning_counts_from_there():
    events = journal(started(0), Resumed(100, 0), report(103, 1), finished(105))
    [training] = read_trainings(events)
    assert (training.recording.seconds, training.recording.reports[0].seconds) == (5, 3)


def test_a_clock_that_did_not_move_gives_equal_steps():
    [training] = read_trainings(journal(started(5), report(5, 1), finished(5, seconds=4.0)))
    assert [one.seconds for one in training.recording.reports] == [2]
    [training] = read_trainings(journal(started(5), finished(5, seconds=0.0)))
    assert training.recording.seconds == LEAST_SECONDS


def test_failures_of_the_candidate_are_recorded_and_those_of_workers_are_not():
    others = [Candidate.from_dict({"depth": depth}) for depth in (2, 3, 4, 5)]
    memory = Failure(FailureKind.MEMORY, "too large")
    events = journal(
        *(started(0, number, candidate) for number, candidate in enumerate(others)),
        Failed(3, 0, memory, "here", 1.0, 2.0),
        Failed(3, 1, Failure(FailureKind.LOST, "gone")),
        Stopped(3, 2, 0.0, 3.0),
    )
    [training] = read_trainings(events)
    assert (training.trial.trial_id, training.recording) == (0, Recording(2.0, failure=memory))


def train(candidate, seed, accuracy, **changes):
    trial = build_trial(0, accuracy, 0.5, candidate=candidate, seed=seed, **changes)
    return Training(trial, Recording(10.0 + seed, (), trial.objectives, {}, trial.degenerate))


NETWORKS = [Candidate.from_dict({"depth": depth}) for depth in (2, 3, 4)]


def test_a_candidate_is_worth_the_mean_over_its_seeds():
    trainings = [train(NETWORKS[0], 0, 0.4), train(NETWORKS[0], 1, 0.6), train(NETWORKS[1], 0, 0.55)]
    table = RecordedTable(trainings, OBJECTIVES)
    trials = [dataclasses.replace(one.trial, trial_id=place) for place, one in enumerate(trainings)]
    ledger = CandidateLedger(OBJECTIVES)
    for trial in trials:
        ledger.add(trial)
    assert {name: values["accuracy"] for name, values in table.values.items()} == {
        result.candidate: result.objectives["accuracy"] for result in ledger.results
    }
    assert table.hypervolume == pytest.approx(read_front(trials, OBJECTIVES).hypervolume)
    assert table.mean_seconds == pytest.approx((10.5 + 10) / 2)
    assert (table.num_trainings, table.num_replicated, table.seeds) == (3, 1, [0, 1])


def test_a_broken_network_is_played_but_has_no_value():
    table = RecordedTable([train(NETWORKS[0], 0, 0.9, degenerate="empty"), train(NETWORKS[1], 0, 0.5)], OBJECTIVES)
    assert set(table.candidates) == {*NETWORKS[:2]}
    assert set(table.values) == {NETWORKS[1]}
    assert table.recordings[NETWORKS[0]][0].degenerate == "empty"


def play(player, candidate, seed):
    return player.play(build_trial(0, candidate=candidate, seed=seed)).seconds - 10.0


def test_candidates_of_one_seed_are_played_with_one_recorded_seed():
    trainings = [train(candidate, seed, 0.5) for candidate in NETWORKS for seed in range(3)]
    seen = set()
    for draw in range(20):
        player = TablePlayer(RecordedTable(trainings, OBJECTIVES), 100, np.random.default_rng(draw))
        played = [[play(player, candidate, seed) for seed in (100, 101, 102)] for candidate in NETWORKS]
        assert played[0] == played[1] == played[2]
        assert sorted(played[0]) == [0, 1, 2]
        seen.add(tuple(played[0]))
    assert len(seen) > 3


def test_a_seed_that_is_not_recorded_is_drawn_from_those_that_are():
    trainings = [train(NETWORKS[0], 0, 0.5), train(NETWORKS[0], 2, 0.5), train(NETWORKS[1], 1, 0.5)]
    for draw in range(10):
        player = TablePlayer(RecordedTable(trainings, OBJECTIVES), 0, np.random.default_rng(draw))
        assert sorted(play(player, NETWORKS[0], seed) for seed in (0, 1)) == [0, 2]  # each once
        assert play(player, NETWORKS[0], 2) in (0, 2)  # none is left
        assert play(player, NETWORKS[1], 0) == 1


def study(name, candidates, *, kind="task", restrictions=None):
    events = journal(
        *(started(number, number, candidate) for number, candidate in enumerate(candidates)),
        *(finished(number + 50.0, number) for number in range(len(candidates))),
    )
    first, *rest = events
    return read_study([dataclasses.replace(first, study=name), *rest], SearchSpace(restrictions), kind)


def test_studies_of_one_task_are_pooled_and_others_stay_apart():
    one, two, other = study("one", NETWORKS[:2]), study("two", NETWORKS[1:]), study("other", NETWORKS, kind="another")
    pools = pool_studies([one, other, two])
    assert [pool.name for pool in pools] == ["one + two", "other"]
    assert [len(pool.table.candidates) for pool in pools] == [3, 3]
    assert "only 3 candidates are recorded" in pools[0].notes[-1]


def test_what_lies_outside_the_space_of_the_first_study_is_left_out():
    narrow = study("narrow", NETWORKS[:2], restrictions={"depth": [2, 3]})
    [pool] = pool_studies([narrow, study("wide", NETWORKS)])
    assert pool.table.candidates == NETWORKS[:2]
    assert pool.notes[0] == "1 trial is left out, outside the space of narrow"


def test_a_study_without_a_finished_trial_is_refused():
    with pytest.raises(ValueError, match="study 'study' has no finished trial"):
        read_study(journal(started(0)), SearchSpace(), "task")
