"""Training transforms: labels move along, values stay in range, draws are paired."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from scipy import ndimage

from paretoseg.spaces.recipe import AUGMENTATIONS, FAMILIES, Recipe
from paretoseg.spaces.search_space import DIMENSIONS
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.severities.levels import LEVELS, PRESETS
from paretoseg.trainables.training import augmentation
from paretoseg.trainables.training.augmentation import (
    AugmentationDraw,
    add_noise,
    augment,
    blur,
    change_intensity,
    draw_augmentation,
    find_turning_plane,
    flip_and_turn,
    rotate_and_scale,
)

UNIT = {2: (1.0, 1.0), 3: (1.0, 1.0, 1.0)}
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
        matrices=torch.eye(len(flips)).repeat(num, 1, 1),
        noises=torch.zeros(num),
        noise_seed=0,
        blurs=torch.zeros(num),
    )


def test_a_flip_and_a_turn_by_hand() -> None:
    image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    assert flip_and_turn(image, build_draw(flips=(True, False))).flatten().tolist() == [3, 4, 1, 2]
    assert flip_and_turn(image, build_draw(flips=(False, True))).flatten().tolist() == [2, 1, 4, 3]
    assert flip_and_turn(image, build_draw(turns=1)).flatten().tolist() == [2, 4, 1, 3]
    assert flip_and_turn(image, build_draw(turns=2)).flatten().tolist() == [4, 3, 2, 1]


def test_intensity_by_hand() -> None:
    changed = change_intensity(torch.tensor([[[[0.0, 0.5, 0.9]]]]), build_draw(gain=1.2, offset=-0.1, gamma=2))
    assert changed.flatten().tolist() == pytest.approx([0.0, 0.25, 0.98**2])


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_patches_move_alike_one_by_one_and_all_together(spatial_dims: int, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    batch = torch.rand(40, 2, *[8] * spatial_dims, generator=generator)
    draw = draw_augmentation(40, spatial_dims, 1.0, generator)
    together = flip_and_turn(batch, draw)
    monkeypatch.setattr(augmentation, "MIN_PIXELS_ONE_BY_ONE", 1)
    assert torch.equal(flip_and_turn(batch, draw), together)
    assert torch.equal(flip_and_turn(batch[:, 0], draw), together[:, 0])


def test_labels_move_with_their_images() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 3, (64, 8, 8), generator=generator)
    images = labels[:, None].float() / 2
    draw = draw_augmentation(64, 2, 0.0, generator)
    moved_images, moved_labels = augment(images, labels, Recipe(mirroring="on", augmentation="none"), draw, UNIT[2])
    assert torch.equal(moved_images[:, 0] * 2, moved_labels.float())
    assert not torch.equal(moved_labels, labels)
    assert torch.equal(moved_labels.flatten(1).sort().values, labels.flatten(1).sort().values)


def test_all_eight_positions_turn_up_equally_often() -> None:
    image = torch.arange(4.0).reshape(1, 1, 2, 2).expand(800, 1, 2, 2) / 4
    draw = draw_augmentation(800, 2, 1.0, torch.Generator().manual_seed(0))
    positions = [tuple(item.flatten().tolist()) for item in flip_and_turn(image, draw)]
    counts = [positions.count(position) for position in set(positions)]
    assert len(counts) == 8
    assert min(counts) > 60


@pytest.mark.parametrize("spatial_dims", [2, 3])
@pytest.mark.parametrize("augmentation", OPTIONS)
def test_what_each_option_changes(augmentation: str, spatial_dims: int) -> None:
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(8, 1, *[6] * spatial_dims, generator=generator)
    labels = (images[:, 0] > 0.5).long()
    draw = draw_augmentation(8, spatial_dims, 1.0, generator)
    after_images, after_labels = augment(images, labels, Recipe(augmentation=augmentation), draw, UNIT[spatial_dims])
    assert torch.equal(after_labels, labels) == ("spatial" not in AUGMENTATIONS[augmentation])
    assert torch.equal(after_images, images) == (augmentation == "none")
    assert after_images.min() >= 0
    assert after_images.max() <= 1


def test_a_rotation_by_hand() -> None:
    quarter = torch.tensor([[[0.0, 1.0], [-1.0, 0.0]]])
    image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    draw = dataclasses.replace(build_draw(), matrices=quarter)
    images, labels = rotate_and_scale(image, image[:, 0].long(), draw, UNIT[2])
    torch.testing.assert_close(images[:, 0], torch.rot90(image[:, 0], 1, dims=(1, 2)))
    assert torch.equal(labels, images[:, 0].round().long())


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_rotation_and_scaling_agree_with_scipy(spatial_dims: int) -> None:
    """Scipy takes the same matrix; near the middle nothing depends on how the border is continued."""
    generator = torch.Generator().manual_seed(3)
    draw = draw_augmentation(16, spatial_dims, 1.0, generator)
    edge, middle = 15, 7.0
    images = torch.rand(16, 1, *[edge] * spatial_dims, generator=generator)
    labels = torch.randint(4, (16, *[edge] * spatial_dims), generator=generator)
    moved_images, moved_labels = rotate_and_scale(images, labels, draw, UNIT[spatial_dims])
    is_moved = [not torch.equal(matrix, torch.eye(spatial_dims)) for matrix in draw.matrices]
    assert 1 < sum(is_moved) < 10
    inside = tuple(slice(5, 10) for _ in range(spatial_dims))
    for item in range(16):
        matrix = draw.matrices[item].double().numpy()
        shift = middle - matrix @ np.full(spatial_dims, middle)
        expected = ndimage.affine_transform(images[item, 0].double().numpy(), matrix, shift, order=1)
        np.testing.assert_allclose(moved_images[item, 0].numpy()[inside], expected[inside], atol=1e-4)
        nearest = ndimage.affine_transform(labels[item].numpy(), matrix, shift, order=0)
        assert (moved_labels[item].numpy()[inside] == nearest[inside]).mean() > 0.98


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_blur_agrees_with_scipy(spatial_dims: int) -> None:
    images = torch.rand(3, 2, *[12] * spatial_dims, generator=torch.Generator().manual_seed(0))
    draw = dataclasses.replace(build_draw(3), blurs=torch.tensor([0.8, 0.0, 1.7]))
    blurred = blur(images, draw, UNIT[spatial_dims])
    assert torch.equal(blurred[1], images[1])
    for item, width in ((0, 0.8), (2, 1.7)):
        for channel in range(2):
            expected = ndimage.gaussian_filter(images[item, channel].numpy(), width, mode="nearest", radius=6)
            np.testing.assert_allclose(blurred[item, channel].numpy(), expected, atol=1e-4)


def test_noise_has_the_spread_that_was_drawn_and_the_same_draw_gives_the_same_noise() -> None:
    images = torch.full((2, 1, 64, 64), 0.5)
    draw = dataclasses.replace(build_draw(2), noises=torch.tensor([0.0, 0.1]), noise_seed=3)
    noisy = add_noise(images, draw)
    assert torch.equal(noisy[0], images[0])
    assert noisy[1].std().item() == pytest.approx(0.1, rel=0.05)
    assert torch.equal(noisy, add_noise(images, draw))
    assert not torch.equal(noisy, add_noise(images, dataclasses.replace(draw, noise_seed=4)))


@pytest.mark.parametrize("spatial_dims", [2, 3])
@pytest.mark.parametrize("augmentation", OPTIONS)
def test_the_length_of_an_edge_does_not_matter_if_all_are_equal(augmentation: str, spatial_dims: int) -> None:
    generator = torch.Generator().manual_seed(2)
    images = torch.rand(12, 1, *[8] * spatial_dims, generator=generator)
    draw, recipe = (
        draw_augmentation(12, spatial_dims, 1.0, generator),
        Recipe(augmentation=augmentation, mirroring="on"),
    )
    small, large = (
        augment(images, (images[:, 0] > 0.5).long(), recipe, draw, (edge,) * spatial_dims) for edge in (0.7, 3.0)
    )
    assert torch.equal(small[0], large[0])
    assert torch.equal(small[1], large[1])


@pytest.mark.parametrize("spacing_mm", [(0.7, 5.0), (5.0, 0.7, 0.9)])
def test_rotation_and_scaling_are_those_of_scipy_in_millimetres(spacing_mm: tuple[float, ...]) -> None:
    spatial_dims, edge = len(spacing_mm), 21
    generator = torch.Generator().manual_seed(3)
    draw = draw_augmentation(12, spatial_dims, 1.0, generator)
    images = torch.rand(12, 1, *[edge] * spatial_dims, generator=generator)
    moved, _ = rotate_and_scale(images, (images[:, 0] > 0.5).long(), draw, spacing_mm)
    to_mm, middle = np.diag(spacing_mm), np.full(spatial_dims, (edge - 1) / 2)
    is_moved = [item for item in range(12) if not torch.equal(draw.matrices[item], torch.eye(spatial_dims))]
    assert len(is_moved) > 1
    for item in is_moved:
        matrix = np.linalg.inv(to_mm) @ draw.matrices[item].double().numpy() @ to_mm
        image = images[item, 0].double().numpy()
        # What lies outside is NaN there: only pixels are compared whose sources lie inside.
        expected = ndimage.affine_transform(image, matrix, middle - matrix @ middle, order=1, cval=np.nan)
        is_inside = np.isfinite(expected)
        assert is_inside.sum() > edge
        np.testing.assert_allclose(moved[item, 0].numpy()[is_inside], expected[is_inside], atol=1e-4)


@pytest.mark.parametrize("spacing_mm", [(0.7, 5.0), (5.0, 0.7, 0.9)])
def test_blur_is_equally_wide_in_millimetres_along_all_axes(spacing_mm: tuple[float, ...]) -> None:
    images = torch.rand(1, 1, *[12] * len(spacing_mm), generator=torch.Generator().manual_seed(0))
    blurred = blur(images, dataclasses.replace(build_draw(), blurs=torch.tensor([1.7])), spacing_mm)
    widths = [1.7 * 0.7 / edge for edge in spacing_mm]
    expected = ndimage.gaussian_filter(images[0, 0].numpy(), widths, mode="nearest", truncate=4.0)
    np.testing.assert_allclose(blurred[0, 0].numpy(), expected, atol=5e-3)


@pytest.mark.parametrize(
    ("spacing_mm", "extents", "plane"),
    [
        ((1.0, 1.0), (4, 4), (-2, -1)),
        ((1.0, 2.0), (4, 4), None),
        ((1.0, 1.0, 1.0), (4, 4, 4), (-2, -1)),
        ((5.0, 0.7, 0.7), (2, 4, 4), (-2, -1)),
        ((0.7, 0.7, 5.0), (4, 4, 2), (-3, -2)),
        ((0.7, 5.0, 0.7), (4, 4, 4), (-3, -1)),
        ((0.7, 0.8, 5.0), (4, 4, 4), None),
        ((5.0, 0.7, 0.7), (2, 4, 6), None),
    ],
)
def test_right_angle_turns_are_left_to_planes_of_equal_edges_and_extents(
    spacing_mm: tuple[float, ...],
    extents: tuple[int, ...],
    plane: tuple[int, int] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert find_turning_plane(spacing_mm, extents) == plane
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(32, 1, *extents, generator=generator)
    draw = draw_augmentation(32, len(spacing_mm), 0.0, generator)
    draw = dataclasses.replace(draw, flips=torch.zeros_like(draw.flips))
    expected = torch.stack(
        [torch.rot90(one, int(turns), plane) if plane else one for one, turns in zip(images, draw.turns, strict=True)]
    )
    for least in (1, 10**9):  # one by one, and all together
        monkeypatch.setattr(augmentation, "MIN_PIXELS_ONE_BY_ONE", least)
        after, _ = augment(images, images[:, 0].long(), Recipe(mirroring="on", augmentation="none"), draw, spacing_mm)
        assert torch.equal(after, expected)


def test_older_studies_count_in_voxels() -> None:
    data = TexturesConfig(image_size=32, num_train=1, num_validation=1, num_test=1).load()
    thick = dataclasses.replace(data, spacing_mm=(0.7, 5.0))
    edges = [SegmentationConfig(corruption_version=version).augmentation_spacing(thick) for version in (1, 2)]
    assert edges == [(1.0, 1.0), (0.7, 5.0)]


def test_at_no_strength_only_flips_and_turns_are_left() -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(16, 1, 8, 8, generator=generator)
    labels = (images[:, 0] > 0.5).long()
    draw = draw_augmentation(16, 2, 0.0, generator)
    after_images, after_labels = augment(
        images, labels, Recipe(mirroring="on", augmentation="spatial_intensity_noise_blur"), draw, UNIT[2]
    )
    torch.testing.assert_close(after_images, flip_and_turn(images, draw))
    assert torch.equal(after_labels, flip_and_turn(labels, draw))


def test_the_ranges_scale_with_the_strength_and_the_generator_advances_alike() -> None:
    draws, states = [], []
    for strength in (0.25, 1.0):
        generator = torch.Generator().manual_seed(0)
        draws.append(draw_augmentation(64, 3, strength, generator))
        states.append(generator.get_state())
    weak, strong = draws
    assert torch.equal(*states)
    assert torch.equal(weak.flips, strong.flips)
    torch.testing.assert_close(weak.gains - 1.0, (strong.gains - 1.0) / 4)
    torch.testing.assert_close(weak.offsets, strong.offsets / 4)
    torch.testing.assert_close(weak.gammas.log(), strong.gammas.log() / 4)
    torch.testing.assert_close(weak.noises, strong.noises / 4)
    torch.testing.assert_close(weak.blurs, strong.blurs / 4)
    assert 0.4 < (strong.noises > 0).float().mean() < 0.6


def test_every_option_of_the_search_space_gives_something_else() -> None:
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(8, 1, 6, 6, generator=generator)
    draw = draw_augmentation(8, 2, 1.0, generator)
    results = [
        augment(images, images[:, 0].long(), Recipe(augmentation=option), draw, UNIT[2])[0] for option in OPTIONS
    ]
    assert all(not torch.equal(one, other) for one, other in itertools.combinations(results, 2))


def test_every_family_that_training_shows_is_one_of_the_battery_so_that_nothing_learned_counts() -> None:
    shown = frozenset().union(*FAMILIES.values())
    assert shown <= {levels.family for levels in LEVELS.values()}
    assert not shown & {LEVELS[name].family for name in PRESETS["mri"] if name in ("motion", "ghosting", "bias_field")}
