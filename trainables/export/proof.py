"""Proves that an export does what the search measured: runs it in a fresh process on a case and compares masks."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import nibabel
import numpy as np
import torch
from torch import Tensor, nn

from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.data.image_files import find_companions, list_channel_files, suffix_of
from paretoseg.trainables.data.placement import Placement, place
from paretoseg.trainables.data.raw_images import Preparation, prepare_file
from paretoseg.trainables.evaluation.case_rows import average_classes
from paretoseg.trainables.evaluation.degrading import original_of, to_tensor
from paretoseg.trainables.evaluation.known_pixels import clear_ignored
from paretoseg.trainables.evaluation.measuring import predict
from paretoseg.trainables.evaluation.metrics import describe_emptiness, dice
from paretoseg.trainables.evaluation.restoring import restore_mask, restore_probabilities
from paretoseg.trainables.export.ensemble import Ensemble, average_logits
from paretoseg.trainables.scoring.measures import Scoring

TIE = 2.5e-4
"""Probabilities that differ by less are equal up to rounding, so either class is correct."""

SCORE_TOLERANCE = 0.02
"""Largest difference of a case's Dice from the recorded one: other hardware may flip some pixels at a border."""

TIMEOUT_SECONDS = 900


class ProofError(Exception):
    """An export does not reproduce what the search measured."""


@dataclass(frozen=True)
class Reference:
    """The prediction of the search's evaluation for a case."""

    case: Case
    logits: Tensor
    """On the prepared grid, shape (classes, ...spatial)."""

    placement: Placement
    """Where the prepared image lies on the grid on which masks are compared."""

    order: tuple[int, ...] | None = None
    """The classes in the order in which they are painted, if they overlap."""

    @cached_property
    def mask(self) -> np.ndarray:
        """Class of every pixel on that grid, shape (...spatial)."""
        return restore_mask(self.logits, self.placement, order=self.order).numpy()

    @cached_property
    def probabilities(self) -> np.ndarray:
        """Of every class on that grid, shape (classes, ...spatial)."""
        return restore_probabilities(self.logits, self.placement, self.order).numpy()

    def check(self, mask: np.ndarray, where: str) -> str:
        """Compares a mask with the evaluation's; returns the result in words.

        Raises:
            ProofError: if they differ anywhere but at ties.
        """
        if mask.shape != self.mask.shape:
            raise ProofError(f"{where} gives a mask of shape {mask.shape}, the evaluation one of {self.mask.shape}")
        differs = mask != self.mask
        wrong = int((differs & ~self._find_ties(mask)).sum()) if differs.any() else 0
        if wrong:
            raise ProofError(
                f"{where} gives a mask that differs from the evaluation's: case '{self.case.name}' differs in "
                f"{wrong} of {mask.size} pixels"
            )
        ties = f", {int(differs.sum())} of them ties of two classes" if differs.any() else ""
        return f"{where}: equal to the evaluation in all {mask.size} pixels of case '{self.case.name}'{ties}"

    def _find_ties(self, mask: np.ndarray) -> np.ndarray:
        """Where a mask may differ, because two classes, or an overlapping class and its absence, are equally likely."""
        if self.order is not None:
            return np.asarray((np.abs(self.probabilities - 0.5) < TIE).any(axis=0))
        if mask.max() >= len(self.logits):
            return np.zeros(mask.shape, dtype=bool)
        chosen = np.take_along_axis(self.probabilities, mask[None].astype(np.int64), axis=0)[0]
        return np.asarray(self.probabilities.max(axis=0) - chosen < TIE)


