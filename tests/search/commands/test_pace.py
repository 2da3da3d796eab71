"""What is said of a search while it runs."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from paretoseg.search.commands.pace import Pace, TrialPace
from paretoseg.search.commands.progress import QUIET_SECONDS, Progress
from paretoseg.search.running.worker import Work
from paretoseg.search.study.budget import Budget
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.events import Finished, Reported, Started
from paretoseg.spaces.search_space import Candidate
from tests.builders import build_session, created

VALUES = {"accuracy": 0.5, "robustness": 0.5}


class Search:
    """A record that grows, and the pace that is told of it."""

    def __init__(self) -> None:
        self.record = StudyRecord([created()])
        self.pace = Pace(num_steps=3)
        self.active: set[int] = set()

    def start(self, trial_id: int, now: float) -> None:
        self.record.add(Started(now, trial_id, Candidate(), 0, "random"))
        self.active.add(trial_id)
        self.pace.add(self.record, self.active, now)

    def step(self, trial_id: int, step: int, now: float) -> None:
        self.record.add(Reported(now, trial_id, step, VALUES))
        self.pace.add(self.record, self.active, now)

    def end(self, trial_id: int, now: float, seconds: float) -> None:
        self.record.add(Finished(now, trial_id, VALUES, {}, "", 0.0, seconds))
        self.active.discard(trial_id)
        self.pace.add(self.record, self.active, now)


@pytest.mark.parametrize("slots", [1, 2])
def test_the_time_left_learns_what_passes_between_trials(slots: int) -> None:
    search = Search()
    for turn in range(2):
        for slot in range(slots):
            search.start(slots * turn + slot, now=100.0 + 15.0 * turn)
        for slot in range(slots):
            search.end(slots * turn + slot, now=110.0 + 15.0 * turn, seconds=10.0)
    # 10 s of work and 5 s between: all that is known at 130 s, when the third turn would start.
    left = search.pace.estimate_left(search.record, 10 * slots, now=130.0)
    assert left == pytest.approx(8 * 15.0)


def test_steps_that_are_done_count_towards_the_time_left() -> None:
    search = Search()
    search.start(0, now=0.0)
    assert search.pace.estimate_left(search.record, 3, now=5.0) is None
    search.step(0, 1, now=8.0)
    assert search.pace.estimate_left(search.record, 3, now=8.0) is None, "too little is done"
    search.step(0, 2, now=16.0)
    assert search.pace.estimate_left(search.record, 3, now=16.0) == pytest.approx(2.5 * 16.0 / 0.5)
    search.end(0, now=30.0, seconds=30.0)
    assert search.pace.estimate_left(search.record, 1, now=30.0) is None, "nothing is left"


def test_steps_of_earlier_sessions_leave_less_to_do_but_were_not_done_in_this_one() -> None:
    search = Search()
    search.record.add(Started(0.0, 0, Candidate(), 0, "random"))
    search.record.add(Reported(0.0, 0, 2, VALUES))
    search.active.add(0)
    search.pace.add(search.record, search.active, 100.0)
    assert search.pace.estimate_left(search.record, 2, now=110.0) is None, "nothing was done yet"
    search.step(0, 3, now=110.0)
    search.end(0, now=120.0, seconds=20.0)
    assert search.pace.estimate_left(search.record, 2, now=120.0) == pytest.approx(20.0)


def test_what_workers_take_to_start_is_not_expected_of_every_trial() -> None:
    search = Search()
    search.start(0, now=0.0)
    for step, now in ((1, 60.0), (2, 70.0), (3, 80.0)):
        search.step(0, step, now)
    search.end(0, now=90.0, seconds=40.0)
    assert search.pace.estimate_left(search.record, 3, now=90.0) == pytest.approx(2 * 40.0)


def test_every_running_trial_says_its_step_and_how_long_one_takes() -> None:
    search = Search()
    search.start(0, now=0.0)
    search.start(1, now=0.0)
    for step, now in ((1, 20.0), (2, 32.0), (3, 44.0)):
        search.step(0, step, now)
    assert search.pace.describe_running(now=50.0) == [
        "trial 0 step 3/3 (12 s a step, 6 s in this one)",
        "trial 1 step 0/3 (50 s in this one)",
    ]
    assert search.pace.describe_running(now=50.0, most=1)[1:] == ["1 more"]


def test_a_trial_that_starts_again_has_no_negative_pace() -> None:
    pace = TrialPace(0.0, 2)
    pace.add(1, 10.0)
    pace.add(2, 14.0)
    assert pace.find_seconds() == 4.0


def test_a_search_that_is_quiet_says_what_runs(tmp_path: object) -> None:
    session = build_session(tmp_path, budget=Budget(trials=2))
    out = io.StringIO()
    progress = Progress(Console(file=out, width=200), num_steps=3)
    start = progress._said_at
    assert progress.find_line(start + QUIET_SECONDS - 1) == ""
    assert progress.find_line(start + QUIET_SECONDS) == "starting workers, 30 s elapsed"
    job = session.next_job()
    assert job is not None
    session.take(job, Work(job).advance())
    progress.update(session)
    assert progress.find_line(start + 2 * QUIET_SECONDS - 1) == ""
    line = progress.find_line(start + 2 * QUIET_SECONDS)
    assert line.startswith("[0/2] 1 min 00 s elapsed")
    assert "trial 0 step 1/3 (" in line
