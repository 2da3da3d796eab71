"""All objectives of a small search at once, against the rows and costs that they are made of."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence

import pytest

from paretoseg.spaces.objective_choice import OBJECTIVE_NAMES, choose_objectives
from paretoseg.spaces.search_space import SearchSpace
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.scoring.measures import SurfaceMetrics
from paretoseg.trainables.scoring.robustness_kinds import Robustness
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.segmentation.task import COST_NAMES, SegmentationTask
from paretoseg.trainables.trainable import MEAN, Assignment, CaseScore, Split

CONFIG = SegmentationConfig(
    num_steps=1,
    iterations_per_step=1,
    corruptions=["gaussian_blur"],
    severities=[2],
    calibration="none",
    transfer="none",
)
DATA = TexturesConfig(image_size=32, num_train=2, num_validation=4, num_test=2)
SPACE = SearchSpace({"depth": 2, "width": [4, 8], "patch": 32})


def build(config: SegmentationConfig = CONFIG) -> SegmentationTask:
    return config.build(DATA, SPACE)


def mean_of(rows: Sequence[CaseScore], metric: str, corruption: str, domain: str = "") -> float:
    return statistics.fmean(
        row.value
        for row in rows
        if (row.metric, row.label, row.corruption) == (metric, MEAN, corruption) and domain in ("", row.domain)
    )


def test_a_task_can_optimise_every_objective() -> None:
    assert tuple(item.name for item in build().measurable()) == OBJECTIVE_NAMES


def test_what_would_be_measured_twice_or_not_at_all_is_not_offered() -> None:
    worst = build(dataclasses.replace(CONFIG, robustness=Robustness.worst_group))
    none = build(dataclasses.replace(CONFIG, surface_metrics=SurfaceMetrics.none))
    assert "worst_group" not in {item.name for item in worst.measurable()}
    assert "nsd" not in {item.name for item in none.measurable()}


def test_every_objective_is_what_rows_and_costs_say() -> None:
    names = [name for name in OBJECTIVE_NAMES if name != "robustness"]
    plain = build()
    task = plain.choose(choose_objectives(plain.measurable(), names))
    assert set(task.cost_names()) == {*COST_NAMES, "robustness"} - {*names}
    candidate = SPACE.complete({"width": 4})
    trainable = task.build(Assignment(candidate, 0))
    quick = trainable.step().values
    evaluation = trainable.evaluate(Split.VALIDATION)
    values, rows, costs = evaluation.objectives.values, evaluation.cases, evaluation.costs
    assert list(values) == list(quick) == names
    domains = {row.domain for row in rows if row.corruption == "gaussian_blur"}
    assert values["accuracy"] == pytest.approx(mean_of(rows, "dice", "none"))
    assert values["nsd"] == pytest.approx(mean_of(rows, "nsd", "none"))
    assert values["worst_group"] == pytest.approx(min(mean_of(rows, "dice", "gaussian_blur", one) for one in domains))
    assert costs["robustness"] == pytest.approx(mean_of(rows, "dice", "gaussian_blur"))
    for name in ("parameters", "flops", "latency_ms", "memory_gb", "train_seconds"):
        assert values[name] == costs[name] > 0.0
    assert quick["parameters"] == values["parameters"]
    predicted = task.predict(candidate, task.predictable())
    assert predicted == {name: pytest.approx(costs[name], rel=1e-12) for name in task.predictable()}
