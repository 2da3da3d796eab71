"""Both objectives of a real evaluation, computed again from its Parquet file with pandas alone."""

from __future__ import annotations

import dataclasses
import io
import math
from collections.abc import Sequence

import pandas as pd
import pytest

from paretoseg.search.store.tables import cases_to_parquet
from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate, SearchSpace
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.scoring.measures import DICE
from paretoseg.trainables.scoring.objectives import (
    RobustnessOver,
    RobustnessRule,
    add_objective_names,
    summarise,
    to_errors,
)
from paretoseg.trainables.scoring.robustness_kinds import Robustness
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.segmentation.task import SegmentationTask
from paretoseg.trainables.trainable import Assignment, CaseScore, Evaluation, Split

CANDIDATE = Candidate(Architecture(depth=2, width=4), Recipe(patch=32))
CORRUPTIONS = ["gaussian_noise", "gaussian_blur", "contrast_down"]


@pytest.fixture(scope="module")
def task() -> SegmentationTask:
    """One corruption of three may be met in training; there are two shift sets."""
    data = TexturesConfig(image_size=32, num_train=2, num_validation=3, num_test=2, shift=["blend_0.50", "blend_0.90"])
    config = SegmentationConfig(num_steps=1, iterations_per_step=2, corruptions=CORRUPTIONS, severities=[1, 4])
    return config.build(data, SearchSpace({"augmentation": "intensity"}))


@pytest.fixture(scope="module")
def evaluation(task: SegmentationTask) -> Evaluation:
    trial = task.build(Assignment(CANDIDATE, seed=0))
    trial.step()
    return trial.evaluate(Split.VALIDATION)


def read(rows: Sequence[CaseScore]) -> pd.DataFrame:
    """What a user reads of them."""
    return pd.read_parquet(io.BytesIO(cases_to_parquet(7, 0, Split.VALIDATION, rows)))


def weigh(frame: pd.DataFrame) -> float:
    """The severity-weighted mean over what was measured of one change."""
    by_severity = frame.groupby("severity").value.mean()
    weights = (2 / 3) ** by_severity.index.to_numpy(float)
    return float((by_severity * weights).sum() / weights.sum())


def average(frame: pd.DataFrame) -> float:
    return float(frame.groupby(["corruption", "shift"])[["severity", "value"]].apply(weigh).mean())


def recompute(frame: pd.DataFrame, kind: Robustness, reference: pd.DataFrame) -> float:
    rows = frame[frame.objective == "robustness"]
    changes = rows.groupby(["corruption", "shift"])[["severity", "value"]].apply(weigh)
    cases = rows.groupby("case")[["corruption", "shift", "severity", "value"]].apply(average)
    match kind:
        case Robustness.weighted_mean:
            return float(changes.mean())
        case Robustness.worst_corruption:
            return float(changes.min())
        case Robustness.percentile_5:
            return float(cases.quantile(0.05))
        case Robustness.cvar_5:
            return float(cases.nsmallest(math.ceil(0.05 * len(cases))).mean())
        case Robustness.worst_group:
            group = rows["shift"].where(rows["shift"] != "", "domain " + rows["domain"])
            return float(rows.groupby(group)[["corruption", "shift", "severity", "value"]].apply(average).min())
        case Robustness.mean_corruption_error:
            keys = ["corruption", "shift"]
            own, other = ((1 - some.groupby([*keys, "severity"]).value.mean()).groupby(keys).sum()
                          for some in (rows, reference[reference.objective == "robustness"]))  # fmt: skip
            return float((own / other).mean())


@pytest.mark.parametrize("over", RobustnessOver)
@pytest.mark.parametrize("kind", Robustness)
def test_both_objectives_can_be_computed_from_the_file_with_pandas_alone(
    evaluation: Evaluation, task: SegmentationTask, kind: Robustness, over: RobustnessOver
) -> None:
    reference = [dataclasses.replace(row, value=0.9 * row.value + 0.05) for row in evaluation.cases]
    errors = to_errors(reference, "dice")
    rule = RobustnessRule(kind, over, excluded=task.rule.excluded, reference=errors)
    values = summarise(evaluation.cases, DICE, rule).values
    frame, other = (read(add_objective_names(rows, "dice", rule)) for rows in (evaluation.cases, reference))
    assert values["accuracy"] == pytest.approx(frame[frame.objective == "accuracy"].value.mean(), abs=1e-12)
    assert values["robustness"] == pytest.approx(recompute(frame, kind, other), abs=1e-12)


def test_an_evaluation_says_of_every_row_what_it_is_for(evaluation: Evaluation, task: SegmentationTask) -> None:
    frame = read(evaluation.cases)
    assert evaluation.objectives.values["accuracy"] == frame[frame.objective == "accuracy"].value.mean()
    expected = recompute(frame, Robustness.weighted_mean, frame)
    assert evaluation.objectives.values["robustness"] == pytest.approx(expected, abs=1e-12)
    counted = frame[frame.objective == "robustness"]
    assert set(frame.corruption) == {"none", *CORRUPTIONS}
    assert set(counted.corruption) == {"none", "gaussian_noise", "gaussian_blur"}
    assert set(counted["shift"]) == {"", "blend_0.50", "blend_0.90"}
    assert set(frame[frame.corruption == "contrast_down"].objective) == {""}
    assert set(frame[frame.objective != ""].metric) == {"dice"}
    assert evaluation.costs["battery_seconds"] > 0.0
