"""Arrays as files: what is read back is what was given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from paretoseg.trainables.data.image_files import list_channel_files, read_channels
from paretoseg.trainables.export.array_files import ImageInput, write_array


@pytest.mark.parametrize(
    ("dims", "channels", "files"),
    [(2, 1, 1), (2, 2, 1), (2, 3, 1), (2, 5, 1), (2, 2, 2), (3, 1, 1), (3, 4, 1), (3, 2, 2)],
)
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float64, np.int64, bool])
def test_a_prepared_image_is_read_back_as_it_was_given(
    tmp_path: Path, dims: int, channels: int, files: int, kind: type
) -> None:
    wanted = ImageInput(dims, channels, files, prepares_files=True)
    shape = (channels, *range(5, 5 + dims))
    array = np.random.default_rng(0).integers(0, 200, shape).astype(kind)
    spacing = (1.0, 2.0, 3.0) if dims == 3 else None
    path = write_array(tmp_path, "array 0", array, wanted, spacing)
    raw = read_channels(list_channel_files(path, files))
    assert np.array_equal(raw.array, array)
    assert (raw.affine is None) == (dims == 2)
    if raw.affine is not None:
        assert np.array_equal(raw.affine, np.diag([1.0, 2.0, 3.0, 1.0]))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (
            np.zeros((2, 5, 6)),
            r"array 0: must have axes \(height, width\), or \(channel, height, width\) with 1 channel",
        ),
        (np.zeros((5,)), r"got shape \(5,\)"),
        (np.zeros((0, 6)), r"got shape \(0, 6\)"),
        (np.zeros((5, 6), complex), "array 0: must hold real numbers, got complex128; convert it"),
        (np.full((5, 6), 2**40), "array 0: holds whole numbers beyond 32 bits; convert it to real numbers"),
    ],
)
def test_an_array_that_does_not_fit_is_refused(tmp_path: Path, array: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_array(tmp_path, "array 0", array, ImageInput(2, 1, 1, prepares_files=True), None)
    assert not list(tmp_path.iterdir())
