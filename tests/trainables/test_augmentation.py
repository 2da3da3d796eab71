"""Training transforms: labels move along, values stay in range, draws are paired."""

from __future__ import annotations

import itertools

import pytest
import torch

from spaces.search_space import DIMENSIONS
from trainables.augmentation import AugmentationDraw, augment, change_intensity, draw_augmentation, move
from trainables.corruptions import CORRUPTIONS

OPTIONS = DIMENSIONS["augmentation"].describe().split(", ")


def build_draw(
    num: int = 1,
    flips: tuple[bool, ...] = (False, False),
    turns: int = 0,
    gain: float = 1,
    offset: float = 0,
    gamma: float = 1,
) -> AugmentationDraw:
    return AugmentationDraw(
        flips=torch.tensor([flips] * num),
        turns=torch.tensor([turns] * num),
        gains=torch.full((num,), float(gain)),
        offsets=torch.full((num,), float(offset)),
        gammas=torch.full((num,), float(gamma)),
    )


def test_a_flip_and_a_turn_by_hand() -> None:
    image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    assert move(image, build_draw(flips=(True, False))).flatten().tolist() == [3, 4, 1, 2]
    assert move(image, build_draw(flips=(False, True))).flatten().tolist() == [2, 1, 4, 3]
    assert move(image, build_draw(turns=1)).flatten().tolist() == [2, 4, 1, 3]
    assert move(image, build_draw(turns=2)).flatten().tolist() == [4, 3, 2, 1]


def test_intensity_by_hand() -> None:
    changed = change_intensity(torch.tensor([[[[0.0, 0.5, 0.9]]]]), build_draw(gain=1.2, offset=-0.1, gamma=2))
    assert changed.flatten().tolist() == pytest.approx([0.0, 0.25, 0.98**2])


def test_labels_move_with_their_images() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 3, (64, 8, 8), generator=generator)
    images = labels[:, None].float() / 2
    draw = draw_augmentation(64, 2, generator)
    moved_images, moved_labels = augment(images, labels, "spatial", draw)
    assert torch.equal(moved_images[:, 0] * 2, moved_labels.float())
    assert not torch.equal(moved_labels, labels)
    assert torch.equal(moved_labels.flatten(1).sort().values, labels.flatten(1).sort().values)


def test_all_eight_positions_turn_up_equally_often() -> None:
    image = torch.arange(4.0).reshape(1, 1, 2, 2).expand(800, 1, 2, 2) / 4
    draw = draw_augmentation(800, 2, torch.Generator().manual_seed(0))
    positions = [tuple(item.flatten().tolist()) for item in move(image, draw)]
    counts = [positions.count(position) for position in set(positions)]
    assert len(counts) == 8
    assert min(counts) > 60


@pytest.mark.parametrize("spatial_dims", [2, 3])
@pytest.mark.parametrize("augmentation", OPTIONS)
def test_what_each_option_changes(augmentation: str, spatial_dims: int) -> None:
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(8, 1, *[6] * spatial_dims, generator=generator)
    labels = (images[:, 0] > 0.5).long()
    after_images, after_labels = augment(images, labels, augmentation, draw_augmentation(8, spatial_dims, generator))
    assert torch.equal(after_labels, labels) == (augmentation in ("none", "intensity"))
    assert torch.equal(after_images, images) == (augmentation == "none")
    assert after_images.min() >= 0
    assert after_images.max() <= 1


def test_every_option_of_the_search_space_gives_something_else() -> None:
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(8, 1, 6, 6, generator=generator)
    draw = draw_augmentation(8, 2, generator)
    results = [augment(images, images[:, 0].long(), option, draw)[0] for option in OPTIONS]
    assert all(not torch.equal(one, other) for one, other in itertools.combinations(results, 2))


def test_no_family_of_the_augmentation_is_in_the_battery() -> None:
    words = ("contrast", "gain", "offset", "gamma", "brightness", "flip", "turn", "rotation")
    assert not [name for name in CORRUPTIONS if any(word in name for word in words)]