def make_reference(
    network: nn.Module,
    cases: Sequence[Case],
    window: Sequence[int],
    spacing_mm: Sequence[float],
    order: tuple[int, ...] | None = None,
) -> Reference:
    """The evaluation's prediction for the first case whose mask is asymmetric, else for the first case.

    Args:
        network: The trained network, or an `Ensemble`.
        cases: At least one.
        window: Extents of the sliding window, in pixels or voxels.
        spacing_mm: Of cases that are not from files.
        order: The classes in the order in which they are painted, if they overlap.
    """
    network.eval()
    references = (
        Reference(
            case,
            predict_average(network, to_tensor(case.image)[None], window)[0],
            original_of(case, spacing_mm).placement,
            order,
        )
        for case in cases
    )
    first = next(references)
    return (
        first
        if is_asymmetric(first.mask)
        else next((found for found in references if is_asymmetric(found.mask)), first)
    )


def predict_average(network: nn.Module, images: Tensor, window: Sequence[int]) -> Tensor:
    """The evaluation's logits (batch, classes, ...spatial); for an `Ensemble`, of the mean of its probabilities."""
    if not isinstance(network, Ensemble):
        return predict(network, images, window)
    return average_logits((predict(member, images, window) for member in network.members), network.overlaps)


def is_asymmetric(mask: np.ndarray) -> bool:
    """True if mirroring any axis or swapping any two axes changes the mask, so that it would show a turned image."""
    mirrored = (np.flip(mask, axis) for axis in range(mask.ndim))
    swapped = (np.swapaxes(mask, *axes) for axes in itertools.combinations(range(mask.ndim), 2))
    return not any(np.array_equal(mask, other) for other in (*mirrored, *swapped))


def check_score(reference: Reference, recorded: float, scoring: Scoring, *, is_native: bool) -> None:
    """Checks that the network reaches the Dice that the study recorded for the case.

    Args:
        reference: The prediction for the case.
        recorded: What the study recorded.
        scoring: How the study scores masks.
        is_native: Whether the study scores on the grid of the file, or on the prepared one.

    Raises:
        ProofError: if it does not.
    """
    case = reference.case
    edges = reference.placement.resampled_mm
    prepared = place(case.label.shape, edges, edges)
    pair = (restore_mask(reference.logits, prepared, order=reference.order).numpy(), case.label)
    if is_native:
        pair = (reference.mask, case.original.label if case.original else case.label)
    reference_label = torch.from_numpy(np.array(pair[1]))
    mask, label = (clear_ignored(torch.from_numpy(np.array(array)), reference_label).long()[None] for array in pair)
    empty = describe_emptiness(mask[0], label[0], scoring.num_classes, scoring.regions)
    scores = dice(mask, label, scoring.num_classes, scoring.regions)[0].tolist()
    reached = average_classes(scores, empty, scoring.absent_classes)
    if abs(reached - recorded) > SCORE_TOLERANCE:
        raise ProofError(
            f"the checkpoint reaches Dice {reached:.3f} on case '{reference.case.name}', the study recorded "
            f"{recorded:.3f}; checkpoint, data and study do not belong together"
        )


def prove_bundle(bundle: Path, reference: Reference, workplace: Path, spacing_mm: Sequence[float]) -> str:
    """Runs the bundle with MONAI's own command in a fresh process, without paretoseg on its path.

    Returns:
        What was found, in words.

    Raises:
        ProofError: if the command fails, or its mask or the mask's affine differs from the evaluation's.
    """
    affine = _write_nifti(reference.case, workplace / "case.nii.gz", spacing_mm)
    return reference.check(*_run_bundle(bundle, workplace, "case.nii.gz", affine))


def _run_bundle(bundle: Path, workplace: Path, name: str, affine: np.ndarray) -> tuple[np.ndarray, str]:
    """The mask that the bundle writes for a file in the workplace, and the command in words."""
    words = ["--images", str(workplace / name), "--output_dir", str(workplace / "masks"), "--device", "cpu"]
    where = "`python -m monai.bundle run`"
    _run(["-m", "monai.bundle", "run", "--config_file", "configs/inference.json", *words], bundle, where)
    path = workplace / "masks" / "case_mask.nii.gz"
    if not path.is_file():
        raise ProofError(f"{where} wrote no mask")
    written = nibabel.load(path)
    if not np.allclose(written.affine, affine):
        raise ProofError(f"{where} moves the mask in space: its affine differs from the image's")
    return np.asarray(written.dataobj), where


