"""Losses: every one prefers the right answer, takes 2D and 3D, and counts overlaps over the batch."""

from __future__ import annotations

import pytest
import torch

from paretoseg.spaces.search_space import DIMENSIONS
from paretoseg.trainables.training.losses import LOSSES, deep_supervision_loss, shrink_labels


def certain(labels: torch.Tensor, num_classes: int, certainty: float = 20.0) -> torch.Tensor:
    """Logits that are sure of these labels."""
    return certainty * torch.nn.functional.one_hot(labels, num_classes).movedim(-1, 1).float()


def random_labels(*shape: int, num_classes: int = 3) -> torch.Tensor:
    return torch.randint(num_classes, shape, generator=torch.Generator().manual_seed(0))


def test_the_table_holds_the_options_of_the_search_space() -> None:
    assert ", ".join(LOSSES) == DIMENSIONS["loss"].describe()


@pytest.mark.parametrize("shape", [(2, 8, 8), (2, 4, 4, 4)])
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_falls_to_zero_with_the_right_answer_and_has_a_gradient(name: str, shape: tuple[int, ...]) -> None:
    labels, loss = random_labels(*shape), LOSSES[name]()
    right = deep_supervision_loss(loss, [certain(labels, 3)], labels)
    wrong = deep_supervision_loss(loss, [certain((labels + 1) % 3, 3)], labels)
    assert right.item() == pytest.approx(0.0, abs=1e-3)
    assert wrong.item() > 0.9
    logits = torch.zeros(shape[0], 3, *shape[1:], requires_grad=True)
    deep_supervision_loss(loss, [logits], labels).backward()
    assert logits.grad is not None
    assert logits.grad.abs().min() > 0


def test_dice_by_hand() -> None:
    # Foreground is found in half of its four pixels and nowhere else: Dice 2/3 there, 12/13 x ... by counting.
    labels = torch.zeros(1, 4, 4, dtype=torch.int64)
    labels[0, 0] = 1
    answer = labels.clone()
    answer[0, 0, 2:] = 0
    expected = 1.0 - (2 * 2 / (2 + 4) + 2 * 12 / (14 + 12)) / 2
    assert deep_supervision_loss(LOSSES["dice"](), [certain(answer, 2, 100.0)], labels).item() == pytest.approx(
        expected, abs=1e-5
    )


def test_tversky_weighs_what_is_missed_more_than_what_is_too_much() -> None:
    labels = torch.zeros(1, 8, 8, dtype=torch.int64)
    labels[0, 2:6] = 1
    small, large = labels.clone(), labels.clone()
    small[0, 2] = 0
    large[0, 1] = 1
    loss = LOSSES["tversky"]()
    # Of the foreground alone: for the background, what is too much is what is missed.
    loss.include_background = False
    assert deep_supervision_loss(loss, [certain(small, 2)], labels) > deep_supervision_loss(
        loss, [certain(large, 2)], labels
    )


@pytest.mark.parametrize("name", ["dice", "tversky"])
def test_overlaps_are_counted_over_the_batch(name: str) -> None:
    labels = random_labels(4, 8, 8)
    labels[0] = 0
    logits = certain(random_labels(4, 8, 8).flip(0), 3, 1.0)
    whole = deep_supervision_loss(LOSSES[name](), [logits], labels)
    laid_side_by_side = deep_supervision_loss(
        LOSSES[name](), [torch.cat(list(logits), dim=-1)[None]], torch.cat(list(labels), dim=-1)[None]
    )
    assert whole.item() == pytest.approx(laid_side_by_side.item(), abs=1e-6)


def test_auxiliary_outputs_weigh_half_as_much_each() -> None:
    labels = torch.zeros(1, 8, 8, dtype=torch.int64)
    labels[0, :4] = 1
    outputs = [certain(shrink_labels(labels, (extent, extent)), 2) for extent in (8, 4, 2)]
    loss = LOSSES["dice"]()
    assert deep_supervision_loss(loss, outputs, labels).item() == pytest.approx(0.0, abs=1e-4)
    for level, share in enumerate((4 / 7, 2 / 7, 1 / 7)):
        changed = [*outputs]
        changed[level] = -changed[level]
        assert deep_supervision_loss(loss, changed, labels).item() == pytest.approx(share, abs=1e-3)


def test_labels_shrink_to_the_nearest_and_stay_classes() -> None:
    labels = torch.arange(16).reshape(1, 4, 4)
    assert shrink_labels(labels, (2, 2)).tolist() == [[[5, 7], [13, 15]]]
    assert shrink_labels(labels, (4, 4)) is labels
    volume = torch.full((2, 6, 6, 6), 255)
    assert (shrink_labels(volume, (3, 3, 3)) == 255).all()


def test_half_precision_logits_are_judged_in_float32() -> None:
    labels = random_labels(2, 8, 8)
    logits = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1)).bfloat16()
    loss = deep_supervision_loss(LOSSES["dice_cross_entropy"](), [logits], labels)
    assert loss.dtype == torch.float32
    assert loss == deep_supervision_loss(LOSSES["dice_cross_entropy"](), [logits.float()], labels)
