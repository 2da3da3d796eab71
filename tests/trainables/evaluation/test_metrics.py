"""Overlaps and surface distances: known answers, MONAI and brute force, and the policy for empty masks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.metrics.hausdorff_distance import HausdorffDistanceMetric, compute_hausdorff_distance
from monai.metrics.meandice import DiceMetric
from monai.metrics.surface_dice import compute_surface_dice
from scipy.ndimage import binary_erosion as erode
from scipy.ndimage import distance_transform_edt, generate_binary_structure
from torch.nn.functional import one_hot

from paretoseg.trainables.evaluation.metrics import compare_surfaces, describe_emptiness, dice, image_diagonal_mm

MONAI_WARNS_OF_ITSELF = pytest.mark.filterwarnings(
    "ignore:.*always_return_as_numpy:FutureWarning", "ignore:.*is all 0, this may result in nan/inf:UserWarning"
)


def square(top: int, left: int, size: int = 4, value: int = 1) -> torch.Tensor:
    mask = torch.zeros(1, 12, 12, dtype=torch.long)
    mask[:, top : top + size, left : left + size] = value
    return mask


def cube(start: int, *, size: int = 4) -> torch.Tensor:
    """A cube in a volume that moves along the last axis only."""
    volume = torch.zeros(8, 10, 16, dtype=torch.long)
    volume[2 : 2 + size, 3 : 3 + size, start : start + size] = 1
    return volume


def ball(
    centre_mm: Sequence[float], spacing_mm: Sequence[float], shape: Sequence[int], radius_mm: float
) -> torch.Tensor:
    """The voxels whose centre lies within a ball."""
    places = np.meshgrid(
        *(edge * np.arange(extent) for edge, extent in zip(spacing_mm, shape, strict=True)), indexing="ij"
    )
    distances = np.sqrt(sum((place - middle) ** 2 for place, middle in zip(places, centre_mm, strict=True)))
    return torch.from_numpy((distances <= radius_mm).astype(np.int64))


def surfaces(
    prediction: torch.Tensor, label: torch.Tensor, *, spacing_mm: Sequence[float], tolerance_mm: float = 1.0
) -> tuple[float, float]:
    """NSD and HD95 of the only foreground class."""
    [nsd], [hd95_mm] = compare_surfaces(prediction, label, 2, spacing_mm=spacing_mm, tolerance_mm=tolerance_mm)
    return nsd, hd95_mm


def test_two_half_overlapping_squares_score_one_half() -> None:
    assert dice(square(2, 2), square(2, 4), 2).tolist() == [[0.5]]


def test_two_half_overlapping_cubes_score_one_half() -> None:
    assert dice(cube(2)[None], cube(4)[None], 2).tolist() == [[0.5]]


def test_equal_and_disjoint_masks_score_one_and_zero() -> None:
    assert dice(square(2, 2), square(2, 2), 2).tolist() == [[1.0]]
    assert dice(square(0, 0), square(8, 8), 2).tolist() == [[0.0]]
    assert surfaces(cube(3), cube(3), spacing_mm=(1.0, 1.0, 1.0), tolerance_mm=0.0) == (1.0, 0.0)


@pytest.mark.parametrize(("predicted", "actual", "score"), [(0, 0, 1.0), (1, 0, 0.0), (0, 1, 0.0)])
def test_empty_masks_follow_the_policy(predicted: int, actual: int, score: float) -> None:
    prediction, label = square(2, 2, value=predicted), square(2, 2, value=actual)
    assert dice(prediction, label, 2).tolist() == [[score]]
    nsd, hd95_mm = surfaces(prediction[0], label[0], spacing_mm=(3.0, 4.0))
    assert nsd == score
    assert hd95_mm == pytest.approx(0.0 if score else 12 * 5)  # the diagonal of 12 x 12 pixels of 3 x 4 mm


@pytest.mark.parametrize(
    ("predicted", "actual", "word"), [(0, 0, "both"), (1, 0, "reference"), (0, 1, "prediction"), (1, 1, "")]
)
def test_empty_masks_are_named(predicted: int, actual: int, word: str) -> None:
    assert describe_emptiness(square(2, 2, value=predicted)[0], square(4, 4, value=actual)[0], 3) == [word, "both"]


def test_classes_are_scored_apart() -> None:
    predicted = torch.maximum(square(0, 0), square(6, 6, value=2))
    actual = torch.maximum(square(0, 2), square(6, 6, value=2))
    assert dice(predicted, actual, 4).tolist() == [[0.5, 1.0, 1.0]]
    nsd, hd95_mm = compare_surfaces(predicted[0], actual[0], 4, spacing_mm=(1.0, 1.0), tolerance_mm=0.0)
    assert (nsd[1:], hd95_mm[1:]) == ([1.0, 1.0], [0.0, 0.0])
    assert nsd[0] < 1.0
    assert hd95_mm[0] == 2.0


def test_agrees_with_monai_where_both_masks_hold_something() -> None:
    generator = torch.Generator().manual_seed(0)
    predicted, actual = (torch.randint(0, 3, (5, 10, 10), generator=generator) for _ in range(2))
    theirs = DiceMetric(include_background=False)(
        one_hot(predicted, 3).movedim(-1, 1), one_hot(actual, 3).movedim(-1, 1)
    )
    assert isinstance(theirs, torch.Tensor)
    torch.testing.assert_close(dice(predicted, actual, 3), theirs)


def test_a_plate_that_is_moved_by_a_voxel_lies_a_voxel_off() -> None:
    # A plate one voxel thick across the whole volume: every voxel is surface, and the nearest lies one layer away.
    plate = torch.zeros(6, 5, 4, dtype=torch.long)
    plate[2] = 1
    spacing_mm = (2.5, 1.0, 0.5)
    moved = plate.roll(1, dims=0)
    assert surfaces(moved, plate, spacing_mm=spacing_mm, tolerance_mm=2.4) == (0.0, 2.5)
    assert surfaces(moved, plate, spacing_mm=spacing_mm, tolerance_mm=2.5) == (1.0, 2.5)


def test_a_ball_that_is_shifted_along_a_coarse_axis_is_measured_in_millimetres() -> None:
    spacing_mm, shape = (3.0, 1.0, 0.5), (16, 40, 80)
    still, moved = (ball((middle, 20.0, 20.0), spacing_mm, shape, radius_mm=12.0) for middle in (21.0, 24.0))
    nsd, hd95_mm = surfaces(moved, still, spacing_mm=spacing_mm, tolerance_mm=3.0)
    assert nsd == 1.0  # no voxel of a shifted surface is farther off than the shift
    assert 2.0 <= hd95_mm <= 3.0
    stricter, _ = surfaces(moved, still, spacing_mm=spacing_mm, tolerance_mm=1.0)
    # Along the shift of 3 mm, the surface moves by 3 |cos| of the angle to it: a third of a sphere lies within 1 mm.
    assert stricter == pytest.approx(1 / 3, abs=0.1)


@MONAI_WARNS_OF_ITSELF
@pytest.mark.parametrize(("shape", "spacing_mm"), [((20, 30), (2.0, 0.7)), ((9, 14, 11), (3.0, 1.0, 0.5))])
def test_surfaces_agree_with_monais_own_functions(shape: tuple[int, ...], spacing_mm: tuple[float, ...]) -> None:
    generator = torch.Generator().manual_seed(1)
    predicted, actual = (torch.randint(0, 3, shape, generator=generator) for _ in range(2))
    actual[0] = 0
    pair = [one_hot(mask, 3).movedim(-1, 0)[None] for mask in (predicted, actual)]
    nsd, hd95_mm = compare_surfaces(predicted, actual, 3, spacing_mm=spacing_mm, tolerance_mm=0.7)
    theirs = compute_surface_dice(*pair, class_thresholds=[0.7, 0.7], spacing=list(spacing_mm))
    assert nsd == pytest.approx(theirs[0].tolist())
    theirs = compute_hausdorff_distance(*pair, percentile=95, spacing=list(spacing_mm))
    assert hd95_mm == pytest.approx(theirs[0].tolist())


def brute_force(
    predicted: np.ndarray, actual: np.ndarray, spacing_mm: Sequence[float], tolerance_mm: float
) -> tuple[float, float]:
    """NSD and HD95 by a distance transform over the whole image, with scipy alone."""
    cross = generate_binary_structure(predicted.ndim, 1)
    edges = [mask & ~erode(mask, cross) for mask in (predicted, actual)]
    to_edge = [distance_transform_edt(~edge, sampling=spacing_mm) for edge in edges]
    forth, back = to_edge[1][edges[0]], to_edge[0][edges[1]]
    nsd = float((np.concatenate((forth, back)) <= tolerance_mm + 1e-6).mean())
    return nsd, max(float(np.percentile(forth, 95)), float(np.percentile(back, 95)))


@given(
    seed=st.integers(0, 10_000),
    shape=st.lists(st.integers(3, 8), min_size=2, max_size=3),
    edges_mm=st.lists(st.sampled_from([0.3, 0.5, 1.0, 2.5]), min_size=3, max_size=3),
    tolerance_mm=st.sampled_from([0.0, 0.6, 1.1, 3.3]),
)
def test_surfaces_agree_with_brute_force_and_do_not_depend_on_the_order_of_the_axes(
    seed: int, shape: list[int], edges_mm: list[float], tolerance_mm: float
) -> None:
    generator = np.random.default_rng(seed)
    predicted, actual = (generator.random(shape) < 0.4 for _ in range(2))
    predicted.flat[0] = actual.flat[-1] = True
    spacing_mm = edges_mm[: len(shape)]
    expected = brute_force(predicted, actual, spacing_mm, tolerance_mm)
    for order in itertools.permutations(range(len(shape))):
        pair = [torch.from_numpy(mask.astype(np.int64)).permute(*order) for mask in (predicted, actual)]
        found = surfaces(*pair, spacing_mm=[spacing_mm[axis] for axis in order], tolerance_mm=tolerance_mm)
        assert found == pytest.approx(expected, abs=1e-5)
        assert 0.0 <= found[0] <= 1.0
        assert found[1] < image_diagonal_mm(pair[0].shape, [spacing_mm[axis] for axis in order])


@given(seed=st.integers(0, 10_000))
def test_swapping_prediction_and_reference_changes_nothing(seed: int) -> None:
    generator = np.random.default_rng(seed)
    one, other = (torch.from_numpy((generator.random((6, 7)) < 0.4).astype(np.int64)) for _ in range(2))
    assert surfaces(one, other, spacing_mm=(1.0, 2.0)) == surfaces(other, one, spacing_mm=(1.0, 2.0))
    assert torch.equal(dice(one[None], other[None], 2), dice(other[None], one[None], 2))


@MONAI_WARNS_OF_ITSELF
def test_a_network_that_predicts_nothing_is_not_rewarded_as_by_monais_mean() -> None:
    """On the second of two cases, one network is a little off and the other one predicts nothing."""
    label = square(2, 2)
    off, nothing = square(2, 5), torch.zeros_like(label)
    spacing_mm = (1.0, 1.0)

    def mean_of_monai(*predictions: torch.Tensor) -> float:
        metric = HausdorffDistanceMetric(percentile=95)
        metric(*(one_hot(torch.cat(masks), 2).movedim(-1, 1) for masks in (predictions, [label, label])))
        mean = metric.aggregate()
        assert isinstance(mean, torch.Tensor)
        return float(mean)

    def mean_of_ours(*predictions: torch.Tensor) -> float:
        return math.fsum(surfaces(mask[0], label[0], spacing_mm=spacing_mm)[1] for mask in predictions) / 2

    assert mean_of_monai(label, nothing) < mean_of_monai(label, off)  # what must not happen
    assert mean_of_ours(label, nothing) > mean_of_ours(label, off)
    assert mean_of_ours(nothing, nothing) == pytest.approx(image_diagonal_mm((12, 12), spacing_mm))


def test_the_diagonal_is_that_of_the_whole_image() -> None:
    assert image_diagonal_mm((3, 4, 12), (1.0, 1.0, 1.0)) == pytest.approx(13.0)
    assert image_diagonal_mm((30, 8), (0.1, 0.5)) == pytest.approx(5.0)
