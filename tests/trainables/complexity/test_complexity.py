"""How hard a task is: known answers, the texture task over its blends, and what is left out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from paretoseg.trainables.complexity.complexity import (
    COMPLEXITY,
    RING_PIXELS,
    WHOLE,
    Region,
    find_ring,
    list_cases,
    list_classes,
    measure_case,
)
from paretoseg.trainables.complexity.local_patterns import code_patterns, to_grey
from paretoseg.trainables.data.datasets import Case, Dataset
from paretoseg.trainables.data.textures import TexturesConfig, draw_shape


def build_case(name: str, image: np.ndarray, label: np.ndarray, split: str = "train") -> Case:
    return Case(name, "site", name, split, image.astype(np.float32)[np.newaxis], label.astype(np.uint8))


def build_dataset(*cases: Case, class_names: tuple[str, ...] = ("background", "organ")) -> Dataset:
    first = cases[0]
    others = [build_case(split, first.image[0], first.label, split) for split in ("validation", "test")]
    spacing_mm = (1.0,) * first.label.ndim
    return Dataset("made", cases, others[:1], others[1:], spacing_mm, 1, class_names)


def measure(case: Case, dataset: Dataset) -> dict[tuple[str, str], float]:
    return {(row.label, row.measure): row.value for row in measure_case(case, dataset)}


def draw_noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape)


def test_equal_textures_differ_by_little_more_than_chance() -> None:
    label = draw_shape(128, np.random.default_rng(0))
    case = build_case("a", draw_noise((128, 128)), label)
    found = measure(case, build_dataset(case))
    assert found["organ", "texture_kl_bits"] < 3 * found["organ", "chance_kl_bits"] < 0.05
    assert found["organ", "texture_jsd_bits"] < 0.02
    assert found["organ", "contrast_to_noise"] < 0.05


def find_mean_similarity(blend: float, image_size: int) -> tuple[float, float]:
    """The mean texture similarity of a few pictures at a blend, and what chance would give independent pixels."""
    config = TexturesConfig(blend=blend, image_size=image_size, num_train=4, num_validation=1, num_test=1)
    found = [measure_texture(case) for _, case in list_cases(config.load())]
    return float(np.mean([similarity for similarity, _ in found])), float(np.mean([chance for _, chance in found]))


def measure_texture(case: Case) -> tuple[float, float]:
    grey = to_grey(case.image)
    region = Region(grey, code_patterns(grey, (1.0, 1.0)), case.label > 0, (1.0, 1.0))
    values = [COMPLEXITY[name].measure(region) for name in ("texture_kl_bits", "chance_kl_bits")]
    assert all(value is not None for value in values)
    return values[0] or 0.0, values[1] or 0.0


def test_texture_similarity_falls_with_the_blend_to_its_noise_floor() -> None:
    """Kamath et al. read about 0.01 bit off pictures of 256 x 256 where accuracy collapses, at blend 0.8."""
    blends = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    found = [find_mean_similarity(blend, 256)[0] for blend in blends]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.07
    assert 0.005 < found[-1] < 0.012
    # One and the same texture inside and outside: what is left is no difference but the floor.
    floor, chance = find_mean_similarity(1.0, 256)
    assert found[-1] - floor < 0.05 * (found[0] - floor)
    assert chance < floor < 5 * chance


def test_the_noise_floor_falls_as_the_number_of_pixels_grows() -> None:
    floors, chances = zip(*(find_mean_similarity(1.0, size) for size in (64, 128, 256)), strict=True)
    assert [floors[0] / floors[1], floors[1] / floors[2]] == pytest.approx([4.0, 4.0], abs=2.0)
    assert all(chance < floor < 5 * chance for floor, chance in zip(floors, chances, strict=True))


def test_a_smooth_shape_in_noise_stands_out_in_texture_and_not_in_brightness() -> None:
    label = draw_shape(128, np.random.default_rng(0))
    noise = draw_noise((128, 128))
    smooth = ndimage.gaussian_filter(noise, 3.0)
    case = build_case("a", np.where(label, smooth, noise), label)
    found = measure(case, build_dataset(case))
    assert found["organ", "texture_kl_bits"] > 0.5
    assert 0.2 < found["organ", "texture_jsd_bits"] <= 1.0
    assert found["organ", "contrast_to_noise"] < 0.1


def test_contrast_is_the_difference_against_the_spread_of_both() -> None:
    label = np.zeros((60, 60), np.uint8)
    label[20:40, 20:40] = 1
    checks = (np.indices(label.shape).sum(axis=0) % 2) * 2.0 - 1.0
    case = build_case("a", np.where(label, 200 + 10 * checks, 100 + 10 * checks) / 255.0, label)
    found = measure(case, build_dataset(case))
    # Deviations of ten inside and around.
    assert found["organ", "contrast_to_noise"] == pytest.approx(100 / np.hypot(10, 10), rel=1e-3)
    assert found["organ", "foreground_share"] == pytest.approx(400 / 3600)


def test_contrast_without_noise_is_left_out() -> None:
    label = np.zeros((60, 60), np.uint8)
    label[20:40, 20:40] = 1
    case = build_case("a", label * 0.5, label)
    assert ("organ", "contrast_to_noise") not in measure(case, build_dataset(case))


def test_the_ring_sees_what_lies_around_and_nothing_beyond() -> None:
    label = np.zeros((120, 120), np.uint8)
    label[50:70, 50:70] = 1
    noise, smooth = draw_noise(label.shape), np.full(label.shape, 0.5)
    near = ndimage.binary_dilation(label, iterations=40)
    case = build_case("a", np.where(near, noise, smooth), label)
    found = measure(case, build_dataset(case))
    assert found["organ", "ring_jsd_bits"] < 0.05
    assert found["organ", "texture_jsd_bits"] > 2 * found["organ", "ring_jsd_bits"]


def test_the_ring_is_as_wide_as_it_says_in_millimetres() -> None:
    mask = np.zeros((61, 61), bool)
    mask[30, 30] = True
    rows, columns = np.mgrid[-30:31, -30:31]
    for spacing_mm in ((1.0, 1.0), (0.1, 0.1), (0.5, 1.5)):
        distance = np.hypot(rows * spacing_mm[0], columns * spacing_mm[1])
        expected = (distance <= RING_PIXELS * min(spacing_mm) + 1e-9) & ~mask
        np.testing.assert_array_equal(find_ring(mask, spacing_mm), expected)


def test_a_case_without_the_class_has_a_share_of_nothing_and_no_other_measure() -> None:
    label = np.zeros((40, 40), np.uint8)
    label[5:20, 5:20] = 1
    names = ("background", "organ", "lesion")
    case = build_case("a", draw_noise(label.shape), label)
    found = measure(case, build_dataset(case, class_names=names))
    assert {measure for label, measure in found if label == "lesion"} == {"foreground_share"}
    assert found["lesion", "foreground_share"] == 0.0
    assert {measure for label, measure in found if label == "organ"} == set(COMPLEXITY)
    assert all(found["organ", name] == found[WHOLE, name] for name in COMPLEXITY)


def test_a_class_that_fills_the_image_has_nothing_to_stand_out_from() -> None:
    case = build_case("a", draw_noise((40, 40)), np.ones((40, 40)))
    assert measure(case, build_dataset(case)) == {("organ", "foreground_share"): 1.0}


def test_the_whole_foreground_comes_behind_several_classes_and_cannot_be_one_of_them() -> None:
    assert list_classes(("background", WHOLE)) == (WHOLE,)
    assert list_classes(("background", "a", "b")) == ("a", "b", WHOLE)
    with pytest.raises(ValueError, match="no class may be called 'foreground' if there are several"):
        list_classes(("background", "a", WHOLE))


def test_volumes_are_measured_too() -> None:
    label = np.zeros((30, 30, 30), np.uint8)
    label[8:22, 8:22, 8:22] = 1
    case = build_case("a", draw_noise(label.shape), label)
    found = measure(case, build_dataset(case))
    assert {measure for _, measure in found} == set(COMPLEXITY)
    assert found["organ", "texture_kl_bits"] < 0.2
    assert found["organ", "edginess"] == pytest.approx(1.7, abs=0.2)


def test_every_measure_is_a_plain_finite_number() -> None:
    dataset = TexturesConfig(image_size=48, num_train=2, num_validation=1, num_test=1).load()
    rows = [row for shift, case in list_cases(dataset) for row in measure_case(case, dataset, shift)]
    assert len(rows) == 4 * len(COMPLEXITY)
    assert all(type(row.value) is float and np.isfinite(row.value) for row in rows)
    assert {(row.label, row.shift) for row in rows} == {("brick", "")}
