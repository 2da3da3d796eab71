"""Both objectives of a real evaluation, computed again from its Parquet file with pandas alone."""

from __future__ import annotations

import dataclasses
import io
import math
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from paretoseg.search.store.tables import cases_to_parquet
from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate, SearchSpace
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.scoring.averages import Average
from paretoseg.trainables.scoring.counted_corruptions import TrainedCorruptions
from paretoseg.trainables.scoring.measures import DICE
from paretoseg.trainables.scoring.objectives import (
    RobustnessOver,
    RobustnessRule,
    add_objective_names,
    to_errors,
)
from paretoseg.trainables.scoring.profile import measure_profile
from paretoseg.trainables.scoring.robustness_kinds import Robustness
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.segmentation.task import SegmentationTask
from paretoseg.trainables.trainable import Assignment, CaseScore, Evaluation, Split
from tests.scores import summarise

CANDIDATE = Candidate(Architecture(depth=2, width=4), Recipe(patch=32))
CORRUPTIONS = ["gaussian_noise", "speckle_noise", "gaussian_blur", "contrast_down"]
RECIPE = re.search(
    r"```python\n(import pandas.*?)```", (Path(__file__).parents[3] / "docs" / "robustness.md").read_text(), re.DOTALL
)
LIMIT = 0.3
KEYS = ["family", "corruption", "shift"]


@pytest.fixture(scope="module")
def task() -> SegmentationTask:
    """Two corruptions are of one family, another may be met in training; there are two shift sets."""
    data = TexturesConfig(image_size=32, num_train=2, num_validation=3, num_test=2, shift=["blend_0.50", "blend_0.90"])
    config = SegmentationConfig(
        num_steps=1,
        iterations_per_step=2,
        corruptions=CORRUPTIONS,
        severities=[1, 4],
        trained_corruptions=TrainedCorruptions.exclude,
    )
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


def average(frame: pd.DataFrame, by: str) -> float:
    return mean_of(frame.groupby(KEYS)[["severity", "value"]].apply(weigh), by)


def mean_of(changes: pd.Series, by: str) -> float:
    """The mean over changes, or over families of their means."""
    return float(changes.groupby("family").mean().mean() if by == "families" else changes.mean())


def recompute(frame: pd.DataFrame, kind: Robustness, reference: pd.DataFrame, by: str = "families") -> float:
    rows = frame[frame.objective == "robustness"]
    changes = rows.groupby(KEYS)[["severity", "value"]].apply(weigh)
    cases = rows.groupby("case")[[*KEYS, "severity", "value"]].apply(average, by)
    match kind:
        case Robustness.weighted_mean:
            return mean_of(changes, by)
        case Robustness.failure_rate:
            return average(rows.assign(value=(rows.value < LIMIT).astype(float)), by)
        case Robustness.worst_corruption:
            return float(changes.min())
        case Robustness.percentile_5:
            return float(cases.quantile(0.05))
        case Robustness.cvar_5:
            return float(cases.nsmallest(math.ceil(0.05 * len(cases))).mean())
        case Robustness.worst_group:
            group = rows["shift"].where(rows["shift"] != "", "domain " + rows["domain"])
            return float(rows.groupby(group)[[*KEYS, "severity", "value"]].apply(average, by).min())
        case Robustness.mean_corruption_error:
            own, other = ((1 - some.groupby([*KEYS, "severity"]).value.mean()).groupby(KEYS).sum()
                          for some in (rows, reference[reference.objective == "robustness"]))  # fmt: skip
            return mean_of(own / other, by)


@pytest.mark.parametrize("by", Average)
@pytest.mark.parametrize("over", RobustnessOver)
@pytest.mark.parametrize("kind", Robustness)
def test_both_objectives_can_be_computed_from_the_file_with_pandas_alone(
    evaluation: Evaluation, task: SegmentationTask, kind: Robustness, over: RobustnessOver, by: Average
) -> None:
    reference = [dataclasses.replace(row, value=0.9 * row.value + 0.05) for row in evaluation.cases]
    errors = to_errors(reference, "dice")
    rule = RobustnessRule(kind, over, excluded=task.rule.excluded, reference=errors, average=by, failure_below=LIMIT)
    values = summarise(evaluation.cases, DICE, rule).values
    frame, other = (read(add_objective_names(rows, "dice", rule)) for rows in (evaluation.cases, reference))
    assert values["accuracy"] == pytest.approx(frame[frame.objective == "accuracy"].value.mean(), abs=1e-12)
    assert values["robustness"] == pytest.approx(recompute(frame, kind, other, by), abs=1e-12)


