"""What the trials of a search are measured on: a balanced part of the battery that is chosen once, and kept by name."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate, SearchSpace
from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.scoring.battery_share import count_measured, predict_share
from paretoseg.trainables.scoring.measures import AbsentClasses, SurfaceMetrics
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.segmentation.search_part import (
    COST_PREDICTIONS,
    SURFACE_FACTOR,
    MeasuringCosts,
    choose_part,
    fit_part,
    order_cases,
)
from paretoseg.trainables.trainable import CLEAN_CONDITION, Assignment, Condition, Split

SETS = ["blend_0.50", "blend_0.60"]
DATA = TexturesConfig(image_size=40, num_train=4, num_validation=12, num_test=2, shift=SETS)
CONFIG = SegmentationConfig(
    num_steps=2, iterations_per_step=40, pixels_per_batch=4096, strengths={}, calibration="none"
)
SPACE = SearchSpace({"patch": [32, 32]})


def settle(**changes: object) -> SegmentationConfig:
    return dataclasses.replace(CONFIG, **changes).settle_measuring(DATA, SPACE, lambda _: ())


def find_names(config: SegmentationConfig, condition: Condition, split: Split = Split.VALIDATION) -> set[str]:
    task, dataset = config.build(DATA), DATA.load()
    cases = {"": dataset.cases(split), **dataset.shift_cases(split)}[condition.shift]
    return {case.name for case in task.battery(SETS, split).choose_cases(cases, condition)}


def test_costs_add_up_by_hand() -> None:
    costs = MeasuringCosts([0.01, 0.02, 0.03], [[0.1, 0.2, 0.3], [0.5]], 2, clean_factor=1.5, fixed=0.25)
    corrupted = 2 * 3 * (0.01 + 0.02)
    clean = 1.5 * (0.01 + 0.02 + 0.03 + 0.1 + 0.2 + 0.5)
    assert costs.predict(3, 2, 3) == pytest.approx(0.25 + corrupted + clean)


def test_what_is_given_up_first_costs_the_least_knowledge() -> None:
    costs = MeasuringCosts([0.001] * 20, [], 3, clean_factor=1.0, fixed=0.0)
    # All of 20 clean and 16 under 3 corruptions at 2 severities: .020 + .096.
    limits = (0.2, 0.1, 0.068, 0.0595, 0.0445, 0.0345, 0.0165, 0.001)
    found = [choose_part(costs, [4, 2], 16, limit) for limit in limits]
    assert [(one.num_clean, one.num_changed, one.severities) for one in found] == [
        (20, 16, (2, 4)),
        (20, 13, (2, 4)),
        (20, 8, (2, 4)),
        (20, 13, (4,)),
        (20, 8, (4,)),
        (10, 8, (4,)),
        (4, 4, (4,)),
        (4, 4, (4,)),
    ]
    assert all(one.share <= limit + 1e-12 for one, limit in zip(found[:-1], limits[:-1], strict=True))


def test_a_small_part_has_all_domains_then_other_subjects_then_other_classes() -> None:
    def build(name: str, domain: str, subject: str, label: int) -> Case:
        image, mask = np.zeros((1, 2, 2), np.float32), np.full((2, 2), label, np.uint8)
        return Case(name, domain, subject, "validation", image, mask)

    table = [("a", "x", "s", 1), ("b", "x", "s", 1), ("c", "x", "t", 1), ("d", "x", "u", 2), ("e", "y", "v", 1)]
    cases = [build(*row) for row in table]
    for seed in range(10):
        ordered = order_cases(cases, seed)
        assert {case.domain for case in ordered[:2]} == {"x", "y"}
        assert len({case.subject for case in ordered[:4]}) == 4
        assert {int(case.label[0, 0]) for case in ordered[:3]} == {1, 2}
        assert order_cases(cases[::-1], seed) == ordered
    assert order_cases(cases, 0) != order_cases(cases, 1) or order_cases(cases, 0) != order_cases(cases, 2)


def test_a_study_keeps_what_fits_into_its_share_and_test_cases_meet_everything() -> None:
    config = settle(measure_share=0.3)
    changed = find_names(config, Condition("gaussian_blur", 4))
    assert 4 <= len(changed) < 12
    assert changed <= find_names(config, CLEAN_CONDITION)
    assert {len(find_names(config, Condition("none", 0, name))) for name in SETS} == {len(changed)}
    assert len(config.search_changed) == 3 * len(changed)
    assert len(find_names(config, Condition("gaussian_blur", 2), Split.TEST)) == 2
    assert len(config.build(DATA).battery(SETS, Split.TEST).conditions) == 1 + 3 * 2 + 2


def test_the_forecast_of_the_choice_counts_the_images_that_are_measured() -> None:
    config, dataset = settle(measure_share=0.3, surface_metrics=SurfaceMetrics.none), DATA.load()
    shapes = count_measured(dataset, config.build(DATA).battery(SETS))
    shapes[40, 40] += COST_PREDICTIONS
    pixels = CONFIG.count_voxels(2)
    assert predict_share(shapes, 32, pixels) <= 0.3
    assert predict_share(shapes, 32, pixels) > 0.3 - 12 * predict_share({(40, 40): 1}, 32, pixels)


def test_more_share_measures_all_and_none_keeps_nothing() -> None:
    whole = settle(measure_share=1e9)
    assert (whole.search_clean, whole.search_severities) == ([], [2, 4])
    assert len(find_names(whole, Condition("gaussian_blur", 2))) == 12
    assert settle(measure_share=0.0) == dataclasses.replace(CONFIG, measure_share=0.0)
    assert settle(search_changed=["validation_001"]).search_changed == ["validation_001"]
    assert whole.build(DATA).notes(SPACE) == settle(measure_share=0.0).build(DATA).notes(SPACE)
    assert SURFACE_FACTOR > 1


def test_the_search_says_what_it_measures_and_why() -> None:
    [line] = [line for line in settle(measure_share=0.3).build(DATA).notes(SPACE) if "measure_share" in line]
    assert "on 10 of 12 clean validation cases, and on 8 under corruptions of severity 4, so that" in line
    assert "at most task.measure_share=0.3 of the time of training; by the forecast it takes 30%. Test" in line
    [tight] = [line for line in settle(measure_share=0.01).build(DATA).notes(SPACE) if "measure_share" in line]
    assert "on 4 of 12 clean validation cases, and on 4 under corruptions of severity 4," in tight
    assert "which is more, as fewer than 4 cases say too little" in tight


def test_a_rescoring_measures_the_whole_battery_on_all_cases() -> None:
    config = settle(measure_share=0.1)
    whole = config.measure_all(keeps_number=False)
    assert len(find_names(whole, Condition("gaussian_blur", 2))) == 12
    assert config.measure_all(keeps_number=True).num_battery_cases == 16
    assert CONFIG.measure_all(keeps_number=False) is CONFIG


def test_a_trial_is_measured_on_the_part_and_on_all_test_cases() -> None:
    data = dataclasses.replace(DATA, shift=[])
    config = dataclasses.replace(
        CONFIG, num_steps=1, iterations_per_step=1, search_clean=["validation_003", "validation_007"],
        search_changed=["validation_007"], search_severities=[4],
    )  # fmt: skip
    candidate = Candidate(Architecture(depth=2, width=4), Recipe(patch=32))
    trial = config.build(data).build(Assignment(candidate, 0))
    rows = trial.evaluate(Split.VALIDATION).cases
    assert {row.case for row in rows if row.is_clean} == {"validation_003", "validation_007"}
    assert {(row.case, row.severity) for row in rows if row.severity} == {("validation_007", 4)}
    rows = trial.evaluate(Split.TEST).cases
    assert len({(row.case, row.corruption, row.severity) for row in rows}) == 2 * (1 + 3 * 2)


def test_cases_without_a_class_are_measured_last_if_they_have_no_score() -> None:
    dataset = DATA.load()
    empty = [dataclasses.replace(case, label=np.zeros_like(case.label)) for case in dataset.validation[:9]]
    dataset = dataclasses.replace(dataset, validation=(*empty, *dataset.validation[9:]), shift={})
    names = {case.name for case in dataset.validation[9:]}
    for rule, least in ((AbsentClasses.skip, 3), (AbsentClasses.one, 0)):
        settings = dataclasses.replace(CONFIG, measure_share=0.0001, absent_classes=rule)
        found = fit_part(settings, dataset, {32: 1000}).changed
        assert len(found) == 4
        assert len(names & {*found}) >= least