def prove_bundle_on_file(
    bundle: Path, reference: Reference, workplace: Path, file: Path, preparation: Preparation
) -> str:
    """Like `prove_bundle`, but from the case's raw file, which the bundle itself must prepare as the dataset did.

    Args:
        bundle: The export.
        reference: The evaluation's prediction for the case, on the file's grid.
        workplace: An empty folder.
        file: The raw image of the case.
        preparation: The dataset's preprocessing.

    Returns:
        What was found, in words.

    Raises:
        ProofError: if the command fails, or its mask or the mask's affine differs from the evaluation's.
    """
    name = copy_image(file, workplace, preparation.files_per_image)
    image, placement = prepare_file(file, preparation, reference.case.image.shape[0])
    expected = reference.case.image
    if image.shape != expected.shape or not np.allclose(image, expected, rtol=0.0, atol=1e-5):
        raise ProofError(f"'{file}' is not prepared as in the search; the file may have changed")
    affine = np.eye(4) if placement.affine is None else placement.affine
    mask, where = _run_bundle(bundle, workplace, name, affine)
    return reference.check(placement.turn(mask), where) + f", from its raw file '{file.name}'"


def copy_image(file: Path, folder: Path, files_per_image: int) -> str:
    """Copies an image with all of its files into a folder, as `case`; returns the name of its first file there."""
    suffix = suffix_of(file.name)
    names = [f"case_{channel:04d}{suffix}" for channel in range(files_per_image)]
    names = names if files_per_image > 1 else [f"case{suffix}"]
    for source, name in zip(list_channel_files(file, files_per_image), names, strict=True):
        shutil.copyfile(source, folder / name)
        for companion in find_companions(source):
            # A header names the file with its voxels; the spacing of a stack is in a file named after it.
            if companion.suffix == ".json":
                shutil.copyfile(companion, folder / "case.json")
            elif companion.is_relative_to(source.parent):
                place = folder / companion.relative_to(source.parent)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(companion, place)
    return names[0]


def prove_onnx(folder: Path, reference: Reference, workplace: Path) -> str:
    """Runs the export with ONNX Runtime in a fresh process, without torch.

    Returns:
        What was found, in words.

    Raises:
        ProofError: if it fails, or its mask differs from the evaluation's.
    """
    image, mask = workplace / "case.npy", workplace / "mask.npy"
    np.save(image, reference.case.image)
    _run(["segment.py", str(image), str(mask)], folder, "ONNX Runtime")
    edges = reference.placement.spacing_mm
    prepared = replace(reference, placement=place(reference.case.label.shape, edges, edges))
    return prepared.check(np.load(mask), "ONNX Runtime")


def _write_nifti(case: Case, path: Path, spacing_mm: Sequence[float]) -> np.ndarray:
    """Writes an image with a mirrored and shifted affine, as scans have; returns the affine."""
    scales = [*spacing_mm, 1.0][:3]
    affine = np.diag([-scales[0], -scales[1], scales[2], 1.0])
    affine[:3, 3] = (10.0, 20.0, 30.0)
    array = case.image[0] if len(case.image) == 1 else np.moveaxis(case.image, 0, -1)
    nibabel.save(nibabel.Nifti1Image(array, affine), path)
    return affine


def _run(words: Sequence[str], folder: Path, where: str) -> None:
    """Runs Python in a folder, without this process's import path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment = kept | {"OMP_NUM_THREADS": str(torch.get_num_threads()), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ProofError(f"{where} did not answer within {TIMEOUT_SECONDS} s") from None
    if done.returncode:
        raise ProofError(f"{where} failed: {find_cause(done.stderr) or f'exit code {done.returncode}'}")


def find_cause(output: str) -> str:
    """The line of a process's output that says why it failed: the first of chained errors, or else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    causes = [line for line in lines if re.match(r"[\w.]*(Error|Exception): ", line)]
    return next(iter(causes or lines[-1:]), "")