def test_the_recipe_of_the_docs_gives_the_objectives(
    evaluation: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert RECIPE is not None
    place = tmp_path / "studies" / "quickstart" / "cases" / "trial-00000-validation.parquet"
    place.parent.mkdir(parents=True)
    place.write_bytes(cases_to_parquet(0, 0, Split.VALIDATION, evaluation.cases))
    monkeypatch.chdir(tmp_path)
    found: dict[str, object] = {}
    exec(RECIPE[1], found)
    for name, value in evaluation.objectives.values.items():
        assert found[name] == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("kind", [Robustness.weighted_mean, Robustness.cvar_5, Robustness.failure_rate])
def test_the_profile_can_be_computed_from_the_file_with_pandas_alone(
    evaluation: Evaluation, task: SegmentationTask, kind: Robustness
) -> None:
    held_out = ("gaussian_blur", "contrast_down")
    rule = dataclasses.replace(task.rule, kind=kind, held_out=held_out, failure_below=LIMIT)
    rows = [row for row in evaluation.cases if row.case != evaluation.cases[0].case or row.corruption == "none"]
    profile = measure_profile(rows, "dice", rule)
    frame = read(add_objective_names(rows, "dice", rule))
    frame = frame[(frame.metric == "dice") & (frame["class"] == "mean")]
    clean, corrupted = frame[frame.objective == "accuracy"], frame[frame.corruption != "none"]
    changes = frame[frame.family != ""].groupby(KEYS)[["severity", "value"]].apply(weigh)
    assert profile.families == pytest.approx(changes.groupby("family").mean().to_dict(), abs=1e-12)
    assert set(profile.families) == {"noise", "blur", "contrast", "shift blend_0.50", "shift blend_0.90"}
    assert profile.clean == pytest.approx(clean[clean["case"].isin(corrupted["case"])].value.mean(), abs=1e-12)
    assert profile.clean != pytest.approx(evaluation.objectives.values["accuracy"], abs=1e-6)
    alone, kept = corrupted[corrupted.objective == "robustness"], corrupted[corrupted.corruption == "gaussian_blur"]
    assert profile.corrupted == pytest.approx(recompute(alone, Robustness.weighted_mean, frame), abs=1e-12)
    assert profile.held_out == pytest.approx(recompute(kept, kind, frame), abs=1e-12)
    num_cases = frame[frame.objective == "robustness"]["case"].nunique()
    assert profile.worst_of == (num_cases if kind is Robustness.cvar_5 else 0)


def test_an_evaluation_says_of_every_row_what_it_is_for(evaluation: Evaluation, task: SegmentationTask) -> None:
    frame = read(evaluation.cases)
    assert evaluation.objectives.values["accuracy"] == frame[frame.objective == "accuracy"].value.mean()
    expected = recompute(frame, Robustness.weighted_mean, frame)
    assert evaluation.objectives.values["robustness"] == pytest.approx(expected, abs=1e-12)
    assert evaluation.profile == measure_profile(evaluation.cases, "dice", task.rule)
    counted = frame[frame.objective == "robustness"]
    assert set(frame.corruption) == {"none", *CORRUPTIONS}
    assert set(counted.corruption) == {"none", "gaussian_noise", "speckle_noise", "gaussian_blur"}
    assert set(counted["shift"]) == {"", "blend_0.50", "blend_0.90"}
    assert set(frame[frame.corruption == "contrast_down"].objective) == {""}
    assert set(frame[frame.objective != ""].metric) == {"dice"}
    assert evaluation.costs["battery_seconds"] > 0.0
