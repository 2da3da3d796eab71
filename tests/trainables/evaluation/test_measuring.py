"""Measuring a network: with hand-made networks whose scores are known."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from paretoseg.trainables.corruptions.table import CORRUPTIONS
from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.data.textures import draw_shape
from paretoseg.trainables.evaluation import degrading
from paretoseg.trainables.evaluation import measuring as evaluation
from paretoseg.trainables.evaluation.degrading import CaseBatch
from paretoseg.trainables.evaluation.measuring import NetworkScores, measure, predict
from paretoseg.trainables.scoring.battery import Battery
from paretoseg.trainables.scoring.measures import ObjectiveMetric, Scoring, SurfaceMetrics
from paretoseg.trainables.scoring.objectives import measure_accuracy, measure_robustness, select_means
from paretoseg.trainables.trainable import CaseScore, Condition


class Threshold(nn.Module):
    """Foreground where the image is bright: perfect on the cases below as long as they are clean."""

    def __init__(self, at: float = 0.5) -> None:
        super().__init__()
        self.at = at
        self.sizes: list[tuple[int, ...]] = []

    def forward(self, images: Tensor) -> Tensor:
        self.sizes.append(tuple(images.shape))
        return torch.cat((torch.full_like(images, self.at), images), dim=1)


class Constant(nn.Module):
    """The same mask whatever the image shows."""

    def forward(self, images: Tensor) -> Tensor:
        foreground = torch.zeros_like(images)
        foreground[..., 8:24, 8:24] = 1.0
        return torch.cat((torch.full_like(images, 0.5), foreground), dim=1)


def build_cases(num: int = 4, size: int = 32) -> list[Case]:
    cases = []
    for index in range(num):
        label = draw_shape(size, np.random.default_rng(index))
        image = (0.3 + 0.4 * label[np.newaxis]).astype(np.float32)
        cases.append(Case(f"c{index}", "here", f"c{index}", "validation", image, label))
    return cases


SCORING = Scoring(("background", "bright"), (1.0, 1.0))
BATTERY = Battery.of(["gaussian_noise", "gaussian_blur"], [1, 5], seed=0)


def scores(network: nn.Module, cases: list[Case], battery: Battery = BATTERY) -> dict[tuple[str, str, int], float]:
    rows = measure(network, cases, battery, window=(32, 32), scoring=SCORING).rows
    return {(row.case, row.corruption, row.severity): row.value for row in select_means(rows, "dice")}


def test_a_battery_is_clean_and_every_pair() -> None:
    pairs = [(condition.corruption, condition.severity) for condition in BATTERY.conditions]
    assert pairs == [
        ("none", 0), ("gaussian_noise", 1), ("gaussian_noise", 5), ("gaussian_blur", 1), ("gaussian_blur", 5)
    ]  # fmt: skip


def test_every_case_and_condition_has_a_row_for_every_class_and_for_their_mean() -> None:
    result = measure(Threshold(), build_cases(3), BATTERY, window=(32, 32), scoring=SCORING)
    dice = [row for row in result.rows if row.metric == "dice"]
    assert len(dice) == 15 * 2
    assert {row.domain for row in result.rows} == {"here"}
    assert {row.label for row in dice} == {"bright", "mean"}
    assert all(0.0 <= row.value <= 1.0 for row in dice)
    assert len({dataclasses.replace(row, value=0.0, empty="") for row in result.rows}) == len(result.rows)


@pytest.mark.parametrize(
    ("choice", "metric", "clean", "corrupted"),
    [
        ("clean", "dice", {"dice", "nsd", "hd95_mm"}, {"dice"}),
        ("all", "dice", {"dice", "nsd", "hd95_mm"}, {"dice", "nsd", "hd95_mm"}),
        ("none", "dice", {"dice"}, {"dice"}),
        ("none", "nsd", {"dice", "nsd"}, {"dice", "nsd"}),
        ("clean", "nsd", {"dice", "nsd", "hd95_mm"}, {"dice", "nsd"}),
    ],
)
def test_surfaces_are_compared_where_it_is_asked_for_and_the_objective_everywhere(
    choice: str, metric: str, clean: set[str], corrupted: set[str]
) -> None:
    scoring = dataclasses.replace(SCORING, surface_metrics=SurfaceMetrics(choice), metric=ObjectiveMetric(metric))
    rows = measure(Threshold(), build_cases(2), BATTERY, window=(32, 32), scoring=scoring).rows
    assert {row.metric for row in rows if row.severity == 0} == clean
    assert {row.metric for row in rows if row.severity > 0} == corrupted


def test_a_perfect_network_scores_one_on_clean_images_and_less_on_corrupted_ones() -> None:
    result = measure(Threshold(), build_cases(), BATTERY, window=(32, 32), scoring=SCORING)
    assert measure_accuracy(result.rows) == 1.0
    assert 0.5 < measure_robustness(result.rows) < 1.0
    assert result.degenerate == ""


def test_broken_networks_are_flagged() -> None:
    for network, reason in (
        (Threshold(0.9), "predicts almost no foreground"),
        (Threshold(0.1), "predicts almost everything as foreground"),
        (Constant(), "predicts the same mask"),
    ):
        result = measure(network, build_cases(), BATTERY, window=(32, 32), scoring=SCORING)
        assert reason in result.degenerate


def test_scores_do_not_depend_on_order_company_or_repetition() -> None:
    cases = build_cases()
    everything = scores(Threshold(), cases)
    assert scores(Threshold(), cases[::-1]) == everything
    alone = scores(Threshold(), cases[2:3], Battery((Condition("gaussian_noise", 5),), seed=0))
    assert alone == {("c2", "gaussian_noise", 5): everything["c2", "gaussian_noise", 5]}
    assert scores(Threshold(), cases, dataclasses.replace(BATTERY, seed=1)) != everything


def test_windows_have_the_size_of_the_training_patch() -> None:
    network = Threshold()
    predict(network, torch.rand(3, 1, 40, 56), window=(16, 16))
    assert {size[2:] for size in network.sizes} == {(16, 16)}


@pytest.mark.parametrize("shape", [(40, 56), (10, 50), (9, 9), (20, 18, 10), (5, 9, 7)])
def test_a_pixelwise_network_predicts_the_same_through_windows(shape: tuple[int, ...]) -> None:
    images = torch.rand(2, 1, *shape)
    network = Threshold()
    torch.testing.assert_close(predict(network, images, window=(16,) * len(shape)), network(images))


def test_cases_of_different_sizes_are_measured_together() -> None:
    cases = build_cases(2, 32) + [dataclasses.replace(case, name=case.name + "_large") for case in build_cases(2, 40)]
    result = scores(Threshold(), cases)
    assert len(result) == 4 * 5
    assert all(value == 1.0 for (_, corruption, _), value in result.items() if corruption == "none")


class Bands(nn.Module):
    """Two classes in a volume, each a band of intensities: perfect on the cases below as long as they are clean."""

    def __init__(self, seen: tuple[int, ...] = (1, 2)) -> None:
        super().__init__()
        self.seen = seen

    def forward(self, images: Tensor) -> Tensor:
        logits = [-(images - level).square() if label in (0, *self.seen) else torch.full_like(images, -9.0)
                  for label, level in enumerate((0.2, 0.5, 0.8))]  # fmt: skip
        return torch.cat(logits, dim=1)


ORGANS = Scoring(("background", "head", "tail"), (2.0, 1.0, 0.5))


def build_volumes() -> list[Case]:
    """Volumes of different sizes, all but one smaller than a window of 16 along some axis; the last has no tail."""
    cases = []
    for index, extents in enumerate([(10, 20, 18), (9, 12, 11), (20, 18, 17), (10, 20, 18)]):
        label = np.zeros(extents, np.uint8)
        label[2:6, 3 + index : 8 + index, 2:7] = 1
        label[5:8, 4:9, 6:10] = 0 if index == 3 else 2
        image = np.choose(label, [0.2, 0.5, 0.8]).astype(np.float32)[np.newaxis]
        cases.append(Case(f"v{index}", "there", f"v{index}", "validation", image, label))
    return cases


def measure_volumes(network: nn.Module, cases: list[Case], battery: Battery = BATTERY) -> NetworkScores:
    return measure(network, cases, battery, window=(16, 16, 16), scoring=ORGANS)


def test_volumes_of_several_sizes_and_classes_are_measured_through_padded_windows() -> None:
    result = measure_volumes(Bands(), build_volumes())
    clean = [row for row in result.rows if row.severity == 0]
    assert len(clean) == 4 * 3 * 3
    assert {(row.metric, row.value) for row in clean} == {("dice", 1.0), ("nsd", 1.0), ("hd95_mm", 0.0)}
    assert {row.label for row in clean} == {"head", "tail", "mean"}
    assert result.degenerate == ""
    assert 0.0 < measure_robustness(result.rows) < 1.0


def test_empty_masks_are_marked_and_the_mean_is_that_of_the_classes() -> None:
    rows = measure_volumes(Bands(seen=(1,)), build_volumes()).rows
    by_place = {(row.case, row.label, row.metric): row for row in rows if row.severity == 0}
    assert by_place["v3", "tail", "dice"].empty == "both"
    assert by_place["v3", "tail", "dice"].value == 1.0
    for case in ("v0", "v1", "v2"):
        assert by_place[case, "tail", "dice"].empty == "prediction"
        assert by_place[case, "tail", "nsd"].value == 0.0
        assert by_place[case, "head", "hd95_mm"].empty == ""
        for metric in ("dice", "nsd", "hd95_mm"):
            of_classes = [by_place[case, label, metric].value for label in ("head", "tail")]
            assert by_place[case, "mean", metric].value == pytest.approx(sum(of_classes) / 2)
            assert by_place[case, "mean", metric].empty == ""
    assert by_place["v0", "tail", "hd95_mm"].value == pytest.approx((20**2 + 20**2 + 9**2) ** 0.5)


def test_a_class_that_is_never_predicted_is_named() -> None:
    few = measure_volumes(Bands(seen=(1,)), build_volumes())
    assert few.degenerate == ""
    assert few.note == "never predicts 'tail' on any of the 3 cases that hold it: too few to judge it"
    more = [dataclasses.replace(case, name=f"{case.name}{place}") for place in range(2) for case in build_volumes()]
    enough = measure_volumes(Bands(seen=(1,)), more)
    assert enough.degenerate == "never predicts 'tail' on any of the 6 cases that hold it"


def test_volumes_are_measured_alike_in_any_order_and_in_batches_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = build_volumes()
    everything = set(measure_volumes(Bands(), cases).rows)
    assert set(measure_volumes(Bands(), cases[::-1]).rows) == everything
    monkeypatch.setattr(evaluation, "PIXELS_PER_BATCH", 1)
    assert set(measure_volumes(Bands(), cases).rows) == everything


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_every_corruption_is_measured_in_volumes(corruption: str) -> None:
    battery = Battery.of([corruption], [5], seed=0)
    result = measure_volumes(Bands(), build_volumes()[:2], battery)
    assert measure_accuracy(result.rows) == 1.0
    assert 0.0 <= measure_robustness(result.rows) <= 1.0  # an intensity threshold may not care


def test_few_cases_are_corrupted_the_same_for_every_network_and_all_are_measured_clean() -> None:
    cases, others = build_cases(5), [dataclasses.replace(case, name=f"{case.name}_dark") for case in build_cases(4)]
    whole = Battery.of(["gaussian_noise"], [1, 5], seed=0, shifts=["dark"])
    few = dataclasses.replace(whole, num_cases=2)

    def measure_with(network: nn.Module, battery: Battery) -> list[CaseScore]:
        rows = measure(network, cases, battery, window=(32, 32), scoring=SCORING, shift={"dark": others}).rows
        return [row for row in rows if row.metric == "dice"]

    rows = measure_with(Threshold(), few)
    assert set(rows) < set(measure_with(Threshold(), whole))
    means = select_means(rows, "dice")
    assert Counter((row.corruption, row.severity, row.shift) for row in means) == {
        ("none", 0, ""): 5, ("gaussian_noise", 1, ""): 2, ("gaussian_noise", 5, ""): 2, ("none", 0, "dark"): 2
    }  # fmt: skip
    mild, severe = ({row.case for row in means if row.severity == severity} for severity in (1, 5))
    assert mild == severe
    others_seen = [row.case for row in measure_with(Threshold(0.3), few)]
    assert others_seen == [row.case for row in rows]


def test_shift_sets_are_measured_on_their_own_cases_and_untouched() -> None:
    cases, others = build_cases(2), [dataclasses.replace(case, name=f"{case.name}_dark") for case in build_cases(3)]
    battery = Battery.of(["gaussian_noise"], [5], seed=0, shifts=["dark"])
    rows = measure(Threshold(), cases, battery, window=(32, 32), scoring=SCORING, shift={"dark": others}).rows
    means = select_means(rows, "dice")
    assert [(row.case, row.corruption, row.severity) for row in means if row.shift == "dark"] == [
        ("c0_dark", "none", 0), ("c1_dark", "none", 0), ("c2_dark", "none", 0)
    ]  # fmt: skip
    assert {row.metric for row in rows if row.shift} == {"dice", "nsd", "hd95_mm"}
    assert sum(row.is_clean for row in means) == 2


def test_moved_labels_are_what_a_network_is_compared_with() -> None:
    battery = Battery.of(["rotation"], [5], seed=0)
    rows = measure(Threshold(), build_cases(), battery, window=(32, 32), scoring=SCORING).rows
    assert measure_robustness(rows) > 0.9


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        ("nan", "an image with numbers that are not finite"),
        ("empty", "an empty label"),
        ("class", "a label without class 2"),
    ],
)
def test_a_corruption_that_breaks_a_case_is_named_with_case_and_severity(
    monkeypatch: pytest.MonkeyPatch, broken: str, what: str
) -> None:
    def corrupt(images: Tensor, labels: Tensor, *_: object, version: int) -> tuple[Tensor, Tensor]:
        images, labels = images.clone(), labels.clone()
        if broken == "nan":
            images[1, 0, 3, 3] = float("nan")
        else:
            labels[1][labels[1] == 2 if broken == "class" else labels[1] > 0] = 0
        return images, labels

    cases = build_cases()
    cases[1].label[:, ::2] *= 2
    assert set(np.unique(cases[1].label)) == {0, 1, 2}
    monkeypatch.setattr(degrading, "corrupt", corrupt)
    with pytest.raises(ValueError, match=f"gaussian_noise of severity 1 gives {what} on case 'c1'"):
        CaseBatch(cases, BATTERY, (1.0, 1.0), "cpu").degrade(Condition("gaussian_noise", 1))


class Everything(nn.Module):
    """All foreground, with a logit that depends on the image."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat((torch.zeros_like(images), 1.0 + images), dim=1)


