"""Each kind of broken network is caught, and sane ones are not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from paretoseg.trainables.data.textures import draw_shape
from paretoseg.trainables.evaluation.degeneracy import (
    MIN_HOLDERS,
    Verdict,
    find_degeneracy,
    find_ignored_images,
    measure_sameness,
)


@pytest.fixture
def labels() -> list[torch.Tensor]:
    return [torch.from_numpy(draw_shape(48, np.random.default_rng(seed))).long() for seed in range(8)]


def test_perfect_predictions_are_sane(labels: list[torch.Tensor]) -> None:
    assert find_degeneracy(labels, labels) == Verdict()


def test_poor_but_varying_predictions_are_sane(labels: list[torch.Tensor]) -> None:
    assert find_degeneracy([label.roll((7, -7), dims=(0, 1)) for label in labels], labels) == Verdict()


def test_nothing_and_almost_nothing_are_caught(labels: list[torch.Tensor]) -> None:
    nothing = [torch.zeros_like(label) for label in labels]
    assert "predicts almost no foreground" in find_degeneracy(nothing, labels).reason
    nothing[0][:3, :3] = 1
    assert "predicts almost no foreground" in find_degeneracy(nothing, labels).reason


def test_all_foreground_is_caught(labels: list[torch.Tensor]) -> None:
    everything = [torch.ones_like(label) for label in labels]
    everything[0][:4, :4] = 0
    assert "almost everything as foreground" in find_degeneracy(everything, labels).reason


def test_one_mask_for_all_is_caught(labels: list[torch.Tensor]) -> None:
    same = [labels[0].clone() for _ in labels]
    same[1][20:22, 20:22] = 0
    assert "same mask for every image" in find_degeneracy(same, labels).reason


def test_one_mask_for_all_is_caught_over_images_of_different_sizes(labels: list[torch.Tensor]) -> None:
    sizes = [40 + 4 * index for index in range(8)]
    references = [torch.from_numpy(draw_shape(size, np.random.default_rng(size))).long() for size in sizes]
    middle = [torch.zeros(size, size, dtype=torch.long) for size in sizes]
    for mask, size in zip(middle, sizes, strict=True):
        mask[size // 4 : -size // 4, size // 4 : -size // 4] = 1
    assert "same mask for every image" in find_degeneracy(middle, references).reason


def test_equal_references_prove_nothing(labels: list[torch.Tensor]) -> None:
    same = [labels[0]] * 8
    assert find_degeneracy(same, same) == Verdict()


def test_a_single_case_is_not_judged_by_sameness(labels: list[torch.Tensor]) -> None:
    assert find_degeneracy(labels[:1], labels[1:2]) == Verdict()


def test_a_class_of_its_own_counts_as_foreground(labels: list[torch.Tensor]) -> None:
    assert find_degeneracy([2 * label for label in labels], labels) == Verdict()


def test_masks_that_stay_when_pixels_change_places_are_caught_and_those_that_move_are_not(
    labels: list[torch.Tensor],
) -> None:
    assert "does not look at the image (Dice 1.000" in find_ignored_images(labels, labels)
    assert find_ignored_images(labels, [label.roll(9, dims=0) for label in labels]) == ""
    assert find_ignored_images(labels, [torch.zeros_like(label) for label in labels]) == ""


def test_a_nearly_full_image_is_no_sign_of_indifference() -> None:
    full = [torch.ones(20, 20, dtype=torch.long) for _ in range(4)]
    nearly = [mask.clone() for mask in full]
    for index, mask in enumerate(nearly):
        mask[:3, index : index + 3] = 0
    assert find_ignored_images(nearly, full) == ""


def test_a_second_class_that_moves_is_a_look_at_the_image(labels: list[torch.Tensor]) -> None:
    both = [label.clone() for label in labels]
    other = [label.clone() for label in labels]
    for index, (mask, moved) in enumerate(zip(both, other, strict=True)):
        mask[0, index] = 2
        moved[1, index] = 2
    assert find_ignored_images(both, other) == ""


NAMES = ("background", "head", "tail")


def test_a_class_that_is_never_predicted_is_named(labels: list[torch.Tensor]) -> None:
    both = [label + label.roll(9, dims=0) * (1 - label) * 2 for label in labels]
    assert find_degeneracy(both, both, NAMES) == Verdict()
    only_head = [mask * (mask == 1) for mask in both]
    assert find_degeneracy(only_head, both, NAMES).reason == "never predicts 'tail' on any of the 8 cases that hold it"
    only_tail = [mask * (mask == 2) for mask in both]
    assert "'head' on any of the 8 cases" in find_degeneracy(only_tail, both, NAMES).reason


def test_predicting_a_class_only_where_it_is_not_does_not_count(labels: list[torch.Tensor]) -> None:
    actual = [label.clone() for label in labels]
    for label in actual[:MIN_HOLDERS]:
        label[:4, :4] = 2
    predicted = [label.clone() for label in labels]
    predicted[-1][:4, :4] = 2
    found = find_degeneracy(predicted, actual, NAMES)
    assert found == Verdict(f"never predicts 'tail' on any of the {MIN_HOLDERS} cases that hold it")
    predicted[0][40:, 40:] = 2
    assert find_degeneracy(predicted, actual, NAMES) == Verdict()


def test_a_class_of_few_cases_that_is_never_predicted_is_noted_and_not_held_against_the_network(
    labels: list[torch.Tensor],
) -> None:
    actual = [label.clone() for label in labels]
    actual[5][:2, :2] = 2
    found = find_degeneracy(labels, actual, NAMES)
    assert found == Verdict(warning="never predicts 'tail' on the only case that holds it: too few to judge it")


def test_missing_the_few_cases_with_foreground_is_noted_and_missing_more_is_degenerate(
    labels: list[torch.Tensor],
) -> None:
    nothing = [torch.zeros_like(label) for label in labels]
    few = [*labels[: MIN_HOLDERS - 1], *nothing[MIN_HOLDERS - 1 :]]
    found = find_degeneracy(nothing, few)
    assert found.reason == ""
    assert found.warning.endswith(f"but only {MIN_HOLDERS - 1} cases hold any: too few to judge it")
    more = [*labels[:MIN_HOLDERS], *nothing[MIN_HOLDERS:]]
    assert "predicts almost no foreground" in find_degeneracy(nothing, more).reason


def test_a_network_that_finds_all_but_one_large_object_is_sane() -> None:
    labels = [torch.zeros(64, 64, dtype=torch.long) for _ in range(8)]
    for place, label in enumerate(labels):
        label[place : place + 2, place : place + 2] = 1
    labels[0][:60, :60] = 1
    predicted = [torch.zeros_like(labels[0]), *labels[1:]]
    assert sum(int(mask.sum()) for mask in predicted) < 0.02 * sum(int(label.sum()) for label in labels)
    assert find_degeneracy(predicted, labels) == Verdict()


def test_masks_that_are_empty_in_most_cases_are_not_the_same_mask(labels: list[torch.Tensor]) -> None:
    nothing = torch.zeros_like(labels[0])
    actual = [*labels[:3], *[nothing] * 22]
    predicted = [labels[0], *[nothing] * 24]
    assert measure_sameness([mask > 0 for mask in predicted]) > 0.95 > measure_sameness([mask > 0 for mask in actual])
    assert find_degeneracy(predicted, actual) == Verdict()


def test_smooth_masks_of_an_organ_that_is_nearly_alike_everywhere_are_sane() -> None:
    def draw(shift: int) -> torch.Tensor:
        label = torch.zeros(64, 64, dtype=torch.long)
        label[10 + shift : 50 + shift, 10:50] = 1
        return label

    labels, predicted = ([draw(shift) for shift in shifts] for shifts in ((-5, -3, 0, 3, 5, 0), (-4, -1, 0, 1, 4, 0)))
    assert measure_sameness([mask > 0 for mask in predicted]) > 0.95 > measure_sameness([mask > 0 for mask in labels])
    assert find_degeneracy(predicted, labels) == Verdict()
    assert "same mask for every image" in find_degeneracy([draw(0)] * 6, labels).reason


def test_a_class_that_no_case_holds_is_not_missed(labels: list[torch.Tensor]) -> None:
    assert find_degeneracy(labels, labels, NAMES) == Verdict()


def test_sameness_by_hand() -> None:
    one = torch.tensor([[True, True, False, False]])
    half = torch.tensor([[True, False, False, False]])
    assert measure_sameness([one, one]) == 1.0
    # The consensus of these two holds both pixels: Dice 1 and 2/3.
    assert measure_sameness([one, half]) == pytest.approx((1 + 2 / 3) / 2)
