"""Writes images in memory as files that a bundle reads, so that they go the way of all images. Free of torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from paretoseg.trainables.data.image_files import COLOURS, FIRST_CHANNEL

VOLUME_DIMS = 3


@dataclass(frozen=True)
class ImageInput:
    """What images of a bundle are like."""

    spatial_dims: int
    """2 for pictures, 3 for volumes."""

    num_channels: int

    files_per_image: int
    """More than 1 if every channel has a file of its own."""

    prepares_files: bool
    """Whether the bundle prepares raw files, as its training did; else intensities become [0, 1] by a given range."""

    @property
    def needs_spacing(self) -> bool:
        """True if an image has to say how large its voxels are."""
        return self.prepares_files and self.spatial_dims == VOLUME_DIMS


def read_image_input(bundle: Path) -> ImageInput:
    """What images of a bundle are like, by its config."""
    config = json.loads((bundle / "configs" / "inference.json").read_text())
    steps = config["preprocessing"]["transforms"]
    return ImageInput(
        spatial_dims=len(config["inferer"]["roi_size"]),
        num_channels=int(config["run"][1]["num_channels"]),
        files_per_image=max(int(step.get("files_per_image", 1)) for step in steps),
        prepares_files="intensity_range" not in config,
    )


def write_array(
    folder: Path, name: str, array: np.ndarray, wanted: ImageInput, spacing_mm: Sequence[float] | None
) -> Path:
    """Writes an image into an existing folder; returns its file, or the first of its files.

    Args:
        folder: Where to write.
        name: Of the file, without an ending.
        array: Real numbers, axes (*spatial) or (channel, *spatial): height and width of a picture, and the axes of a
            volume along x, y and z of RAS+, as in a NIfTI file whose affine has nothing but positive numbers on its
            diagonal.
        wanted: What images of the bundle are like.
        spacing_mm: Edges of a voxel in millimetres, one for each spatial axis, for a bundle that prepares volumes.

    Raises:
        ValueError: if shape, type or spacing do not fit, in one line that starts with the name.
    """
    array = _check_array(name, np.asarray(array), wanted)
    _check_spacing(name, spacing_mm, wanted)
    if not wanted.prepares_files:
        path = folder / f"{name}.npy"
        np.save(path, array[0] if wanted.num_channels == 1 else np.moveaxis(array, 0, -1))
        return path
    ending = ".nii" if wanted.spatial_dims == VOLUME_DIMS else ".tif"
    if wanted.files_per_image == 1:
        return _write(folder / f"{name}{ending}", array, spacing_mm)
    for number, channel in enumerate(array):
        _write(folder / f"{name}_{number:04d}{ending}", channel[np.newaxis], spacing_mm)
    return folder / f"{name}{FIRST_CHANNEL}{ending}"


def _check_array(name: str, array: np.ndarray, wanted: ImageInput) -> np.ndarray:
    """The array with its channels first, of a type that files hold."""
    shape = array.shape
    if array.ndim == wanted.spatial_dims:
        array = array[np.newaxis]
    if array.ndim != wanted.spatial_dims + 1 or array.shape[0] != wanted.num_channels or array.size == 0:
        axes = "height, width" if wanted.spatial_dims < VOLUME_DIMS else "x, y, z"
        raise ValueError(
            f"{name}: must have axes ({axes}), or (channel, {axes}) with {wanted.num_channels} channel(s); got shape "
            f"{shape}"
        )
    if array.dtype.kind not in "buif":
        raise ValueError(f"{name}: must hold real numbers, got {array.dtype}; convert it")
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    if array.dtype.kind == "f":
        return array.astype(np.float32)
    if array.dtype.itemsize <= np.dtype(np.int32).itemsize:
        return array
    limits = np.iinfo(np.int32)
    if array.min() < limits.min or array.max() > limits.max:
        raise ValueError(f"{name}: holds whole numbers beyond 32 bits; convert it to real numbers")
    return array.astype(np.int32)


def _check_spacing(name: str, spacing_mm: Sequence[float] | None, wanted: ImageInput) -> None:
    if not wanted.needs_spacing:
        if spacing_mm is not None:
            raise ValueError(f"{name}: this network takes no voxel sizes; leave out spacing_mm")
        return
    if spacing_mm is None:
        raise ValueError(f"{name}: an array does not say how large its voxels are; give spacing_mm, such as (1, 1, 3)")
    if len(spacing_mm) != VOLUME_DIMS or not all(np.isfinite(edge) and edge > 0 for edge in spacing_mm):
        raise ValueError(f"{name}: spacing_mm must be three positive numbers, got {tuple(spacing_mm)}")


def _write(path: Path, array: np.ndarray, spacing_mm: Sequence[float] | None) -> Path:
    """Writes a NIfTI volume, or a TIFF picture."""
    if spacing_mm is not None:
        import nibabel

        values = array[0] if len(array) == 1 else np.moveaxis(array, 0, -1)
        nibabel.save(nibabel.Nifti1Image(values, np.diag([*map(float, spacing_mm), 1.0])), path)
        return path
    import tifffile

    if len(array) == 1:
        tifffile.imwrite(path, array[0], photometric="minisblack")
    else:
        photometric = "rgb" if len(array) == COLOURS else "minisblack"
        tifffile.imwrite(path, array, photometric=photometric, planarconfig="separate")
    return path
