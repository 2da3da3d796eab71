"""Accuracy and robustness of rows, computed by hand."""

from __future__ import annotations

import dataclasses
import random

import pytest

from paretoseg.trainables.scoring.measures import DICE, NSD, measure_of_unit
from paretoseg.trainables.scoring.objectives import (
    RobustnessOver,
    RobustnessRule,
    add_objective_names,
    define_objectives,
    measure_accuracy,
    measure_robustness,
)
from paretoseg.trainables.trainable import CaseScore
from tests.scores import summarise


def row(corruption: str, severity: int, value: float, case: str = "a") -> CaseScore:
    return CaseScore(case, "here", corruption, severity, "dice", value)


CLEAN = [row("none", 0, 0.9, "a"), row("none", 0, 0.7, "b")]


def test_accuracy_is_the_mean_of_the_clean_rows() -> None:
    assert measure_accuracy([*CLEAN, row("blur", 1, 0.0)]) == pytest.approx(0.8)


def test_robustness_weighs_severities_by_powers_of_two_thirds() -> None:
    # Blur: severities 1 and 2 weigh 2/3 and 4/9, normalised 0.6 and 0.4. Noise: one severity, two cases.
    rows = [row("blur", 1, 1.0), row("blur", 2, 0.5), row("noise", 4, 0.2, "a"), row("noise", 4, 0.4, "b")]
    assert measure_robustness([*CLEAN, *rows]) == pytest.approx((0.6 * 1.0 + 0.4 * 0.5 + 0.3) / 2)


def test_the_order_of_the_rows_does_not_matter() -> None:
    rows = [row(name, severity, (severity + len(name)) / 20) for name in ("blur", "noise") for severity in (1, 3, 5)]
    shuffled = random.Random(0).sample(rows, len(rows))
    assert measure_robustness(shuffled) == pytest.approx(measure_robustness(rows))


def test_other_metrics_and_single_classes_do_not_enter_the_objectives() -> None:
    rows = [*CLEAN, row("blur", 1, 0.5)]
    for corruption, severity in (("none", 0), ("blur", 1)):
        rows.append(CaseScore("a", "here", corruption, severity, "dice", 0.01, "left", "prediction"))
        rows.append(CaseScore("a", "here", corruption, severity, "nsd", 0.25))
        rows.append(CaseScore("a", "here", corruption, severity, "hd95_mm", 99.0))
    assert summarise(rows, DICE).values == {"accuracy": pytest.approx(0.8), "robustness": pytest.approx(0.5)}
    assert summarise(rows, NSD).values == {"accuracy": 0.25, "robustness": 0.25}


def test_the_unit_of_the_objectives_names_their_measure() -> None:
    for measure in (DICE, NSD):
        accuracy, robustness = define_objectives(measure)
        assert measure_of_unit(accuracy.unit) is measure_of_unit(robustness.unit) is measure
    assert measure_of_unit("1") is None


def shifted(name: str, value: float, case: str = "s") -> CaseScore:
    return CaseScore(case, "there", "none", 0, "dice", value, shift=name)


def test_shift_sets_enter_robustness_as_one_more_change_each_and_never_accuracy() -> None:
    rows = [*CLEAN, row("blur", 2, 0.6), shifted("site", 0.2), shifted("site", 0.4, "t"), shifted("small", 0.0)]
    assert measure_accuracy(rows) == pytest.approx(0.8)
    assert measure_robustness(rows) == pytest.approx((0.6 + 0.3 + 0.0) / 3)


@pytest.mark.parametrize(("over", "value"), [("all", 0.45), ("corruptions", 0.6), ("shifts", 0.3)])
def test_what_counts_can_be_chosen(over: str, value: float) -> None:
    rows = [*CLEAN, row("blur", 2, 0.6), shifted("site", 0.2), shifted("site", 0.4, "t")]
    rule = RobustnessRule(over=RobustnessOver(over))
    assert measure_robustness(rows, rule=rule) == pytest.approx(value)


def test_excluded_corruptions_do_not_enter_whatever_they_score() -> None:
    rows = [*CLEAN, row("blur", 2, 0.6), row("noise", 2, 0.1)]
    assert measure_robustness(rows, rule=RobustnessRule(excluded=("noise",))) == pytest.approx(0.6)
    with pytest.raises(ValueError, match="robustness needs scores"):
        measure_robustness(rows, rule=RobustnessRule(excluded=("noise", "blur")))


def test_every_row_says_which_objective_is_made_of_it() -> None:
    rows = [
        row("none", 0, 0.9), row("blur", 2, 0.6), row("noise", 2, 0.1), shifted("site", 0.2),
        CaseScore("a", "here", "none", 0, "nsd", 0.5), CaseScore("a", "here", "blur", 2, "dice", 0.6, "left"),
    ]  # fmt: skip
    named = add_objective_names(rows, "dice", RobustnessRule(excluded=("noise",)))
    assert [item.objective for item in named] == ["accuracy", "robustness", "", "robustness", "", ""]
    assert [dataclasses.replace(item, objective="") for item in named] == rows


def test_a_description_says_what_counts_and_what_does_not() -> None:
    _, robustness = define_objectives(DICE, RobustnessRule(excluded=("noise", "blur")))
    assert "over corruptions and shift sets other than noise, blur (Boone et al." in robustness.description
    _, robustness = define_objectives(DICE, RobustnessRule(over=RobustnessOver.shifts, excluded=("noise",)))
    assert "over shift sets (" in robustness.description


def test_missing_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="accuracy needs scores of clean images"):
        measure_accuracy([row("blur", 1, 1.0)])
    with pytest.raises(ValueError, match="robustness needs scores of corrupted images"):
        measure_robustness(CLEAN)
