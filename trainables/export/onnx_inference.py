"""Segments one image with an exported network; needs only ONNX Runtime and NumPy.

python segment.py IMAGE.npy MASK.npy

The image is an array with the axes and intensities given in model.json. A window slides over it, and the logits of
overlapping windows are averaged, as in the evaluation of the search. If there are several networks, each does so by
itself, and their probabilities are averaged. Copied into the export by paretoseg.
"""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import onnxruntime


def main(image_file: str, mask_file: str) -> None:
    """Reads an image and writes its mask."""
    folder = Path(__file__).parent
    settings = json.loads((folder / "model.json").read_text())
    image = read_image(image_file, settings)
    answers = []
    for name in settings["models"]:
        session = onnxruntime.InferenceSession(str(folder / name), providers=["CPUExecutionProvider"])
        answers.append(slide(session, image, settings["window"], settings["overlap"], settings["windows_per_pass"]))
    np.save(mask_file, average(answers).argmax(axis=0).astype(np.uint8))


def read_image(file: str, settings: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The image of a file, checked against `settings`, the content of model.json.

    Raises:
        SystemExit: if it cannot be read, or is not like the images of the training.
    """
    try:
        with Path(file).open("rb") as stream:
            found = np.load(stream)
        if not isinstance(found, np.ndarray):
            raise ValueError("it holds several arrays")
        image: np.ndarray[Any, np.dtype[np.float32]] = found.astype(np.float32)
    except (OSError, ValueError, TypeError, EOFError, BadZipFile) as error:
        sys.exit(f"'{file}' cannot be read as an array: {error}; save it with numpy.save")
    if not image.size or image.ndim != len(settings["axes"]) or image.shape[0] != settings["num_channels"]:
        axes = ", ".join(settings["axes"])
        sys.exit(
            f"the image must have axes ({axes}) and {settings['num_channels']} channel(s), got shape {image.shape}"
        )
    low, high = settings["intensity_range"]
    if not (image.min() >= low and image.max() <= high):
        sys.exit(f"intensities must lie in [{low:g}, {high:g}], got {image.min():g}..{image.max():g}; scale the image")
    return image


def slide(
    session: Any, image: np.ndarray, window: list[int], overlap: float, windows_per_pass: int
) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Logits (classes, ...spatial) of an image (channels, ...spatial), averaged over overlapping windows.

    An image smaller than the window is padded with zeros on both sides.
    """
    extents = image.shape[1:]
    margins = [max(edge - extent, 0) for edge, extent in zip(window, extents, strict=True)]
    padding = [(0, 0), *((margin // 2, margin - margin // 2) for margin in margins)]
    padded = np.pad(image, padding)
    starts = [window_starts(extent, edge, overlap) for extent, edge in zip(padded.shape[1:], window, strict=True)]
    places = [
        tuple(slice(start, start + edge) for start, edge in zip(corner, window, strict=True))
        for corner in itertools.product(*starts)
    ]
    total: Any = 0.0
    counts = np.zeros(padded.shape[1:], np.float32)
    name = session.get_inputs()[0].name
    for first in range(0, len(places), windows_per_pass):
        some = places[first : first + windows_per_pass]
        answers = session.run(None, {name: np.stack([padded[(slice(None), *place)] for place in some])})[0]
        if isinstance(total, float):
            total = np.zeros((answers.shape[1], *padded.shape[1:]), np.float32)
        for place, answer in zip(some, answers, strict=True):
            total[(slice(None), *place)] += answer
            counts[place] += 1.0
    inner = tuple(slice(left, left + extent) for (left, _), extent in zip(padding[1:], extents, strict=True))
    mean: np.ndarray[Any, np.dtype[np.float32]] = (total / counts)[(slice(None), *inner)]
    return mean


def average(answers: list[np.ndarray[Any, np.dtype[np.float32]]]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Logits (classes, ...spatial) whose softmax is the mean of the probabilities of all networks."""
    if len(answers) == 1:
        return answers[0]
    total: Any = 0.0
    for logits in answers:
        shares = np.exp(logits - logits.max(axis=0))
        total = total + shares / shares.sum(axis=0)
    # The logarithm of 0 would be a warning.
    mean: np.ndarray[Any, np.dtype[np.float32]] = np.log(np.maximum(total / len(answers), np.finfo(np.float32).tiny))
    return mean


def window_starts(extent: int, window: int, overlap: float) -> list[int]:
    """Starts of the windows along an axis: neighbours share at least `overlap`, the last one ends at the edge."""
    if extent == window:
        return [0]
    step = max(int(window * (1 - overlap)), 1)
    starts = list(range(0, extent - window, step))
    return [*starts, extent - window]


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: {Path(sys.argv[0]).name} IMAGE.npy MASK.npy")
    main(sys.argv[1], sys.argv[2])
