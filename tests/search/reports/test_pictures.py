import base64
import dataclasses
import io
import re

import numpy as np
from PIL import Image

from paretoseg.search.reports.pictures import (
    choose_cases,
    choose_conditions,
    describe_pictures,
    spread,
    to_data_uri,
    trace,
)
from paretoseg.trainables.segmentation.gallery import CasePicture, PredictionPicture
from paretoseg.trainables.trainable import CLEAN_CONDITION, CaseScore, Condition, Split


def score(case, value, corruption="none", severity=0, metric="dice"):
    return CaseScore(case, "here", corruption, severity, metric, value)


def test_the_hardest_the_median_and_the_easiest_case_are_chosen():
    values = {"a": 0.5, "b": 0.9, "c": 0.1, "d": 0.7, "e": 0.3}
    first = [score(case, value) for case, value in values.items()]
    second = [score(case, value / 2) for case, value in values.items()]
    assert choose_cases([first, second], "dice") == [
        ("c", "hardest case"),
        ("a", "median case"),
        ("b", "easiest case"),
    ]


def test_corrupted_rows_and_other_metrics_do_not_choose_cases():
    rows = [score("a", 0.9), score("b", 0.2), score("b", 1.0, "blur", 1), score("c", 0.1, metric="distance")]
    assert choose_cases([rows], "dice") == [("b", "harder case"), ("a", "easier case")]
    assert choose_cases([[score("a", 0.9)]], "dice") == [("a", "the only case")]
    assert choose_cases([[], ()], "dice") == []


def test_shift_sets_choose_neither_cases_nor_conditions():
    away = [
        dataclasses.replace(score("z", 0.0), shift="there"),
        dataclasses.replace(score("z", 0.1, "blur", 5), shift="x"),
    ]
    rows = [score("a", 0.9), score("b", 0.2), score("b", 0.1, "blur", 1), *away]
    assert choose_cases([rows], "dice") == [("b", "harder case"), ("a", "easier case")]
    assert choose_conditions(rows) == [CLEAN_CONDITION, Condition("blur", 1)]


def test_single_classes_do_not_choose_cases():
    rows = [score("a", 0.5), score("b", 0.6), dataclasses.replace(score("a", 1.0), label="left")]
    assert choose_cases([rows], "dice") == [("a", "harder case"), ("b", "easier case")]


def test_every_corruption_is_shown_at_its_strongest_severity_after_the_clean_image():
    rows = [score("a", 0.5, *condition) for condition in (("noise", 4), ("blur", 1), ("noise", 2), ("none", 0))]
    assert choose_conditions(rows) == [CLEAN_CONDITION, Condition("noise", 4), Condition("blur", 1)]


def test_members_are_spread_over_the_front_with_both_ends():
    assert spread([7, 3, 5], 12) == [7, 3, 5]
    assert spread(list(range(20)), 3) == [0, 10, 19]


def corners(path):
    return {(float(x), float(y)) for x, y in re.findall(r"([\d.]+) ([\d.]+)", path)}


def test_an_outline_runs_along_the_edges_of_the_mask():
    mask = np.zeros((6, 8), np.uint8)
    mask[2:4, 3:7] = 1
    places = corners(trace(mask, 2)[0])
    assert {min(x for x, _ in places), max(x for x, _ in places)} == {3.0, 7.0}
    assert {min(y for _, y in places), max(y for _, y in places)} == {2.0, 4.0}


def test_a_mask_that_fills_the_picture_is_outlined_at_its_border():
    places = corners(trace(np.ones((4, 4), np.uint8), 2)[0])
    assert {coordinate for place in places for coordinate in place} >= {0.0, 4.0}


def test_every_class_and_every_part_has_an_outline_and_an_empty_mask_has_none():
    mask = np.zeros((9, 9), np.uint8)
    mask[1, 1], mask[5:7, 5:7], mask[7, 1] = 1, 1, 2
    first, second, third = trace(mask, 4)
    assert first.count("M") == first.count("Z") == 2
    assert corners(second) == {(1.0, 7.5), (1.5, 7.0), (2.0, 7.5), (1.5, 8.0)}
    assert third == ""
    assert trace(np.zeros((4, 4), np.uint8), 2) == [""]


def test_a_data_uri_holds_the_very_pixels():
    for image in (np.arange(12, dtype=np.uint8).reshape(3, 4), np.arange(24, dtype=np.uint8).reshape(2, 4, 3)):
        head, body = to_data_uri(image).split(",")
        assert head == "data:image/png;base64"
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(body)))), image)


def test_pictures_are_ordered_by_case_and_condition():
    mask = np.eye(4, dtype=np.uint8)
    conditions = [CLEAN_CONDITION, Condition("blur", 3)]
    views = [(name, condition) for name in ("a", "b") for condition in conditions]
    scenes = {
        view: CasePicture(np.full((4, 4), index, np.uint8), mask, "slice 2 of 5") for index, view in enumerate(views)
    }
    answers = {5: {view: PredictionPicture(mask, index / 10) for index, view in enumerate(views)}}
    cases = [("b", "harder case"), ("a", "easier case")]
    shown = describe_pictures(cases, conditions, scenes, answers, Split.TEST, ("background", "left", "right"))
    assert shown["split"] == "test"
    assert [[answer["dice"] for answer in row] for row in shown["answers"]["5"]] == [[0.2, 0.3], [0.0, 0.1]]
    assert shown["scenes"][0][1]["uri"] == to_data_uri(np.full((4, 4), 3, np.uint8))
    assert shown["scenes"][0][1]["width"] == 4
    assert shown["classes"] == ["left", "right"]
    assert [len(shown["scenes"][0][0]["reference"]), len(shown["answers"]["5"][0][0]["predicted"])] == [2, 2]
    assert shown["scenes"][1][0]["place"] == "slice 2 of 5"
