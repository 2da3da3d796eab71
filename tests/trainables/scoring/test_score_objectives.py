"""The scores that may be objectives, by hand."""

from __future__ import annotations

import pytest

from paretoseg.spaces.objective import Direction
from paretoseg.trainables.scoring.measures import ObjectiveMetric, SurfaceMetrics
from paretoseg.trainables.scoring.objectives import RobustnessRule, measure_draws, tabulate
from paretoseg.trainables.scoring.score_objectives import define_scores, measure_scores
from paretoseg.trainables.trainable import CaseScore

NAMES = ("accuracy", "robustness", "worst_group", "nsd")
ROWS = [
    CaseScore("a", "north", "none", 0, "dice", 0.9),
    CaseScore("b", "south", "none", 0, "dice", 0.7),
    CaseScore("a", "north", "none", 0, "nsd", 0.5),
    CaseScore("b", "south", "none", 0, "nsd", 0.3),
    CaseScore("a", "north", "blur", 1, "dice", 0.6),
    CaseScore("b", "south", "blur", 1, "dice", 0.2),
]


def test_every_score_by_hand() -> None:
    found = measure_scores(ROWS, NAMES, "dice", RobustnessRule())
    assert found == {
        "accuracy": pytest.approx(0.8),
        "robustness": pytest.approx(0.4),
        "worst_group": pytest.approx(0.2),
        "nsd": pytest.approx(0.4),
    }


def test_only_what_is_named_is_measured() -> None:
    assert list(measure_scores(ROWS, ("nsd", "accuracy"), "dice", RobustnessRule())) == ["accuracy", "nsd"]


def test_the_draws_of_the_worst_group_are_those_of_its_rule() -> None:
    table = tabulate(row for row in ROWS if row.metric == "dice")
    draws = measure_draws(table, table.once, RobustnessRule(), ("worst_group", "accuracy"))
    assert {name: values.tolist() for name, values in draws.items()} == {
        "worst_group": [pytest.approx(0.2)],
        "accuracy": [pytest.approx(0.8)],
    }


def test_scores_are_maximised_in_their_unit() -> None:
    scores = define_scores(ObjectiveMetric.dice, RobustnessRule(), SurfaceMetrics.clean)
    assert [item.name for item in scores] == list(NAMES)
    assert [item.unit for item in scores] == ["Dice", "Dice", "Dice", "NSD"]
    assert {item.direction for item in scores} == {Direction.MAXIMISE}
    assert "worst domain" in scores[2].description
