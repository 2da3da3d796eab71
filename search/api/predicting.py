"""Applies a network of a study to files and arrays, on the way of `paretoseg predict`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from paretoseg.search.api.consoles import make_silent
from paretoseg.search.api.prediction import Image, Prediction
from paretoseg.search.commands.predict import open_place
from paretoseg.search.commands.prediction_files import list_images
from paretoseg.search.commands.segmenting import check_images, segment_images
from paretoseg.search.running.importing import importing
from paretoseg.trainables.data.findings import to_lines
from paretoseg.trainables.export.array_files import read_image_input, write_array


@dataclass(frozen=True)
class HowToPredict:
    """Which network is applied, and how."""

    pick: str | None
    seeds: str | None
    spacing_mm: Sequence[float] | None
    intensity_range: tuple[float, float] | None
    has_probabilities: bool
    batch: int | None
    device: str


def predict(place: str, images: Image | Iterable[Image], how: HowToPredict) -> list[Prediction]:
    """The predictions for images, in their order.

    Args:
        place: Folder or URI of a study.
        images: Files, folders of files and arrays.
        how: Which network, and how.

    Raises:
        ValueError: for mistakes of the user's, a line each.
    """
    given = [images] if isinstance(images, str | os.PathLike | np.ndarray) else list(images)
    if how.batch is not None and how.batch < 1:
        raise ValueError(f"batch must be at least 1, got {how.batch}")
    with ExitStack() as stack:
        bundle = stack.enter_context(open_place(place, how.pick, how.seeds, make_silent()[0]))
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="paretoseg-arrays-")))
        names, files = _gather(given, bundle, scratch, how)
        with importing():
            from paretoseg.trainables.export.applying import choose_device, open_bundle, read_classes  # torch, MONAI

        device = choose_device(how.device)
        applied = stack.enter_context(open_bundle(bundle, device, how.intensity_range))
        if findings := check_images(applied, files):
            raise ValueError(_name_arrays("\n".join(to_lines(findings)), names, files))
        answers = segment_images(applied, files, how.batch, has_probabilities=how.has_probabilities)
        classes = read_classes(bundle)
        return [
            Prediction(name, answer.mask, answer.probabilities, classes)
            for name, (answer, _) in zip(names, answers, strict=True)
        ]


def _gather(given: Sequence[Image], bundle: Path, scratch: Path, how: HowToPredict) -> tuple[list[str], list[Path]]:
    """Names and files of all images; arrays become files in `scratch`.

    Raises:
        ValueError: if a file is missing or unknown, or an array does not fit.
    """
    wanted = read_image_input(bundle)
    if how.intensity_range is not None and wanted.prepares_files:
        raise ValueError("this network prepares raw files itself, as in training; leave out intensity_range")
    names: list[str] = []
    files: list[Path] = []
    num_arrays = 0
    for image in given:
        if isinstance(image, np.ndarray):
            name = f"array {num_arrays}"
            num_arrays += 1
            names.append(name)
            files.append(write_array(scratch, name, image, wanted, how.spacing_mm))
            continue
        found, findings = list_images([os.fspath(image)], has_several=wanted.files_per_image > 1)
        if findings:
            raise ValueError("\n".join(to_lines(findings)))
        names += map(str, found)
        files += found
    return names, files


def _name_arrays(message: str, names: Sequence[str], files: Sequence[Path]) -> str:
    """The message with the names of arrays in place of the temporary files that they became."""
    for name, file in zip(names, files, strict=True):
        message = message.replace(str(file), name)
    return message
