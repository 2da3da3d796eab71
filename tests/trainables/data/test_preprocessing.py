"""Preprocessing: known answers, and the same as MONAI's transforms on an asymmetric volume."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from monai.transforms.compose import Compose
from monai.transforms.intensity.dictionary import ScaleIntensityRangePercentilesd
from monai.transforms.io.dictionary import LoadImaged
from monai.transforms.spatial.dictionary import Orientationd
from monai.transforms.utility.dictionary import EnsureChannelFirstd
from scipy import ndimage

from paretoseg.trainables.data.image_files import Raw, read_image, read_label
from paretoseg.trainables.data.placement import place
from paretoseg.trainables.data.preprocessing import Preprocessing, crop, find_original, prepare
from paretoseg.trainables.data.spacings import find_other_spacings
from tests.trainables.data_files import draw_mask, draw_picture, write_picture, write_volume

TURNED = np.array([[0.0, -2.0, 0.0, 5.0], [0.0, 0.0, 3.0, 6.0], [1.0, 0.0, 0.0, 7.0], [0.0, 0.0, 0.0, 1.0]])
"""Voxel axes point up, to the left and to the front, with edges of 1, 2 and 3 mm."""


def raw_of(array: np.ndarray, affine: np.ndarray | None = None) -> Raw:
    return Raw(array, affine, "")


def test_a_turned_volume_ends_in_ras_as_by_monai(tmp_path: Path) -> None:
    array = draw_picture(1, (6, 8, 10)).astype(np.float32)
    image = write_volume(tmp_path / "i.nii.gz", array, TURNED)
    label = write_volume(tmp_path / "l.nii.gz", draw_mask((6, 8, 10)), TURNED)
    ours = prepare(read_image(image), read_label(label).array[0], Preprocessing())
    theirs = Compose(
        [
            LoadImaged(["image", "label"]),
            EnsureChannelFirstd(["image", "label"]),
            Orientationd(["image", "label"], "RAS", labels=None),
            ScaleIntensityRangePercentilesd("image", 0.5, 99.5, 0.0, 1.0, clip=True),
        ]
    )({"image": image, "label": label})
    assert ours.spacing_mm == (2.0, 3.0, 1.0)
    assert ours.image.shape == (1, 8, 10, 6)
    assert np.allclose(ours.image, theirs["image"].numpy(), atol=1e-5)
    assert np.array_equal(ours.label, theirs["label"].numpy()[0])


def test_axes_can_be_asked_to_point_elsewhere() -> None:
    array = draw_picture(1, (6, 8, 10))[np.newaxis]
    mask = draw_mask((6, 8, 10))
    ras, lps = (prepare(raw_of(array, TURNED), mask, Preprocessing(orientation=name)) for name in ("RAS", "LPS"))
    assert np.array_equal(ras.image[:, ::-1, ::-1], lps.image)
    assert np.array_equal(ras.label[::-1, ::-1], lps.label)


def test_images_are_resampled_before_they_are_scaled_and_scaled_first_in_earlier_studies() -> None:
    array = draw_picture(1, (9, 9, 9)).astype(np.int16)[np.newaxis]
    raw, label = raw_of(array, np.eye(4)), draw_mask((9, 9, 9))
    settings = Preprocessing(spacing_mm=[2.0, 1.0, 1.0], intensity="percentile")
    found = prepare(raw, label, settings)
    placed = place((9, 9, 9), (1.0, 1.0, 1.0), (2.0, 1.0, 1.0))
    resampled = placed.resample_image(array)
    low, high = np.percentile(resampled, [0.5, 99.5])
    assert np.allclose(found.image, ((resampled - low) / (high - low)).clip(0, 1), atol=1e-6)
    earlier = prepare(raw, label, dataclasses.replace(settings, resampling="stretched"))
    low, high = np.percentile(array, [0.5, 99.5])
    scaled = ((array[0] - low) / (high - low)).clip(0, 1).astype(np.float32)
    expected = ndimage.zoom(scaled, (4 / 9, 1, 1), order=1, mode="nearest", grid_mode=True)
    assert np.allclose(earlier.image[0], expected, atol=1e-6)


@pytest.mark.parametrize("intensity", ["percentile", "zscore", "window"])
@pytest.mark.parametrize("crops", [False, True])
def test_the_original_gives_the_prepared_case_when_it_is_scaled_and_cropped(intensity: str, crops: bool) -> None:
    array = draw_picture(1, (12, 9, 10)).astype(np.int16)[np.newaxis] + 30
    array[:, :3], array[..., -2:] = 0, 0
    settings = Preprocessing(
        spacing_mm=[1.3, 1.0, 1.0], intensity=intensity, window=[20.0, 200.0], crop_foreground=crops
    )
    raw, label = raw_of(array, np.eye(4)), draw_mask((12, 9, 10))
    case, original = prepare(raw, label, settings), find_original(raw, label, settings)
    assert np.array_equal(original.image.clip(0, 1)[(slice(None), *original.placement.slices)], case.image)
    assert np.allclose(original.rescale(original.image), original.image.clip(0, 1), atol=1e-6)
    assert np.array_equal(original.label, label)
    assert original.placement.spacing_mm == (1.0, 1.0, 1.0)
    assert original.placement.is_cropped == (crops and intensity != "zscore")


def test_a_changed_image_is_scaled_by_its_own_statistics_and_constants_stay_constants() -> None:
    array = np.random.default_rng(0).normal(100.0, 20.0, (1, 20, 20, 20))
    label = draw_mask((20, 20, 20))
    for intensity, undone in (("percentile", True), ("zscore", True), ("window", False)):
        settings = Preprocessing(intensity=intensity, window=[60.0, 140.0])
        original = find_original(raw_of(array, np.eye(4)), label, settings)
        plain = original.image.clip(0.0, 1.0)
        brighter = original.rescale(0.5 * original.image + np.float32(0.3))
        assert np.allclose(brighter, plain, atol=1e-5) == undone
    assert not original.rescale(np.full_like(original.image, -3.0)).any()
    percentile = find_original(raw_of(array, np.eye(4)), label, Preprocessing(intensity="percentile"))
    assert not percentile.rescale(np.full_like(original.image, 7.0)).any()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Preprocessing(intensity="window", window=[-100.0, 300.0]), [0.0, 0.0, 0.25, 1.0, 1.0]),
        (Preprocessing(intensity="percentile", low_percentile=0.0, high_percentile=100.0), [0, 0.5, 0.6, 0.9, 1.0]),
        (Preprocessing(intensity="percentile", low_percentile=25.0, high_percentile=75.0), [0, 0.0, 0.25, 1.0, 1.0]),
    ],
)
def test_intensities_are_scaled_by_hand(settings: Preprocessing, expected: list[float]) -> None:
    array = np.array([[[-600.0, -100.0, 0.0, 300.0, 400.0]]])
    label = np.ones((1, 5), dtype=np.uint8)
    assert np.allclose(prepare(raw_of(array), label, settings).image[0, 0], expected)


def test_zscore_puts_the_mean_in_the_middle_and_three_deviations_at_the_ends() -> None:
    values = np.random.default_rng(0).normal(50.0, 10.0, size=(1, 100, 100))
    image = prepare(raw_of(values), draw_mask((100, 100)), Preprocessing(intensity="zscore")).image
    assert image.mean() == pytest.approx(0.5, abs=1e-3)
    assert image.std() == pytest.approx(1 / 6, abs=2e-3)


def test_auto_takes_the_range_of_pictures_of_8_bit_and_percentiles_of_all_else() -> None:
    array = np.array([[[10, 20], [30, 51]]], dtype=np.uint8)
    label = np.ones((2, 2), dtype=np.uint8)
    assert prepare(raw_of(array), label, Preprocessing()).image.max() == pytest.approx(0.2)
    assert prepare(raw_of(array.astype(np.uint16)), label, Preprocessing()).image.max() == 1.0
    volume = prepare(raw_of(array[..., np.newaxis], np.eye(4)), label[..., np.newaxis], Preprocessing())
    assert volume.image.max() == 1.0


def test_channels_are_scaled_each_on_its_own() -> None:
    array = np.stack([np.arange(16.0).reshape(4, 4), 1000 * np.arange(16.0).reshape(4, 4)])
    image = prepare(raw_of(array), np.ones((4, 4), dtype=np.uint8), Preprocessing()).image
    assert np.allclose(image[0], image[1])


def test_cropping_cuts_the_same_margins_off_image_and_label() -> None:
    image = np.zeros((2, 6, 7), dtype=np.float32)
    image[0, 1:4, 2:5], image[1, 2:5, 3] = 1.0, 1.0
    label = np.arange(42, dtype=np.uint8).reshape(6, 7)
    cut, classes = crop(image, label)
    assert np.array_equal(cut, image[:, 1:5, 2:5])
    assert np.array_equal(classes, label[1:5, 2:5])


def test_the_result_keeps_the_conventions_of_datasets() -> None:
    case = prepare(raw_of(draw_picture(0, (2, 9, 9)).astype(np.int32) * 1000), draw_mask((9, 9)), Preprocessing())
    assert (case.image.dtype, case.label.dtype) == (np.float32, np.uint8)
    assert case.image.flags["C_CONTIGUOUS"]
    assert (case.image.min(), case.image.max()) == (0.0, 1.0)


def test_pictures_are_resampled_too_if_the_edge_of_a_pixel_is_given() -> None:
    settings = Preprocessing(pixel_mm=0.5, spacing_mm=[1.0, 1.0])
    case = prepare(raw_of(draw_picture(0)[np.newaxis]), draw_mask(), settings)
    assert (case.label.shape, case.spacing_mm) == ((10, 15), (1.0, 1.0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"orientation": "RAX"}, "orientation must name three directions"),
        ({"orientation": "RLS"}, "orientation must name three directions"),
        ({"spacing_mm": [1.0, 0.0, 1.0]}, "must be positive"),
        ({"intensity": "percentle"}, "intensity must be one of auto, percentile"),
        ({"low_percentile": 99.0, "high_percentile": 1.0}, "must lie in 0..100"),
        ({"intensity": "window"}, r"window must be \[low,high\]"),
        ({"resampling": "spline"}, "resampling must be one of exact, stretched"),
        ({"window": [5.0, 1.0]}, r"window must be \[low,high\]"),
    ],
)
def test_settings_out_of_range_are_found(change: dict[str, object], message: str) -> None:
    (finding,) = dataclasses.replace(Preprocessing(), **change).findings()  # type: ignore[arg-type]
    assert message.replace("\\", "") in finding


def test_an_image_that_cannot_be_scaled_is_refused() -> None:
    array = np.zeros((1, 50, 50))
    array[0, 0, 0] = 1.0
    with pytest.raises(ValueError, match="the same intensity, 0, between the percentiles"):
        prepare(raw_of(array), draw_mask((50, 50)), Preprocessing())
    with pytest.raises(ValueError, match="the image is constant after scaling"):
        prepare(raw_of(array), draw_mask((50, 50)), Preprocessing(intensity="window", window=[5.0, 9.0]))
    with pytest.raises(ValueError, match=r"a channel is constant, 7 everywhere; use data\.intensity=window"):
        prepare(raw_of(np.full((1, 50, 50), 7.0)), draw_mask((50, 50)), Preprocessing(intensity="zscore"))


def test_spacings_that_differ_are_found_by_case() -> None:
    (finding,) = find_other_spacings({"a": (1.0, 1.0), "b": (1.0, 1.0), "c": (1.0, 2.0), "d": (1.0, 1.0000001)})
    words = "case 'c' has spacing [1,2] mm, most have [1,1]; set data.spacing_mm=[1,1] for all, or data.from_plan=true"
    assert finding.text == words


def test_the_width_of_a_picture_stays_its_last_axis(tmp_path: Path) -> None:
    case = prepare(
        read_image(write_picture(tmp_path / "a.png", draw_picture(0, (20, 30)))), draw_mask(), Preprocessing()
    )
    assert case.image.shape == (1, 20, 30)
