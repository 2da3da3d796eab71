"""nnU-Net's recipe: its transforms, loss, optimiser, schedule and sampling."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from paretoseg.spaces.recipe import NNUNET, Recipe, augmentation_families
from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.data.regions import Regions
from paretoseg.trainables.training.losses import NnunetLoss, choose_loss, deep_supervision_loss
from paretoseg.trainables.training.nnunet_augmentation import (
    NnunetDraw,
    apply_gamma,
    augment_like_nnunet,
    draw_nnunet,
    find_flat_axis,
    lower_resolution,
)
from paretoseg.trainables.training.optimisers import build_optimiser, count_state, find_learning_rate
from paretoseg.trainables.training.sampling import PatchSampler, TrainingCases


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw(num_patches: int, extents: tuple[int, ...], channels: int = 1) -> NnunetDraw:
    return draw_nnunet(num_patches, channels, extents, seeded())


def find_shares(drawn: NnunetDraw) -> list[float]:
    """The shares of patches with noise, blur, brightness, contrast, low resolution, inverted gamma and gamma."""
    changed = [drawn.noises != 0, (drawn.blurs != 0).any(dim=1)]
    for values in (drawn.brightness, drawn.contrasts, drawn.resolutions, drawn.inverted_gammas, drawn.gammas):
        changed.append((values != 1).any(dim=1))
    return [float(one.float().mean()) for one in changed]


def test_shares_and_ranges_are_those_of_nnunet() -> None:
    drawn = draw(20_000, (32, 32, 32))
    # Of a single channel, half are blurred or coarse.
    assert find_shares(drawn) == pytest.approx([0.1, 0.1, 0.15, 0.15, 0.125, 0.1, 0.3], abs=0.015)
    assert float(drawn.noises.max()) == pytest.approx(math.sqrt(0.1), rel=0.01)
    gammas = drawn.gammas[drawn.gammas != 1]
    assert float(gammas.min()) >= 0.7
    assert float(gammas.max()) <= 1.5
    assert float((gammas < 1).float().mean()) == pytest.approx(0.5, abs=0.03)
    coarse = drawn.resolutions[drawn.resolutions < 1]
    assert float(coarse.min()) >= 0.5


def test_volumes_turn_by_thirty_degrees_and_thick_slices_within_themselves() -> None:
    cubes, slices = draw(4000, (32, 32, 32)).moves.matrices, draw(4000, (8, 64, 64)).moves.matrices
    scale = torch.linalg.det(cubes).pow(1 / 3)
    assert 0.7 <= float(scale.min()) < 0.75
    assert 1.35 < float(scale.max()) <= 1.4
    moved = (cubes - torch.eye(3)).abs().flatten(1).amax(dim=1) > 1e-6
    assert float(moved.float().mean()) == pytest.approx(1 - 0.8**2, abs=0.03)
    alone = torch.tensor([1.0, 0.0, 0.0])
    assert (slices[:, 0] == alone).all()
    assert (slices[:, :, 0] == alone).all()
    assert float(slices[:, 1, 1].min()) < -1.0  # turned by half a circle, and scaled
    assert find_flat_axis((8, 64, 64)) == 0
    assert find_flat_axis((24, 64, 64)) is None


def test_oblong_pictures_turn_little_and_others_to_any_angle() -> None:
    square, oblong = (draw(4000, extents).moves.matrices for extents in ((64, 64), (64, 128)))
    angles = [torch.atan2(matrices[:, 0, 1], matrices[:, 0, 0]).abs().max() for matrices in (square, oblong)]
    assert float(angles[0]) > 3.0
    assert float(angles[1]) == pytest.approx(math.radians(15), rel=0.02)


def test_equal_generators_augment_equally_and_without_any_change_nothing_moves() -> None:
    images, labels = torch.rand(6, 2, 24, 24, generator=seeded(1)), torch.randint(3, (6, 24, 24), generator=seeded(2))
    one, other = (augment_like_nnunet(images, labels, draw(6, (24, 24), 2), mirrors=True) for _ in range(2))
    assert torch.equal(one[0], other[0])
    assert torch.equal(one[1], other[1])
    assert not torch.equal(one[0], images)
    neutral = dataclasses.replace(
        draw(6, (24, 24), 2),
        noises=torch.zeros(6),
        blurs=torch.zeros(6, 2),
        **dict.fromkeys(("brightness", "contrasts", "resolutions", "inverted_gammas", "gammas"), torch.ones(6, 2)),
    )
    neutral.moves.matrices[:] = torch.eye(2)
    still = augment_like_nnunet(images, labels, neutral, mirrors=False)
    assert torch.equal(still[0], images)
    assert torch.equal(still[1], labels)


def test_gamma_keeps_mean_and_spread_and_low_resolution_keeps_the_flat_axis() -> None:
    images = torch.rand(3, 1, 16, 16, generator=seeded())
    changed = apply_gamma(images, torch.tensor([0.7, 1.0, 1.5]))
    assert torch.allclose(changed.mean(dim=(1, 2, 3)), images.mean(dim=(1, 2, 3)), atol=1e-6)
    assert torch.allclose(changed.std(dim=(1, 2, 3)), images.std(dim=(1, 2, 3)), atol=1e-5)
    assert torch.allclose(changed[1], images[1], atol=1e-5)
    assert not torch.allclose(changed[2], images[2], atol=1e-2)
    stripes = torch.zeros(1, 1, 8, 8, 8)
    stripes[:, :, ::2] = 1.0
    half = torch.tensor([0.5])
    assert torch.equal(lower_resolution(stripes, half, flat=0), stripes)
    assert float(lower_resolution(stripes, half).std()) < 0.1


def test_the_dice_leaves_the_background_out_and_is_that_of_each_volume() -> None:
    logits = torch.randn(2, 3, 4, 4, 4, generator=seeded())
    labels = torch.randint(3, (2, 1, 4, 4, 4), generator=seeded(1))
    masks = functional.one_hot(labels[:, 0], 3).movedim(-1, 1).float()
    chances, axes = logits.softmax(dim=1), (2, 3, 4)
    dice = (2 * (masks * chances).sum(axes) + 1e-5) / (masks.sum(axes) + chances.sum(axes) + 1e-5)
    wanted = 1 - dice[:, 1:].mean() + functional.cross_entropy(logits, labels[:, 0])
    assert float(NnunetLoss()(logits, labels)) == pytest.approx(float(wanted), abs=1e-5)
    whole = (2 * (masks * chances).sum((0, 2, 3, 4)) + 1e-5) / ((masks + chances).sum((0, 2, 3, 4)) + 1e-5)
    # Pictures of the same numbers: the Dice of the batch.
    flat, flat_labels = logits.reshape(2, 3, 4, 16), labels.reshape(2, 1, 4, 16)
    of_batch = 1 - whole[1:].mean() + functional.cross_entropy(logits, labels[:, 0])
    assert float(NnunetLoss()(flat, flat_labels)) == pytest.approx(float(of_batch), abs=1e-5)
    assert isinstance(choose_loss(NNUNET), NnunetLoss)
    assert not isinstance(choose_loss(Recipe()), NnunetLoss)


def test_regions_have_a_sigmoid_each() -> None:
    regions = Regions(values=((1, 2), (2,)), order=(1, 2))
    labels = torch.randint(3, (2, 1, 6, 6), generator=seeded())
    perfect = torch.cat([labels > 0, labels == 2], dim=1).float() * 40 - 20
    assert float(NnunetLoss(regions)(perfect, labels)) == pytest.approx(0.0, abs=1e-4)
    assert float(NnunetLoss(regions)(-perfect, labels)) > 10.0


def test_the_coarsest_of_several_outputs_does_not_count() -> None:
    labels = torch.randint(2, (1, 8, 8), generator=seeded())
    fine, coarse = torch.randn(1, 2, 8, 8, generator=seeded(1)), torch.randn(1, 2, 4, 4, generator=seeded(2))
    loss = NnunetLoss()
    both, alone = (
        deep_supervision_loss(loss, outputs, labels, leaves_last=True) for outputs in ([fine, coarse], [fine])
    )
    assert float(both) == pytest.approx(float(alone))
    assert float(deep_supervision_loss(loss, [fine, coarse], labels)) != pytest.approx(float(alone))


def test_the_optimiser_is_nesterov_with_a_rate_that_falls_from_the_start() -> None:
    optimiser = build_optimiser([torch.nn.Parameter(torch.zeros(1))], NNUNET)
    [group] = optimiser.param_groups
    assert (group["momentum"], group["nesterov"], group["weight_decay"]) == (0.99, True, 3e-5)
    assert count_state(NNUNET) == 1
    rates = [find_learning_rate(NNUNET, iteration, 100) for iteration in (0, 50, 99)]
    assert rates == pytest.approx([0.01, 0.01 * 0.5**0.9, 0.01 * 0.01**0.9])


@pytest.mark.parametrize(("num_patches", "num_centred"), [(2, 1), (3, 1), (12, 4)])
def test_a_fixed_share_of_every_batch_shows_foreground(num_patches: int, num_centred: int) -> None:
    label = np.zeros((64, 64), np.uint8)
    label[60, 60] = 1
    case = Case("a", "", "a", "train", np.zeros((1, 64, 64), np.float32), label)
    sampler = PatchSampler(TrainingCases([case]), window=(4, 4), foreground_ratio=0.33, has_fixed_share=True)
    counts = [int((sampler.sample(num_patches, seeded(seed))[1] == 1).flatten(1).any(dim=1).sum()) for seed in range(9)]
    assert sorted(counts)[4] == num_centred


def test_the_recipe_shows_every_family_and_ignores_the_fields_that_it_replaces() -> None:
    assert augmentation_families(NNUNET) == {
        "rotation", "scaling", "contrast", "brightness", "gamma", "noise", "blur", "mirroring",
    }  # fmt: skip
    changed = dataclasses.replace(NNUNET, loss="tversky", optimiser="adam", schedule="constant", augmentation="none")
    assert changed.canonical() == NNUNET.canonical()
    assert dataclasses.replace(NNUNET, learning_rate=0.02).canonical() != NNUNET.canonical()
