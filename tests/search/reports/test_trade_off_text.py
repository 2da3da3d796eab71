"""Whether there is a trade-off at all."""

from __future__ import annotations

import dataclasses

from paretoseg.search.reports.trade_off_text import describe_single
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.events import Created, Finished, Started
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate
from tests.builders import created


def record_of(*points: tuple[float, float], broken: int = 0, start: Created | None = None) -> StudyRecord:
    events = [start or created()]
    for number, (accuracy, robustness) in enumerate(points):
        candidate = Candidate(recipe=Recipe(foreground_ratio=number / 100))
        values = {"accuracy": accuracy, "robustness": robustness}
        events.append(Started(0.0, number, candidate, 0, "random"))
        events.append(Finished(0.0, number, values, {}, "constant" * (number < broken), 0.0, 1.0))
    return StudyRecord(events)


def test_one_network_that_is_best_in_both_is_no_trade_off() -> None:
    (line,) = describe_single(record_of((0.5, 0.5), (0.6, 0.7), (0.4, 0.7)))
    assert line == (
        "No trade-off found: one network (trial 1) of 3 is best in both accuracy and robustness. To look for one, try "
        "a wider space (space.preset=full), more trials, or a cost as an objective "
        "('objectives=[accuracy,robustness,parameters]')."
    )


def test_only_what_the_study_has_is_proposed() -> None:
    start = dataclasses.replace(created(), cost_names=("flops", "battery_seconds"))
    (line,) = describe_single(record_of((0.5, 0.5), (0.6, 0.7), start=start))
    assert "try stronger or other corruptions (task.severities, task.corruptions), a wider space (" in line
    assert "cost as an objective" not in line


def test_two_members_or_one_network_alone_say_nothing() -> None:
    assert describe_single(record_of((0.5, 0.5), (0.6, 0.4))) == []
    assert describe_single(record_of((0.5, 0.5))) == []
    assert describe_single(record_of((0.9, 0.9), (0.5, 0.5), broken=1)) == [], "only one was compared"
    assert describe_single(StudyRecord([created()])) == []
