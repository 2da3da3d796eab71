"""From a raw file to what a network sees, and from what it answers back to the grid of the file. Free of torch.

Both go through `trainables.data.preprocessing`, whose very source bundles carry: what a network was trained on and what
it is given later cannot come apart.
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
    """What a dataset does to its files."""

    settings: Preprocessing

    spacing_mm: tuple[float, ...]
    """Of all its cases once they are prepared, in the order of the axes."""


@dataclass(frozen=True, eq=False)
class Placement:
    """Where a prepared image lies in its file."""

    affine: np.ndarray | None
    """Of the file, from voxel to millimetres; None for a picture."""

    orientation: str
    """Where the prepared axes point."""

    turned_shape: tuple[int, ...]
    """Of the file's grid once its axes point there."""

    resampled_shape: tuple[int, ...]
    """Of that grid with the wanted spacing."""

    window: tuple[slice, ...]
    """What is left of it after cropping."""

    def restore(self, array: Shaped[np.ndarray, "*prepared"], outside: float = 0.0) -> Shaped[np.ndarray, "*file"]:
        """An array on the prepared grid on that of the file; every voxel takes the value of the nearest one.

        Args:
            array: Labels, or the logits of one class.
            outside: The value where the image was cropped.
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
    """The image of a file as the network was trained on, in [0, 1], and where it lies in the file.

    Without a spacing in the settings, a file with another one than the dataset is resampled to the dataset's.

    Raises:
        ValueError: if the file cannot be read, holds NaN, or is not like those of the dataset; the message names it.
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
    # As far apart as cases of one dataset may lie.
    is_alike = np.allclose(spacing_mm, preparation.spacing_mm, rtol=10 * SPACING_TOLERANCE, atol=0.0)
    return settings if settings.spacing_mm or is_alike else replace(settings, spacing_mm=list(preparation.spacing_mm))


def _turn(raw: Raw, settings: Preprocessing) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Shape and spacing once the axes point as wanted."""
    if raw.affine is None:
        return raw.spatial_shape, (settings.pixel_mm,) * len(raw.spatial_shape)
    turned, spacing_mm = reorient(raw.array, raw.affine, settings.orientation)
    return turned.shape[1:], spacing_mm
