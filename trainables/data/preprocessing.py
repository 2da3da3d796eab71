"""Preprocesses cases, from file to network input: orientation, intensity, spacing, crop, in this order. Free of torch.

Images are resampled linearly; labels take the value of the nearest voxel and are never mixed. The image is always
float32 in [0, 1] at the end.

Scaling by statistics of the case itself (`percentile`, `zscore`) is right where the unit of intensity is arbitrary and
differs from scan to scan, as in MRI. Corruptions are then of comparable size relative to the range of each case. They
are applied to the scaled image, so the scale is that of the clean case, never of the corrupted one. Where the unit
means the same everywhere, use constants: `window` for CT, `range` for pictures of 8 bit.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from jaxtyping import Float32, UInt8

from paretoseg.trainables.data.findings import Finding
from paretoseg.trainables.data.image_files import Raw

ZSCORE_RANGE = 3.0
"""`zscore` maps this many standard deviations on either side of the mean to [0, 1], and clips the rest."""

SPACING_TOLERANCE = 1e-3
"""Largest relative difference of spacings without resampling."""

AFFINE_TOLERANCE = 0.1
"""Largest distance in voxels between corners of image and label, as headers are rounded."""


class Intensity(StrEnum):
    """How intensities are scaled to [0, 1]; lower-case names, as in the config."""

    auto = "auto"
    percentile = "percentile"
    zscore = "zscore"
    window = "window"
    range = "range"


@dataclass(unsafe_hash=True)
class Preprocessing:
    """The preprocessing of every case of a dataset; the fields are keys of the data's config.

    Not frozen, and with lists, because the config reader requires it; do not change it once it is in use.
    """

    orientation: str = "RAS"
    """Directions of the axes of volumes: one of R/L, A/P and S/I each, in the wanted order."""

    spacing_mm: list[float] = field(default_factory=list, hash=False)
    """Spacing that all cases are resampled to, in the order of the axes; empty for that of the files."""

    pixel_mm: float = 1.0
    """Edge length of a pixel of pictures, whose files do not give it."""

    intensity: str = "auto"
    """An option of `Intensity`."""

    low_percentile: float = 0.5
    high_percentile: float = 99.5
    window: list[float] = field(default_factory=list, hash=False)
    """Intensities that become 0 and 1 with `intensity=window`."""

    crop_foreground: bool = False
    """Whether to cut off margins in which every channel of the scaled image is 0."""

    def findings(self) -> list[str]:
        """What is wrong with the settings, each with its key."""
        findings = []
        axes = [next((pair for pair in ("LR", "AP", "SI") if letter in pair), "") for letter in self.orientation]
        if len(axes) != 3 or set(axes) != {"LR", "AP", "SI"}:
            findings.append(f"data.orientation must name three directions such as RAS or LPS, got '{self.orientation}'")
        if any(not (math.isfinite(edge) and edge > 0.0) for edge in (*self.spacing_mm, self.pixel_mm)):
            findings.append(
                f"data.spacing_mm and data.pixel_mm must be positive, got {self.spacing_mm} and {self.pixel_mm:g}"
            )
        if self.intensity not in list(Intensity):
            findings.append(f"data.intensity must be one of {', '.join(Intensity)}, got '{self.intensity}'")
        if not 0.0 <= self.low_percentile < self.high_percentile <= 100.0:
            findings.append(
                "data.low_percentile and data.high_percentile must lie in 0..100, the low one below the high one, got "
                f"{self.low_percentile:g} and {self.high_percentile:g}"
            )
        is_window = len(self.window) == 2 and self.window[0] < self.window[1]
        if (self.intensity == Intensity.window or self.window) and not is_window:
            findings.append(f"data.window must be [low,high], such as [-57,164] in HU, got {self.window}")
        return findings


@dataclass(frozen=True, eq=False)
class Prepared:
    """A case as networks see it."""

    image: Float32[np.ndarray, "c *spatial"]
    """In [0, 1]."""

    label: UInt8[np.ndarray, "..."]
    """Class of every pixel or voxel."""

    spacing_mm: tuple[float, ...]
    """In the order of the spatial axes."""


def prepare(image: Raw, label: UInt8[np.ndarray, "..."], settings: Preprocessing) -> Prepared:
    """A case after preprocessing.

    Args:
        image: Finite, and not constant.
        label: Class of every pixel of the image.
        settings: Valid, without findings.

    Raises:
        ValueError: if the intensities cannot be scaled, or the number of axes does not fit the spacing.
    """
    array, spacing_mm = image.array, (settings.pixel_mm,) * label.ndim
    if image.affine is not None:
        array, spacing_mm = reorient(array, image.affine, settings.orientation)
        label = reorient(label[np.newaxis], image.affine, settings.orientation)[0][0]
    wanted = tuple(settings.spacing_mm) or spacing_mm
    if len(wanted) != label.ndim:
        raise ValueError(f"data.spacing_mm must have {label.ndim} numbers, got {list(wanted)}")
    scaled = scale(array, choose_intensity(image, settings.intensity), settings)
    if not np.allclose(wanted, spacing_mm, rtol=SPACING_TOLERANCE, atol=0.0):
        scaled, label = resample(scaled, label, spacing_mm, wanted)
    if settings.crop_foreground:
        scaled, label = crop(scaled, label)
    if scaled.min() == scaled.max():
        raise ValueError("the image is constant after scaling; change data.window or data.intensity")
    return Prepared(np.ascontiguousarray(scaled), np.ascontiguousarray(label, dtype=np.uint8), wanted)


def reorient(array: np.ndarray, affine: np.ndarray, orientation: str) -> tuple[np.ndarray, tuple[float, ...]]:
    """The volume with its axes in the directions of the letters, and the spacing in the new order.

    Args:
        array: Axes (channel, x, y, z) of the file.
        affine: From voxels to millimetres; if it is oblique, the nearest axes are taken.
        orientation: Such as 'RAS'.
    """
    from nibabel import affines, orientations

    start, end = orientations.io_orientation(affine), orientations.axcodes2ornt(orientation)
    change = orientations.ornt_transform(start, end)
    moved = np.moveaxis(orientations.apply_orientation(np.moveaxis(array, 0, -1), change), -1, 0)
    spacing_mm = affines.voxel_sizes(affine @ orientations.inv_ornt_aff(change, array.shape[1:]))
    return moved, tuple(round(float(edge), 6) for edge in spacing_mm)


def resample(
    image: Float32[np.ndarray, "c *spatial"],
    label: UInt8[np.ndarray, "..."],
    spacing_mm: tuple[float, ...],
    wanted: tuple[float, ...],
) -> tuple[Float32[np.ndarray, "c *spatial2"], UInt8[np.ndarray, "..."]]:
    """Image (linear) and label (nearest) on a grid of the wanted spacing that covers the same field of view."""
    from scipy import ndimage

    shape = [max(round(n * old / new), 1) for n, old, new in zip(label.shape, spacing_mm, wanted, strict=True)]
    factors = [new / old for new, old in zip(shape, label.shape, strict=True)]
    channels = [ndimage.zoom(item, factors, order=1, mode="nearest", grid_mode=True) for item in image]
    return np.stack(channels), ndimage.zoom(label, factors, order=0, mode="nearest", grid_mode=True)


def choose_intensity(image: Raw, intensity: str) -> Intensity:
    """The meaning of `auto` for a file: the range for pictures of 8 bit, percentiles for everything else.

    Volumes of 8 bit are rounded scans, so 0 and 255 mean nothing in them.
    """
    if intensity != Intensity.auto:
        return Intensity(intensity)
    is_picture = image.affine is None and image.array.dtype in (np.uint8, np.bool_)
    return Intensity.range if is_picture else Intensity.percentile


def scale(array: np.ndarray, intensity: Intensity, settings: Preprocessing) -> Float32[np.ndarray, "..."]:
    """The image in [0, 1], each channel on its own.

    Raises:
        ValueError: if a channel is constant between the percentiles, or outside of the range of `range`.
    """
    return np.stack([_scale_channel(channel, intensity, settings) for channel in array])


def _scale_channel(channel: np.ndarray, intensity: Intensity, settings: Preprocessing) -> Float32[np.ndarray, "..."]:
    match intensity:
        case Intensity.window:
            low, high = settings.window
        case Intensity.zscore:
            mean, deviation = float(channel.mean(dtype=np.float64)), float(channel.std(dtype=np.float64))
            low, high = mean - ZSCORE_RANGE * deviation, mean + ZSCORE_RANGE * deviation
        case Intensity.range:
            low, high = _range_of(channel)
        case _:
            low, high = np.percentile(channel, [settings.low_percentile, settings.high_percentile]).tolist()
    if not high > low:
        raise ValueError(
            f"a channel has the same intensity, {low:g}, between the percentiles {settings.low_percentile:g} and "
            f"{settings.high_percentile:g}; widen them, or use data.intensity=zscore"
        )
    if low == 0.0:
        fraction: np.ndarray = channel / np.float32(high)
        return fraction.astype(np.float32, copy=False).clip(0.0, 1.0)
    scaled: np.ndarray = (channel.astype(np.float64) - low) / (high - low)
    return scaled.clip(0.0, 1.0).astype(np.float32)


def _range_of(channel: np.ndarray) -> tuple[float, float]:
    if channel.dtype.kind == "b":
        return 0.0, 1.0
    if channel.dtype.kind == "u":
        return 0.0, float(np.iinfo(channel.dtype).max)
    low, high = float(channel.min()), float(channel.max())
    if not (low >= 0.0 and high <= 1.0):
        raise ValueError(
            f"data.intensity=range needs unsigned integers, or fractions in 0..1, got {channel.dtype} in "
            f"{low:g}..{high:g}; use another data.intensity"
        )
    return 0.0, 1.0


def crop(
    image: Float32[np.ndarray, "c *spatial"], label: UInt8[np.ndarray, "..."]
) -> tuple[Float32[np.ndarray, "c *spatial2"], UInt8[np.ndarray, "..."]]:
    """Image and label without the margins where every channel is 0."""
    window = find_foreground(image)
    return image[(slice(None), *window)], label[window]


def find_foreground(image: Float32[np.ndarray, "c *spatial"]) -> tuple[slice, ...]:
    """The box outside of which every channel is 0; the whole image if it is 0 everywhere."""
    inside = np.asarray(image.any(axis=0))
    if not inside.any():
        return tuple(slice(0, extent) for extent in inside.shape)
    window = []
    for axis in range(inside.ndim):
        places = np.flatnonzero(inside.any(axis=tuple(other for other in range(inside.ndim) if other != axis)))
        window.append(slice(int(places[0]), int(places[-1]) + 1))
    return tuple(window)


def find_other_spacings(spacings_mm: Mapping[str, tuple[float, ...]]) -> list[Finding]:
    """Cases whose spacing differs from that of most: a network needs voxels of one size.

    Args:
        spacings_mm: By name of the case.
    """
    if not spacings_mm:
        return []
    usual = Counter(spacings_mm.values()).most_common(1)[0][0]
    shown = ",".join(f"{edge:g}" for edge in usual)
    findings = []
    for name, spacing_mm in spacings_mm.items():
        is_same = len(spacing_mm) == len(usual) and np.allclose(
            spacing_mm, usual, rtol=10 * SPACING_TOLERANCE, atol=0.0
        )
        if not is_same:
            got = ",".join(f"{edge:g}" for edge in spacing_mm)
            text = f"case '{name}' has spacing [{got}] mm, most have [{shown}]; set data.spacing_mm=[{shown}] for all"
            findings.append(Finding("cases with another spacing", name, text))
    return findings
