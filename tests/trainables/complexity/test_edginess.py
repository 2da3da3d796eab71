"""How ragged shapes are: known shapes, and what may not change the answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paretoseg.trainables.complexity.edginess import find_edginess

FLAT, SOLID = (1.0, 1.0), (1.0, 1.0, 1.0)


def draw_disc(radius: float) -> np.ndarray:
    rows, columns = np.mgrid[-30:31, -30:31]
    return np.hypot(rows, columns) <= radius


def test_discs_and_balls_come_to_little_more_than_one() -> None:
    assert 1.0 < find_edginess(draw_disc(25), FLAT) < 1.08
    x, y, z = np.mgrid[-15:16, -15:16, -15:16]
    assert 1.0 < find_edginess(x**2 + y**2 + z**2 <= 12**2, SOLID) < 1.15


def test_a_long_rectangle_comes_to_what_its_sides_say() -> None:
    mask = np.zeros((12, 210), bool)
    mask[1:11, 5:205] = True
    # Sides run half-way between centres, so the rectangle is 10 x 200; corners are a little rounder.
    assert find_edginess(mask, FLAT) == pytest.approx(420**2 / (4 * np.pi * 2000), rel=0.02)


def test_a_cube_comes_to_what_its_faces_say() -> None:
    mask = np.zeros((42, 42, 42), bool)
    mask[1:41, 1:41, 1:41] = True
    assert find_edginess(mask, SOLID) == pytest.approx(6**3 / (36 * np.pi), rel=0.07)


def test_size_alone_changes_nothing_and_number_neither() -> None:
    one = draw_disc(20)
    assert find_edginess(np.hstack([one, one]), FLAT) == pytest.approx(find_edginess(one, FLAT))
    assert find_edginess(one, (0.3, 0.3)) == pytest.approx(find_edginess(one, FLAT))


def test_spacing_decides_what_is_round() -> None:
    rows, columns = np.mgrid[-30:31, -30:31]
    ellipse = np.hypot(rows / 1.0, columns / 3.0) <= 9
    assert find_edginess(ellipse, (3.0, 1.0)) < 1.08 < 1.5 < find_edginess(ellipse, FLAT)


def test_teeth_and_holes_make_a_shape_more_ragged() -> None:
    disc = draw_disc(25)
    holed = disc & ~draw_disc(10)
    toothed = disc.copy()
    toothed[::4] = False
    toothed[30] = disc[30]
    toothed[:, 30] = disc[:, 30]
    assert find_edginess(disc, FLAT) < find_edginess(holed, FLAT) < find_edginess(toothed, FLAT)


def test_a_shape_at_the_border_is_closed_there() -> None:
    mask = np.zeros((20, 20), bool)
    mask[:10, :10] = True
    moved = np.roll(mask, (5, 5), axis=(0, 1))
    assert find_edginess(mask, FLAT) == pytest.approx(find_edginess(moved, FLAT))


@given(st.integers(0, 10**6), st.sampled_from([(7, 7), (4, 4, 4)]))
def test_no_shape_is_smoother_than_a_ball(seed: int, shape: tuple[int, ...]) -> None:
    mask = np.random.default_rng(seed).random(shape) < 0.4
    mask.flat[0] = True
    assert find_edginess(mask, (1.0,) * len(shape)) >= 1.0
