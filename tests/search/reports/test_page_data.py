import pytest

from paretoseg.search.reports.page_data import (
    count_empty,
    describe_cost,
    describe_metrics,
    describe_study,
    explain,
    find_metric,
    mean_by_class,
    mean_by_severity,
    mean_by_shift,
)
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.events import Created, Failed, Finished, Opened, Started
from paretoseg.search.trials.trial import Failure, FailureKind, State
from paretoseg.spaces.objective import Direction, Objective
from paretoseg.spaces.search_space import DIMENSIONS, Candidate
from paretoseg.trainables.trainable import CaseScore
from tests.builders import build_trial

OBJECTIVES = (
    Objective("accuracy", "Dice", Direction.MAXIMISE, 0.0),
    Objective("loss_mm", "mm", Direction.MINIMISE, 9.0),
)
COSTS = ("parameters", "flops", "latency_ms", "train_memory_gb", "train_seconds")


def build_record():
    events = [Created(0.0, "study", OBJECTIVES, COSTS), Opened(0.0, "here", 1, 4, None)]
    events += [Started(0.0, index, Candidate(), 0, "random") for index in range(4)]
    values = {"accuracy": 0.5, "loss_mm": 2.0}
    costs = {"parameters": 10.0, "latency_ms": float("inf"), "train_seconds": 1.0}
    events.append(Finished(1.0, 0, values, costs, "", 0.0, 1.0))
    events.append(Finished(2.0, 1, values | {"loss_mm": 1.0}, costs, "predicts almost no foreground", 0.0, 1.0))
    events.append(Failed(3.0, 2, Failure(FailureKind.NAN, "loss must be finite, got nan")))
    return StudyRecord(events)


def test_units_and_directions_are_reported():
    data = describe_study(build_record())
    assert [(item["unit"], item["isMaximised"]) for item in data["objectives"]] == [("Dice", True), ("mm", False)]
    assert [(item["label"], item["unit"]) for item in data["costs"]] == [
        ("parameters", ""),
        ("operations per window", "FLOP"),
        ("latency", "ms"),
        ("train memory", "GB"),
        ("train", "s"),
    ]


def test_every_dimension_of_the_space_is_reported():
    data = describe_study(build_record())
    assert [item["name"] for item in data["dimensions"]] == list(DIMENSIONS)
    by_name = {item["name"]: item for item in data["dimensions"]}
    assert by_name["skip"] == {
        "name": "skip",
        "part": "architecture",
        "options": list(DIMENSIONS["skip"].options),
        "isLog": False,
    }
    assert (by_name["learning_rate"]["part"], by_name["learning_rate"]["isLog"]) == ("recipe", True)


def test_a_trial_brings_its_values_and_only_finite_numbers():
    [trial, *_] = describe_study(build_record())["trials"]
    assert trial["values"] == Candidate().as_dict()
    assert trial["objectives"] == {"accuracy": 0.5, "loss_mm": 2.0}
    assert trial["costs"] == {"parameters": 10.0, "train_seconds": 1.0}
    assert (trial["isOnFront"], trial["reason"]) == (True, "")


def test_the_trial_of_a_candidate_of_several_seeds_has_the_means_of_the_candidate():
    events = [Created(0.0, "study", OBJECTIVES, COSTS), Opened(0.0, "here", 1, 2, None)]
    events += [Started(0.0, index, Candidate(), index + 3, "random") for index in range(2)]
    for index, accuracy in enumerate((0.6, 0.8)):
        values = {"accuracy": accuracy, "loss_mm": 2.0}
        events.append(Finished(1.0, index, values, {"parameters": 10.0}, "", 0.0, 1.0))
    first, second = describe_study(StudyRecord(events))["trials"]
    assert first["objectives"] == pytest.approx({"accuracy": 0.7, "loss_mm": 2.0})
    assert first["seeds"] == [3, 4]
    assert second["objectives"]["accuracy"] == 0.8
    assert "seeds" not in second


def test_every_trial_off_the_front_says_why():
    data = describe_study(build_record())
    assert data["front"] == [0]
    assert [trial["reason"] for trial in data["trials"]] == [
        "",
        "degenerate: predicts almost no foreground",
        "failed (nan): loss must be finite, got nan",
        "running, or interrupted",
    ]


def test_a_stopped_trial_says_after_which_step():
    stopped = build_trial(state=State.STOPPED, reports={1: {"accuracy": 0.1}, 2: {"accuracy": 0.2}})
    assert explain(stopped) == "stopped early after step 2: others were clearly better"


