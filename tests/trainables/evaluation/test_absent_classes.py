"""Classes that are in neither mask of a case are left out of means on request, and nothing else is."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from paretoseg.trainables.data.datasets import Case, DataConfig, Dataset
from paretoseg.trainables.evaluation.measuring import measure
from paretoseg.trainables.scoring.absent_count import AbsentCount, count_absent
from paretoseg.trainables.scoring.battery import Battery
from paretoseg.trainables.scoring.measures import AbsentClasses, Scoring, SurfaceMetrics
from paretoseg.trainables.scoring.objectives import (
    RobustnessRule,
    add_objective_names,
    measure_accuracy,
    measure_draws,
    measure_robustness,
)
from paretoseg.trainables.scoring.score_table import tabulate
from paretoseg.trainables.segmentation.absent_classes import check_holders
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.trainable import MEAN, CaseScore, Split, SplitRow

SKIP = Scoring(
    ("background", "head", "tail"),
    (1.0, 2.0),
    surface_metrics=SurfaceMetrics.all,
    absent_classes=AbsentClasses.skip,
)
BATTERY = Battery.of(["gaussian_noise", "gaussian_blur"], [2, 5], seed=0)
LEVELS = (0.2, 0.5, 0.8)


class NearestLevel(nn.Module):
    """The class whose intensity is nearest, so noise makes classes up."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([-(images - level).square() for level in LEVELS], dim=1)


def build_cases(held: str) -> list[Case]:
    """A case for every letter: both classes, head, tail, none; 'f' is none with a bright spot that no one labelled."""
    cases = []
    for index, kind in enumerate(held):
        label = np.zeros((24, 24), np.uint8)
        if kind in "bh":
            label[2:10, 2 + index % 3 : 12] = 1
        if kind in "bt":
            label[12:20, 10:20] = 2
        image = np.choose(label, LEVELS).astype(np.float32)[np.newaxis]
        if kind == "f":
            image[0, 20:23, 20:23] = LEVELS[2]
        cases.append(Case(f"c{index}", "here", f"c{index}", "validation", image, label))
    return cases


def score(held: str, scoring: Scoring = SKIP) -> tuple[CaseScore, ...]:
    return measure(NearestLevel(), build_cases(held), BATTERY, window=(24, 24), scoring=scoring).rows


def test_objectives_agree_with_an_independent_computation_from_the_rows_of_classes() -> None:
    rows = score("bhtnfbnh")
    table = pd.DataFrame([vars(row) for row in rows])
    classes = table[(table["metric"] == "dice") & (table["label"] != MEAN) & (table["empty"] != "both")]
    of_cases = classes.groupby(["corruption", "severity", "case"])["value"].mean()
    means = of_cases.groupby(["corruption", "severity"]).mean()
    assert measure_accuracy(rows) == pytest.approx(means["none", 0])
    weighed = [
        (means[name, 2] * (2 / 3) ** 2 + means[name, 5] * (2 / 3) ** 5) / ((2 / 3) ** 2 + (2 / 3) ** 5)
        for name in ("gaussian_noise", "gaussian_blur")
    ]
    assert measure_robustness(rows, rule=RobustnessRule()) == pytest.approx(sum(weighed) / 2)
    counted = score("bhtnfbnh", dataclasses.replace(SKIP, absent_classes=AbsentClasses.one))
    assert measure_accuracy(counted) > measure_accuracy(rows)
    assert measure_robustness(counted) != pytest.approx(measure_robustness(rows))


def test_rows_of_absent_classes_stay_and_say_so_and_means_say_what_they_leave_out() -> None:
    clean = {
        (row.case, row.label, row.metric): row
        for row in add_objective_names(score("bhnf"), "dice", RobustnessRule())
        if row.is_clean
    }
    assert (clean["c1", "tail", "dice"].empty, clean["c1", "tail", "dice"].value) == ("both", 1.0)
    means = [clean[f"c{index}", MEAN, "dice"] for index in range(4)]
    assert [row.empty for row in means] == ["", "some", "both", "some"]
    assert [row.is_left_out for row in means] == [False, False, True, False]
    assert [row.objective for row in means] == ["accuracy", "accuracy", "", "accuracy"]
    # The spot brings the class back with 0.
    assert [row.value for row in means if not row.is_left_out] == [1.0, 1.0, 0.0]
    assert clean["c1", MEAN, "nsd"].value == 1.0
    assert clean["c1", MEAN, "hd95_mm"].value == 0.0


