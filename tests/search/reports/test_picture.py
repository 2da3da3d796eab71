import struct

import numpy as np
import pytest
from matplotlib.cbook import STEP_LOOKUP_MAP
from matplotlib.figure import Figure

from paretoseg.search.reports.picture import _MARKERS, _draw_intervals, _draw_staircase, draw_front
from paretoseg.search.strategies.random import RandomConfig
from paretoseg.search.study.budget import Budget
from paretoseg.search.study.record import StudyRecord
from paretoseg.spaces.search_space import DIMENSIONS
from tests.builders import MemoryLog, build_study, created, run_study
from tests.search.certainties import build_certainty


@pytest.fixture(scope="module")
def study():
    study = run_study(build_study(MemoryLog(), strategy=RandomConfig(), budget=Budget(trials=40)))
    for trial in study.untested():
        study.finish_test(trial.trial_id, {"accuracy": 0.5, "robustness": 0.5}, 0.0)
    return study


def size_of(png):
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", png[16:24])


def test_the_picture_is_a_png_that_can_be_looked_at(study):
    width, height = size_of(draw_front(study.record))
    assert width >= 800
    assert height >= 500


def test_every_kind_of_skip_has_a_mark_of_its_own():
    assert list(_MARKERS) == list(DIMENSIONS["skip"].options)
    assert len(set(_MARKERS.values())) == len(_MARKERS)


def test_a_study_without_a_front_has_a_picture(study):
    empty = draw_front(StudyRecord([created()]))
    size_of(empty)
    assert len(draw_front(study.record)) > len(empty) + 5000


def test_the_staircase_promises_nothing_that_no_member_reached(study):
    """Every corner of the drawn line is weakly dominated by a member; both objectives are better when higher."""
    axes = Figure().add_subplot()
    _draw_staircase(axes, study.front, study.objectives)
    line = axes.lines[0]
    corners = np.stack(STEP_LOOKUP_MAP[line.get_drawstyle()](*line.get_data()), axis=1)
    members = -study.front.losses
    assert len(members) > 3
    for corner in corners:
        assert (members >= corner - 1e-12).all(axis=1).any()


def test_a_bar_along_each_axis_shows_the_interval_of_a_member(study):
    trials = study.front.trials[:2]
    bounds = {
        trial.trial_id: {name: (value - 0.1, value + 0.2) for name, value in trial.objectives.items()}
        for trial in trials
    }
    bounds[trials[1].trial_id]["robustness"] = None
    axes = Figure().add_subplot()
    _draw_intervals(axes, trials, study.objectives[:2], build_certainty(bounds))
    first, second = (trials[0].objectives[name] for name in ("accuracy", "robustness"))
    lines = [tuple(map(tuple, line.get_data())) for line in axes.lines]
    assert len(lines) == 3
    assert lines[0] == ((first - 0.1, first + 0.2), (second, second))
    assert lines[1] == ((first, first), (second - 0.1, second + 0.2))


def test_the_picture_with_intervals_is_another_one(study):
    bounds = {
        trial.trial_id: {name: (value - 0.1, value + 0.2) for name, value in trial.objectives.items()}
        for trial in study.front.trials
    }
    assert draw_front(study.record, build_certainty(bounds)) != draw_front(study.record)