def test_means_are_over_cases_by_corruption_and_severity():
    rows = [
        CaseScore(case, "here", corruption, severity, metric, value)
        for case, corruption, severity, metric, value in [
            ("a", "none", 0, "dice", 0.8),
            ("b", "none", 0, "dice", 0.6),
            ("a", "blur", 4, "dice", 0.2),
            ("a", "blur", 2, "dice", 0.5),
            ("b", "blur", 2, "dice", 0.1),
            ("b", "blur", 2, "distance", 99.0),
        ]
    ]
    means = mean_by_severity(rows, "dice")
    assert means == {"none": {0: pytest.approx(0.7)}, "blur": {2: pytest.approx(0.3), 4: 0.2}}
    assert list(means["blur"]) == [2, 4]


def test_means_by_shift_set_are_over_clean_images_with_the_number_of_cases():
    def row(case, value, shift="", corruption="none", metric="dice", label="mean"):
        return CaseScore(case, "here", corruption, int(corruption != "none"), metric, value, label, shift=shift)

    rows = [
        row("s", 0.2, "there"),
        row("t", 0.4, "there"),
        row("t", 9.0, "there", metric="hd95_mm"),
        row("t", 1.0, "there", label="left"),
        row("t", 0.9, "there", corruption="blur"),
        row("a", 0.8),
        row("a", 0.1, corruption="blur"),
    ]
    means = mean_by_shift(rows, "dice")
    assert means == {"": {"mean": 0.8, "cases": 1}, "there": {"mean": pytest.approx(0.3), "cases": 2}}
    assert list(means) == ["", "there"]
    # No other number of the page is made of them.
    own = [item for item in rows if not item.shift]
    assert mean_by_severity(rows, "dice") == mean_by_severity(own, "dice") == {"none": {0: 0.8}, "blur": {1: 0.1}}
    assert mean_by_class(rows) == mean_by_class(own)
    assert count_empty(rows) == count_empty(own) == {}


def score(label, value, metric="dice", case="a", corruption="none", empty=""):
    return CaseScore(case, "here", corruption, int(corruption != "none"), metric, value, label, empty)


MIXED = [
    score("mean", 0.7),
    score("left", 0.9),
    score("right", 0.5, empty="reference"),
    score("right", 0.1, case="b"),
    score("mean", 30.0, "hd95_mm"),
    score("left", 10.0, "hd95_mm"),
    score("right", 50.0, "hd95_mm", empty="reference"),
    score("left", 0.0, corruption="blur", empty="prediction"),
    score("mean", 0.2, corruption="blur"),
]
"""Rows of several metrics, classes and conditions, as a task with two classes makes them."""


def test_classes_and_other_metrics_do_not_enter_the_mean_under_corruptions():
    assert mean_by_severity(MIXED, "dice") == {"none": {0: 0.7}, "blur": {1: 0.2}}
    assert mean_by_severity(MIXED, "hd95_mm") == {"none": {0: 30.0}}


def test_means_by_class_are_over_clean_images_and_the_mean_comes_last():
    means = mean_by_class(MIXED)
    assert means == {
        "left": {"dice": 0.9, "hd95_mm": 10.0},
        "right": {"dice": pytest.approx(0.3), "hd95_mm": 50.0},
        "mean": {"dice": 0.7, "hd95_mm": 30.0},
    }
    assert list(means) == ["left", "right", "mean"]


def test_empty_masks_are_counted_once_whatever_was_measured_of_them():
    nothing = {"reference": 0, "prediction": 0, "both": 0}
    assert count_empty(MIXED) == {"left": nothing, "right": nothing | {"reference": 1}}
    assert count_empty([]) == {}


def test_the_metric_is_that_of_the_objectives_unit():
    surface = Objective("accuracy", "NSD", Direction.MAXIMISE, 0.0)
    assert find_metric([surface], MIXED) == "nsd"
    assert find_metric(OBJECTIVES, []) == "dice"
    assert find_metric([Objective("accuracy", "1", Direction.MAXIMISE, 0.0)], MIXED) == "dice"
    assert find_metric([Objective("accuracy", "1", Direction.MAXIMISE, 0.0)], []) == ""


def test_metrics_tell_unit_and_direction():
    dice, distance = describe_metrics([*MIXED, score("mean", 1.0, "unknown")])
    assert dice == {"name": "dice", "label": "Dice", "unit": "", "isMaximised": True}
    assert distance == {"name": "hd95_mm", "label": "HD95", "unit": "mm", "isMaximised": False}


def test_a_used_budget_is_best_when_it_is_equal():
    assert describe_cost("budget_used")["better"] == "1 is equal to the budget"
    assert describe_cost("train_flops") == {
        "name": "train_flops",
        "label": "operations of training",
        "unit": "FLOP",
        "better": "lower is better",
    }