def test_a_false_positive_never_raises_a_mean() -> None:
    assert measure_accuracy(score("bhf")) < measure_accuracy(score("bhn")) == measure_accuracy(score("bh")) == 1.0


def test_two_networks_have_the_same_cases_whatever_they_leave_out() -> None:
    table, other = tabulate(select_dice(score("bhnf"))), tabulate(select_dice(score("bhnn")))
    assert table.cases == other.cases
    assert table.conditions == other.conditions
    [accuracy] = measure_draws(table, table.once, RobustnessRule())["accuracy"]
    assert accuracy == pytest.approx(2 / 3)


def select_dice(rows: tuple[CaseScore, ...]) -> list[CaseScore]:
    return [row for row in rows if row.metric == "dice" and row.label == MEAN]


def test_what_is_left_out_is_counted() -> None:
    assert count_absent(score("bhnf")) == AbsentCount(classes=4, all_classes=8, cases=1, all_cases=4)
    counted = score("bhnf", dataclasses.replace(SKIP, absent_classes=AbsentClasses.one))
    assert count_absent(counted) == AbsentCount(classes=0, all_classes=8, cases=0, all_cases=4)


def build_dataset(validation: str, test: str) -> Dataset:
    cases = {
        split: [
            dataclasses.replace(case, name=f"{split} {case.name}", subject=f"{split} {case.name}", split=split)
            for case in build_cases(held)
        ]
        for split, held in (("train", "b"), ("validation", validation), ("test", test))
    }
    return Dataset("few", **cases, spacing_mm=(1.0, 1.0), num_channels=1, class_names=SKIP.class_names)


def test_measured_cases_without_any_class_are_refused_before_the_search() -> None:
    settings = SegmentationConfig(absent_classes=AbsentClasses.skip, num_battery_cases=2)

    def find(validation: str, test: str) -> list[str]:
        return check_holders(build_dataset(validation, test), lambda split: settings.battery((), split))

    assert find("hh", "h") == []
    # Of 8 cases 2 are corrupted; the only one with a class must be among them.
    found = [find("n" * place + "h" + "n" * (7 - place), "h") for place in range(8)]
    assert sum(not findings for findings in found) == 2
    assert {finding for findings in found for finding in findings} == {
        "task.absent_classes=skip needs cases with some class, and none of 2 validation cases that are measured holds "
        "any; measure more with task.num_battery_cases=0, or set task.absent_classes=one"
    }
    [finding] = find("hh", "nn")
    assert "none of 2 test cases that are measured holds any" in finding


@dataclasses.dataclass(unsafe_hash=True)
class CorneredConfig(DataConfig):
    """Cases of which only the first of every split holds a class: a spot in a corner, which 45 degrees move out."""

    def load(self) -> Dataset:
        dataset = build_dataset("hn", "hn")
        for cases in (dataset.validation, dataset.test):
            cases[0].label[:] = 0
            cases[0].label[:2, :2] = 1
        return dataset

    def findings(self) -> list[str]:
        return []

    def split_rows(self) -> list[SplitRow]:
        return []


def test_a_case_that_is_left_out_of_a_condition_holds_no_class_there() -> None:
    settings = SegmentationConfig(
        absent_classes=AbsentClasses.skip, num_battery_cases=0, severities=[1, 5],
        corruptions=["gaussian_noise", "rotation"], strengths={"rotation": [2.0, 4.0, 6.0, 8.0, 45.0]},
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"none of 1 validation cases .*, leave out the corruptions that move a class"):
        settings.build(CorneredConfig()).check()
    dataclasses.replace(settings, severities=[1]).build(CorneredConfig()).check()


def test_quick_measurements_look_at_cases_with_some_class() -> None:
    settings = SegmentationConfig(absent_classes=AbsentClasses.skip, num_quick_cases=2)
    cases = build_cases("nnnnnnbnnnnh")
    assert [case.name for case in settings.choose_quick(cases)] == ["c6", "c11"]
    plain = dataclasses.replace(settings, absent_classes=AbsentClasses.one)
    assert len(plain.choose_quick(cases)) == 2
    assert {case.split for case in cases} == {Split.VALIDATION}