def test_an_all_foreground_network_is_caught_however_robust_it_looks() -> None:
    result = measure(Everything(), build_cases(), BATTERY, window=(32, 32), scoring=SCORING)
    assert measure_robustness(result.rows) == measure_accuracy(result.rows) > 0.0
    assert "predicts almost everything as foreground (100.00% of the pixels)" in result.degenerate


def test_a_network_that_does_not_look_is_caught_even_where_all_references_are_alike() -> None:
    first = build_cases(1)[0]
    alike = [dataclasses.replace(first, name=f"c{index}", subject=f"c{index}") for index in range(4)]
    assert measure(Threshold(), alike, BATTERY, window=(32, 32), scoring=SCORING).degenerate == ""
    result = measure(Constant(), alike, BATTERY, window=(32, 32), scoring=SCORING)
    assert "does not look at the image (Dice 1.000" in result.degenerate


def test_a_quick_battery_does_not_pay_for_the_gate() -> None:
    network = Constant()
    battery = dataclasses.replace(BATTERY, has_gate=False)
    assert measure(network, build_cases(), battery, window=(32, 32), scoring=SCORING).degenerate == ""


def test_cases_in_files_that_are_mapped_and_protected_are_measured(tmp_path: Path) -> None:
    [case] = build_cases(1)
    for name in ("image", "label"):
        np.save(tmp_path / f"{name}.npy", getattr(case, name))
    mapped = {name: np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("image", "label")}
    assert scores(Threshold(), [dataclasses.replace(case, **mapped)]) == scores(Threshold(), [case])


def test_every_case_is_uploaded_once_and_not_once_per_condition(monkeypatch: pytest.MonkeyPatch) -> None:
    uploaded: list[tuple[int, ...]] = []

    def to_tensor(array: np.ndarray) -> Tensor:
        uploaded.append(array.shape)
        return torch.from_numpy(np.array(array))

    monkeypatch.setattr(degrading, "to_tensor", to_tensor)
    battery = dataclasses.replace(Battery.of(["gaussian_noise", "gaussian_blur"], [1, 3, 5], seed=0), has_gate=False)
    measure(Threshold(), build_cases(4), battery, window=(32, 32), scoring=SCORING)
    # The reference, the clean image, and the image that all corruptions start from.
    assert Counter(uploaded) == {(32, 32): 4, (1, 32, 32): 8}
