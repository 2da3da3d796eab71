"""The picture of a transfer matrix."""

from __future__ import annotations

import dataclasses
from io import BytesIO

import pytest
from matplotlib.image import imread

from paretoseg.search.reports.transfer_picture import draw_transfer
from tests.trainables.transfer.matrices import build_matrix

GAINS = {"spatial": {"motion": 0.0, "ghosting": 5.0}, "noise_blur": {"motion": -2.0, "ghosting": 0.1}}


def test_a_picture_grows_with_its_corruptions() -> None:
    small = imread(BytesIO(draw_transfer(build_matrix(GAINS))))
    more = {kind: {**gains, "occlusion": 1.0, "gamma_up": 2.0} for kind, gains in GAINS.items()}
    large = imread(BytesIO(draw_transfer(build_matrix(more))))
    assert large.shape[0] > small.shape[0]
    assert large.shape[1] == small.shape[1]


@pytest.mark.parametrize("seeds", [1, 3])
def test_unknown_gains_are_drawn_too(seeds: int) -> None:
    matrix = build_matrix(GAINS)
    networks = tuple(one for one in matrix.networks if one.seed < seeds)
    assert draw_transfer(dataclasses.replace(matrix, networks=networks)).startswith(b"\x89PNG")
