"""Resampled grids keep the spacing that they record, and what the way to them and back costs is known."""

from __future__ import annotations

import nibabel
import nibabel.processing
import numpy as np
import pytest
from monai.transforms.spatial.array import Resize
from scipy import ndimage

from paretoseg.trainables.data import datasets
from paretoseg.trainables.data.datasets import Case, Dataset
from paretoseg.trainables.data.placement import measure_round_trip, place
from paretoseg.trainables.data.preprocessing import Original
from tests.trainables.data_files import draw_mask, draw_picture


def test_37_voxels_of_1_mm_become_voxels_of_2_mm_and_not_of_2_056() -> None:
    ramp = np.arange(37, dtype=np.float32)[np.newaxis, :, np.newaxis].repeat(5, axis=2)
    exact, stretched = (place((37, 5), (1.0, 1.0), (2.0, 1.0), how) for how in ("exact", "stretched"))
    assert exact.resampled_shape == stretched.resampled_shape == (18, 5)
    assert np.allclose(np.diff(exact.resample_image(ramp)[0, :, 0]), 2.0)
    assert np.allclose(np.diff(stretched.resample_image(ramp)[0, :, 0]), 37 / 18)


def test_where_sizes_divide_both_ways_of_resampling_are_equal_to_the_bit() -> None:
    image, label = draw_picture(1, (1, 6, 8, 10)).astype(np.float32), draw_picture(2, (6, 8, 10)) % 4
    exact, stretched = (place((6, 8, 10), (2.0, 1.0, 1.0), (1.0, 1.0, 2.5), how) for how in ("exact", "stretched"))
    assert np.array_equal(exact.resample_image(image), stretched.resample_image(image))
    assert np.array_equal(exact.resample_label(label), stretched.resample_label(label))


def test_resampling_is_linear_for_images_and_nearest_for_labels_as_by_monai() -> None:
    image, label = draw_picture(1, (1, 6, 8, 10)).astype(np.float32), draw_picture(2, (6, 8, 10)) % 4
    placed = place((6, 8, 10), (2.0, 1.0, 1.0), (1.0, 1.0, 2.5))
    expected = Resize((12, 8, 4), mode="trilinear", align_corners=False)(image)
    assert np.allclose(placed.resample_image(image), expected.numpy(), atol=1e-3)
    nearest = Resize((12, 8, 4), mode="nearest-exact")(label[np.newaxis].astype(np.float32))
    assert np.array_equal(placed.resample_label(label), nearest.numpy()[0])


def test_resampling_is_that_of_nibabel_in_space() -> None:
    image, edges, wanted = draw_picture(1, (9, 12, 15)).astype(np.float32), (1.0, 2.0, 3.0), (1.3, 0.71, 2.6)
    placed = place(image.shape, edges, wanted)
    affine = np.diag([*edges, 1.0])
    target = np.diag([*wanted, 1.0])
    middles = [((np.array(shape) - 1) / 2) for shape in (image.shape, placed.resampled_shape)]
    target[:3, 3] = np.array(edges) * middles[0] - np.array(wanted) * middles[1]
    expected = nibabel.processing.resample_from_to(
        nibabel.Nifti1Image(image, affine), (placed.resampled_shape, target), order=1, mode="nearest"
    )
    assert np.allclose(placed.resample_image(image[np.newaxis])[0], expected.get_fdata(), atol=1e-2)


def test_a_spacing_within_the_tolerance_is_left_alone() -> None:
    placed = place((6, 8), (1.0, 1.0), (1.0005, 1.0))
    assert not placed.is_resampled
    assert not placed.is_cropped


def test_a_perfect_network_pays_for_a_coarse_grid_and_nothing_for_the_files_own() -> None:
    label = np.zeros((40, 40, 40), dtype=np.uint8)
    places = np.indices(label.shape) - 19.5
    label[(places**2).sum(axis=0) < 9**2] = 1
    label[np.abs(places).max(axis=0) < 4] = 2
    costs = [1 - measure_round_trip(label, place(label.shape, (1.0,) * 3, (edge,) * 3), 3) for edge in (1.0, 2.0, 4.0)]
    assert costs[0] == 0.0
    assert 0.005 < costs[1] < costs[2] < 0.3
    assert measure_round_trip(np.zeros_like(label), place(label.shape, (1.0,) * 3, (2.0,) * 3), 3) == 1.0


@pytest.mark.parametrize("edge", [1.7, 2.0])
def test_the_cost_is_that_of_scipys_linear_interpolation_both_ways(edge: float) -> None:
    label = draw_mask((30, 24)).astype(np.uint8)
    placed = place(label.shape, (1.0, 1.0), (edge, edge))
    shares = []
    for index in (0, 1):
        coarse = placed.resample_image((label == index)[np.newaxis].astype(np.float32))[0]
        where = np.meshgrid(*[placed.find_places(axis) for axis in (0, 1)], indexing="ij")
        shares.append(ndimage.map_coordinates(coarse, where, order=1, mode="nearest"))
    mask = np.argmax(shares, axis=0)
    expected = 2 * (mask * label).sum() / (mask.sum() + label.sum())
    assert measure_round_trip(label, placed, 2) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("most", "expected"), [(10**9, 3), (2 * 2 * 400, 2), (1, 1)])
def test_the_cost_of_large_grids_is_estimated_from_fewer_cases(
    monkeypatch: pytest.MonkeyPatch, most: int, expected: int
) -> None:
    monkeypatch.setattr(datasets, "MAX_GRID_VOXELS", most)
    placed, label = place((20, 20), (1.0, 1.0), (2.0, 2.0)), draw_mask((20, 20)).astype(np.uint8)
    image, small = np.full((1, 10, 10), 0.5, dtype=np.float32), placed.resample_label(label)
    cases = {
        split: tuple(
            Case(f"{split} {n}", "", f"{split} {n}", split, image, small, Original(image, label, placed))
            for n in range(3)
        )
        for split in ("train", "validation", "test")
    }
    dataset = Dataset("squares", **cases, spacing_mm=(2.0, 2.0), num_channels=1, class_names=("background", "square"))
    [line] = datasets.describe_grid_cost(dataset)
    assert f"mean of {expected} validation case{'s' * (expected > 1)})" in line
