"""Histograms of local binary patterns, against scikit-image and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy
from skimage.data import brick
from skimage.feature import local_binary_pattern

from paretoseg.trainables.complexity.local_patterns import (
    NUM_CODES,
    code_patterns,
    count_codes,
    expect_kl_bits,
    find_jsd_bits,
    find_kl_bits,
    find_slice_axis,
    to_grey,
)

FLAT = (1.0, 1.0)

shares = st.lists(st.integers(0, 50), min_size=NUM_CODES, max_size=NUM_CODES).filter(any)


def normalise(counts: list[int]) -> np.ndarray:
    return np.array(counts) / sum(counts)


def test_codes_and_histogram_are_those_of_scikit_image() -> None:
    picture = brick()[:64, :64]
    reference = local_binary_pattern(picture, 24, 3, "uniform")
    codes = code_patterns(picture, FLAT)
    np.testing.assert_array_equal(codes, reference)
    expected, _ = np.histogram(reference, bins=26, range=(0, 26), density=True)
    np.testing.assert_allclose(count_codes(codes.ravel()), expected)


def test_codes_do_not_depend_on_how_bright_the_image_becomes() -> None:
    """A brighter pixel far away changes no code and no number of bins; the same image twice as bright has its codes."""
    picture = brick()[:40, :40] // 2
    codes = code_patterns(picture, FLAT)
    brighter = picture.copy()
    brighter[-1, -1] = 255
    np.testing.assert_array_equal(code_patterns(brighter, FLAT)[:30, :30], codes[:30, :30])
    np.testing.assert_array_equal(code_patterns(2 * picture, FLAT), codes)
    assert count_codes(np.zeros(5, np.uint8)).size == NUM_CODES


def test_a_volume_is_coded_slice_by_slice_across_its_coarsest_axis() -> None:
    generator = np.random.default_rng(0)
    volume = generator.integers(0, 255, (12, 5, 14), np.uint8)
    codes = code_patterns(volume, (1.0, 3.0, 1.0))
    for index in range(5):
        np.testing.assert_array_equal(codes[:, index], code_patterns(volume[:, index], FLAT))
    assert find_slice_axis((1.0, 1.0, 1.0)) == 2
    assert find_slice_axis((2.0, 2.0, 1.0)) == 1


def test_grey_is_eight_bits_of_luminance_or_of_the_first_channel() -> None:
    colours = np.zeros((3, 1, 3), np.float32)
    colours[:, 0, :] = np.eye(3)
    assert to_grey(colours).tolist() == [[54, 182, 18]]  # 0.2125, 0.7154 and 0.0721 of 255
    assert to_grey(np.array([[[0.0, 0.5, 1.0]]], np.float32)).tolist() == [[0, 128, 255]]
    two = np.stack([np.full((2, 2), 0.2, np.float32), np.ones((2, 2), np.float32)])
    assert to_grey(two).tolist() == [[51, 51], [51, 51]]


@given(shares, shares)
def test_divergences_are_those_of_scipy(first: list[int], second: list[int]) -> None:
    p, q = normalise(first), normalise(second)
    assert find_jsd_bits(p, q) == pytest.approx(jensenshannon(p, q, base=2) ** 2, abs=1e-9)
    both = (p > 0) & (q > 0)
    if both.all():
        assert find_kl_bits(p, q) == pytest.approx(entropy(p, q, base=2), abs=1e-9)


@given(shares, shares)
def test_the_jensen_shannon_divergence_is_symmetric_and_bounded(first: list[int], second: list[int]) -> None:
    p, q = normalise(first), normalise(second)
    assert 0.0 <= find_jsd_bits(p, q) <= 1.0
    assert find_jsd_bits(p, q) == pytest.approx(find_jsd_bits(q, p), abs=1e-12)
    assert find_jsd_bits(p, p) == pytest.approx(0.0, abs=1e-12)


def test_divergences_by_hand() -> None:
    p, q = np.zeros(NUM_CODES), np.zeros(NUM_CODES)
    p[:2], q[:2] = (0.5, 0.5), (0.25, 0.75)
    assert find_kl_bits(p, q) == pytest.approx(0.5 * np.log2(2) + 0.5 * np.log2(2 / 3))
    assert find_kl_bits(p, p) == 0.0


def test_codes_of_one_side_only_are_dropped_so_that_similarity_can_come_out_negative() -> None:
    p, q = np.zeros(NUM_CODES), np.zeros(NUM_CODES)
    p[:2], q[0] = (0.5, 0.5), 1.0
    assert find_kl_bits(p, q) == pytest.approx(-0.5)


def test_disjoint_codes_have_no_similarity_and_the_largest_difference() -> None:
    p, q = np.eye(NUM_CODES)[0], np.eye(NUM_CODES)[7]
    assert find_kl_bits(p, q) is None
    assert find_jsd_bits(p, q) == 1.0


def test_chance_is_what_independent_draws_of_one_texture_come_to() -> None:
    generator = np.random.default_rng(0)
    truth = np.full(NUM_CODES, 1.0 / NUM_CODES)
    found = [
        find_kl_bits(generator.multinomial(2000, truth) / 2000, generator.multinomial(8000, truth) / 8000)
        for _ in range(300)
    ]
    assert np.mean([value for value in found if value is not None]) == pytest.approx(
        expect_kl_bits(2000, 8000), rel=0.05
    )
