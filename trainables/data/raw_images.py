"""Prepares a raw file for a network, and turns the network's mask back to the axes of the file. Free of torch.

Both use `trainables.data.preprocessing`, whose source is part of bundles, so that training and later use cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Shaped

from paretoseg.trainables.data.image_files import Raw, fit_channels, list_channel_files, read_channels
from paretoseg.trainables.data.placement import SPACING_TOLERANCE, Placement
from paretoseg.trainables.data.preprocessing import (
    Preprocessing,
    choose_scaling,
    find_foreground,
    reorient,
    scale_and_resample,
    turn,
)


@dataclass(frozen=True)
class Preparation:
    """The preprocessing of a dataset's files."""

    settings: Preprocessing

    spacing_mm: tuple[float, ...]
    """Spacing of all prepared cases, in the order of the axes."""

    files_per_image: int = 1
    """Files of an image, if every channel has its own: `CASE_0000`, `CASE_0001` and so on, as in nnU-Net."""


@dataclass(frozen=True, eq=False)
class FilePlacement:
    """The position of a prepared image in its file."""

    placement: Placement
    """On the grid of the file, turned."""

    affine: np.ndarray | None
    """Affine of the file, from voxels to millimetres; None for a picture."""

    orientation: str
    """Orientation of the turned axes."""

    def turn(self, mask: Shaped[np.ndarray, "*file"]) -> Shaped[np.ndarray, "*turned"]:
        """An array with the axes of the file, on the turned grid."""
        return mask if self.affine is None else reorient(mask[np.newaxis], self.affine, self.orientation)[0][0]

    def turn_back(self, mask: Shaped[np.ndarray, "*turned"]) -> Shaped[np.ndarray, "*file"]:
        """An array on the turned grid with the axes of the file."""
        from nibabel import orientations

        if self.affine is not None:
            start, end = orientations.io_orientation(self.affine), orientations.axcodes2ornt(self.orientation)
            mask = orientations.apply_orientation(mask, orientations.ornt_transform(end, start))
        return np.ascontiguousarray(mask)


def prepare_file(
    path: Path, preparation: Preparation, num_channels: int
) -> tuple[Float32[np.ndarray, "c *spatial"], FilePlacement]:
    """The image of a file, prepared as in training, in [0, 1], and its position in the file.

    If the settings have no spacing, a file whose spacing differs from the dataset's is resampled to the dataset's.

    Raises:
        ValueError: if the file cannot be read, contains NaN, or is not like those of the dataset; the message names it.
    """
    raw = fit_channels(read_channels(list_channel_files(path, preparation.files_per_image)), num_channels)
    if raw.array.shape[0] != num_channels:
        raise ValueError(f"'{path}': must have {num_channels} channel(s), got {raw.array.shape[0]}; convert the image")
    if len(raw.spatial_shape) != len(preparation.spacing_mm):
        axes = len(preparation.spacing_mm)
        raise ValueError(f"'{path}': must have {axes} spatial axes, got shape {raw.spatial_shape}")
    if not np.isfinite(raw.array).all():
        raise ValueError(f"'{path}': has NaN or infinite voxels; replace them")
    settings = _choose_spacing(raw, preparation)
    try:
        array, _, placement = turn(raw, np.zeros(raw.spatial_shape, dtype=np.uint8), settings)
        image = scale_and_resample(array, placement, choose_scaling(raw, settings), settings.resampling)
    except ValueError as error:
        raise ValueError(f"'{path}': cannot be prepared as in training: {error}") from None
    if image.min() == image.max():
        raise ValueError(f"'{path}': cannot be prepared as in training: the image is constant after scaling")
    if settings.crop_foreground:
        placement = placement.cropped_to(find_foreground(image))
    window = (slice(None), *placement.slices)
    return np.ascontiguousarray(image[window]), FilePlacement(placement, raw.affine, settings.orientation)


def _choose_spacing(raw: Raw, preparation: Preparation) -> Preprocessing:
    settings = preparation.settings
    spacing_mm = raw.spacing_mm or (settings.pixel_mm,) * len(raw.spatial_shape)
    if raw.affine is not None:
        spacing_mm = reorient(raw.array, raw.affine, settings.orientation)[1]
    # The same tolerance as for the cases of a dataset.
    is_alike = np.allclose(spacing_mm, preparation.spacing_mm, rtol=10 * SPACING_TOLERANCE, atol=0.0)
    return settings if settings.spacing_mm or is_alike else replace(settings, spacing_mm=list(preparation.spacing_mm))
