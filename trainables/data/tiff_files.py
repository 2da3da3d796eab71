"""Reads TIFF: a picture, or a stack of pictures that is a volume. Free of torch.

A TIFF file does not say how large a voxel is. As nnU-Net does, the edges of a stack's voxels are taken from a JSON file
beside it, `{"spacing": [z, y, x]}` in millimetres and in the order of the axes: `a.json` beside `a.tif`, or `CASE.json`
beside `CASE_0000.tif`.
"""

from __future__ import annotations

import io
import json
import math
import re
from pathlib import Path

import numpy as np

TIFF_SUFFIXES = (".tif", ".tiff")

_AXES_OF_STACK = 3
_SPACING = "spacing"
_CHANNEL_NUMBER = re.compile(r"_\d{4}$")


def decode_tiff(content: bytes) -> np.ndarray:
    """The pixels with the channel first: (channel, height, width), or (channel, z, y, x) for a grey stack.

    Raises:
        ValueError: if it has other axes.
    """
    array, axes = _open(io.BytesIO(content), has_values=True)
    if array.ndim == 2:
        return array[np.newaxis]
    if _is_colour(axes):
        return array if axes[0] in "SC" else np.moveaxis(array, -1, 0)
    if array.ndim == _AXES_OF_STACK:
        return array[np.newaxis]
    raise ValueError(f"it must hold one picture or one grey stack, got axes {axes} of shape {array.shape}")


def find_sidecar(path: Path) -> Path | None:
    """The JSON file beside a stack that gives its spacing; None if there is none, or the file is no stack."""
    stem = path.name[: -len(path.suffix)]
    names = dict.fromkeys((stem, _CHANNEL_NUMBER.sub("", stem)))
    found = next((file for name in names if (file := path.with_name(f"{name}.json")).is_file()), None)
    return found if found and _is_stack(path) else None


def read_spacing(sidecar: Path) -> tuple[float, ...]:
    """The edges of a voxel in millimetres, in the order of the axes.

    Raises:
        ValueError: if the file does not hold three positive numbers.
    """
    try:
        content = json.loads(sidecar.read_text(encoding="utf-8-sig"))
        edges = tuple(float(edge) for edge in content[_SPACING])
    except (OSError, ValueError, KeyError, TypeError):
        edges = ()
    if len(edges) != _AXES_OF_STACK or not all(math.isfinite(edge) and edge > 0.0 for edge in edges):
        raise ValueError(
            f"its file '{sidecar}' must hold three edges in millimetres, as {{\"spacing\": [5.0, 0.8, 0.8]}}"
        )
    return edges


def _is_stack(path: Path) -> bool:
    import tifffile

    try:
        _, axes = _open(path, has_values=False)
    except (OSError, ValueError, tifffile.TiffFileError):
        return False
    return len(axes) == _AXES_OF_STACK and not _is_colour(axes)


def _is_colour(axes: str) -> bool:
    return len(axes) == _AXES_OF_STACK and (axes[0] in "SC" or axes[-1] in "SC")


def _open(source: Path | io.BytesIO, *, has_values: bool) -> tuple[np.ndarray, str]:
    """The pixels of the first series, if they are wanted, and the letters of its axes."""
    import tifffile

    with tifffile.TiffFile(source) as file:
        series = file.series[0]
        return (np.asarray(series.asarray()) if has_values else np.empty(0)), str(series.axes)
