"""Prepares a raw file for a network, and restores the network's output to the grid of the file. Free of torch.

Both use `trainables.data.preprocessing`, whose source is part of bundles, so that training and later use cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Shaped

from paretoseg.trainables.data.image_files import Raw, fit_channels, read_image
from paretoseg.trainables.data.preprocessing import SPACING_TOLERANCE, Preprocessing, find_foreground, prepare, reorient


@dataclass(frozen=True)
class Preparation:
    """The preprocessing of a dataset's files."""

    settings: Preprocessing

    spacing_mm: tuple[float, ...]
    """Spacing of all prepared cases, in the order of the axes."""


@dataclass(frozen=True, eq=False)
class Placement:
    """The position of a prepared image in its file."""

    affine: np.ndarray | None
    """Affine of the file, from voxels to millimetres; None for a picture."""

    orientation: str
    """Orientation of the prepared axes."""

    turned_shape: tuple[int, ...]
    """Shape of the file's grid in this orientation."""

    resampled_shape: tuple[int, ...]
    """Shape of that grid after resampling to the wanted spacing."""

    window: tuple[slice, ...]
    """The part of it that is left after cropping."""

    def restore(self, array: Shaped[np.ndarray, "*prepared"], outside: float = 0.0) -> Shaped[np.ndarray, "*file"]:
        """The array resampled from the prepared grid to the file's grid by nearest neighbour.

        Args:
            array: Labels, or the logits of one class.
            outside: The value outside the cropped part.
        """
        from nibabel import orientations
        from scipy import ndimage

        full = np.full(self.resampled_shape, outside, dtype=array.dtype)
        full[self.window] = array
        if self.resampled_shape != self.turned_shape:
            factors = [new / old for new, old in zip(self.turned_shape, self.resampled_shape, strict=True)]
            full = ndimage.zoom(full, factors, order=0, mode="nearest", grid_mode=True)
        if self.affine is not None:
            start, end = orientations.io_orientation(self.affine), orientations.axcodes2ornt(self.orientation)
            full = orientations.apply_orientation(full, orientations.ornt_transform(end, start))
        return np.ascontiguousarray(full)


def prepare_file(
    path: Path, preparation: Preparation, num_channels: int
) -> tuple[Float32[np.ndarray, "c *spatial"], Placement]:
    """The image of a file, prepared as in training, in [0, 1], and its position in the file.

    If the settings have no spacing, a file whose spacing differs from the dataset's is resampled to the dataset's.

    Raises:
        ValueError: if the file cannot be read, contains NaN, or is not like those of the dataset; the message names it.
    """
    raw = fit_channels(read_image(path), num_channels)
    if raw.array.shape[0] != num_channels:
        raise ValueError(f"'{path}': must have {num_channels} channel(s), got {raw.array.shape[0]}; convert the image")
    if len(raw.spatial_shape) != len(preparation.spacing_mm):
        axes = len(preparation.spacing_mm)
        raise ValueError(f"'{path}': must have {axes} spatial axes, got shape {raw.spatial_shape}")
    if not np.isfinite(raw.array).all():
        raise ValueError(f"'{path}': has NaN or infinite voxels; replace them")
    settings = _choose_spacing(raw, preparation)
    label = np.zeros(raw.spatial_shape, dtype=np.uint8)
    try:
        image = prepare(raw, label, replace(settings, crop_foreground=False)).image
    except ValueError as error:
        raise ValueError(f"'{path}': cannot be prepared as in training: {error}") from None
    resampled_shape = image.shape[1:]
    window = find_foreground(image) if settings.crop_foreground else tuple(slice(0, n) for n in resampled_shape)
    turned_shape = _turn(raw, settings)[0]
    placement = Placement(raw.affine, settings.orientation, turned_shape, resampled_shape, window)
    return np.ascontiguousarray(image[(slice(None), *window)]), placement


def _choose_spacing(raw: Raw, preparation: Preparation) -> Preprocessing:
    settings = preparation.settings
    spacing_mm = _turn(raw, settings)[1]
    # The same tolerance as for the cases of a dataset.
    is_alike = np.allclose(spacing_mm, preparation.spacing_mm, rtol=10 * SPACING_TOLERANCE, atol=0.0)
    return settings if settings.spacing_mm or is_alike else replace(settings, spacing_mm=list(preparation.spacing_mm))


def _turn(raw: Raw, settings: Preprocessing) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Shape and spacing in the wanted orientation."""
    if raw.affine is None:
        return raw.spatial_shape, (settings.pixel_mm,) * len(raw.spatial_shape)
    turned, spacing_mm = reorient(raw.array, raw.affine, settings.orientation)
    return turned.shape[1:], spacing_mm
