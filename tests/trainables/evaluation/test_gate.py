"""The gate lets honest detectors pass and catches broken networks, also where most images are rightly empty."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor

from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.evaluation.degeneracy import Verdict
from paretoseg.trainables.evaluation.gate import MAX_PROBED, choose_probed, judge

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
LESION = ("background", "lesion")


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module("gate")
    for name in ("gate", "results"):
        sys.modules.pop(name, None)


def build_cases(holders: Sequence[int], num: int = 12) -> list[Case]:
    """Cases of which some hold a square, each at another place and the brighter the image is there."""
    cases = []
    for index in range(num):
        label = np.zeros((24, 24), np.uint8)
        if index in holders:
            label[index : index + 6, 2:10] = 1
        image = (0.2 + 0.6 * label[np.newaxis]).astype(np.float32)
        cases.append(Case(f"c{index}", "", f"c{index}", "validation", image, label))
    return cases


def find_squares(cases: Sequence[Case]) -> Mapping[str, Tensor]:
    """A detector: rows that are bright over eight pixels; shuffled pixels have none."""
    masks = {}
    for case in cases:
        bright = case.image[0] > 0.5
        runs = np.stack([bright[:, start : start + 8].all(axis=1) for start in range(17)], axis=1)
        mask = np.zeros(bright.shape, np.uint8)
        for row, start in zip(*np.nonzero(runs), strict=True):
            mask[row, start : start + 8] = 1
        masks[case.name] = torch.from_numpy(mask)
    return masks


def references(cases: Sequence[Case]) -> dict[str, Tensor]:
    return {case.name: torch.from_numpy(case.label) for case in cases}


def test_a_detector_that_is_rightly_empty_on_the_first_cases_passes() -> None:
    cases = build_cases(holders=(6, 7, 9, 11))
    predicted = dict(find_squares(cases))
    predicted["c7"] = torch.zeros_like(predicted["c7"])  # and it misses one
    verdict = judge(cases, predicted, references(cases), class_names=LESION, predict_masks=find_squares)
    assert verdict == Verdict()


def test_a_detector_of_images_that_are_rightly_all_empty_passes() -> None:
    cases = build_cases(holders=())
    verdict = judge(cases, find_squares(cases), references(cases), class_names=LESION, predict_masks=find_squares)
    assert verdict == Verdict()


def test_a_constant_mask_is_caught_where_all_images_are_rightly_empty() -> None:
    def predict(some: Sequence[Case]) -> dict[str, Tensor]:
        mask = torch.zeros(24, 24, dtype=torch.uint8)
        mask[:3, :3] = 1
        return {case.name: mask for case in some}

    cases = build_cases(holders=())
    verdict = judge(cases, predict(cases), references(cases), class_names=LESION, predict_masks=predict)
    assert "same mask for every image" in verdict.reason
    [alone] = build_cases(holders=(), num=1)
    verdict = judge([alone], predict([alone]), references([alone]), class_names=LESION, predict_masks=predict)
    assert "does not look at the image" in verdict.reason


def test_a_class_of_four_pixels_in_one_of_ten_cases_may_be_missed() -> None:
    cases = build_cases(holders=range(10), num=10)
    predicted = dict(find_squares(cases))
    cases[3].label[20:22, 20:22] = 2
    names = ("background", "organ", "lesion")
    verdict = judge(cases, predicted, references(cases), class_names=names, predict_masks=find_squares)
    assert verdict.reason == ""
    assert verdict.warning == "never predicts 'lesion' on the only case that holds it: too few to judge it"


def test_the_same_few_images_with_foreground_are_probed_in_any_order() -> None:
    cases = build_cases(holders=range(3, 12))
    predicted = find_squares(cases)
    chosen = choose_probed(cases, predicted)
    assert len(chosen) == MAX_PROBED
    assert all(predicted[case.name].any() for case in chosen)
    assert choose_probed(cases[::-1], predicted) == chosen


def test_simulated_detectors_pass_and_broken_networks_of_every_kind_are_caught(simulation: ModuleType) -> None:
    expelled, missed, num_judged = [], [], 0
    for num, prevalence, size in ((8, 0.5, 4), (20, 0.1, 150), (20, 0.3, 16), (30, 0.2, 400), (30, 0.5, 50)):
        for class_names in simulation.CLASSES:
            study = simulation.draw_study(num, prevalence, size, class_names, repeat=0)
            for name, verdict in simulation.judge_honest(study):
                expelled += [(study.name, name, verdict.reason)] * bool(verdict.reason)
                num_judged += 1
            for name, verdict in simulation.judge_broken(study):
                missed += [(study.name, name)] * (simulation.is_decidable(study, name) and not verdict.reason)
    assert num_judged == 5 * 3 * 6
    assert expelled == []
    assert missed == []
