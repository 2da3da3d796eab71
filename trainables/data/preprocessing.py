"""Preprocesses cases, from file to network input: orientation, spacing, intensity, crop, in this order. Free of torch.

Images are resampled linearly; labels take the value of the nearest voxel and are never mixed. The image is always
float32 in [0, 1] at the end.

What is measured is the `Original`: the image before it is scaled, and the reference on the file's own grid. A
corruption changes that image, and the changed image is scaled and cropped as a file would be.

Scaling by statistics of the image itself (`percentile`, `zscore`) is right where the unit of intensity is arbitrary and
differs from scan to scan, as in MRI. Where the unit means the same everywhere, use constants: `window` for CT, `range`
for pictures of 8 bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from jaxtyping import Float32, UInt8

from paretoseg.spaces.earlier import BEFORE
from paretoseg.trainables.data.image_files import Raw
from paretoseg.trainables.data.placement import EXACT, STRETCHED, Placement, place

ZSCORE_RANGE = 3.0
"""`zscore` maps this many standard deviations on either side of the mean to [0, 1], and clips the rest."""

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
    """Edge length of a pixel of pictures, and of a voxel of TIFF stacks, whose files do not give it."""

    intensity: str = "auto"
    """An option of `Intensity`."""

    low_percentile: float = 0.5
    high_percentile: float = 99.5
    window: list[float] = field(default_factory=list, hash=False)
    """Intensities that become 0 and 1 with `intensity=window`."""

    resampling: str = field(default=EXACT, metadata={BEFORE: STRETCHED})
    """`exact` resamples before scaling and keeps the spacing; `stretched` is how earlier versions did it."""

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
        if self.resampling not in (EXACT, STRETCHED):
            findings.append(f"data.resampling must be one of {EXACT}, {STRETCHED}, got '{self.resampling}'")
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


class Rescaling(StrEnum):
    """How an image that has changed is scaled to [0, 1]: clipped, or by its own statistics."""

    clip = "clip"
    percentile = "percentile"
    zscore = "zscore"


@dataclass(frozen=True, eq=False)
class Original:
    """A case before it is scaled and cropped, with its reference on the grid of its file: what is measured."""

    image: Float32[np.ndarray, "c *resampled"]
    """Turned, resampled and not clipped. In every channel, 0 and 1 are the ends of the range that the case's own
    scaling maps to [0, 1]; values may lie outside.
    """

    label: UInt8[np.ndarray, "..."]
    """The reference on the file's own grid, turned."""

    placement: Placement
    """Where the prepared image of the unchanged case lies on that grid."""

    rescaling: Rescaling = Rescaling.clip
    percentiles: tuple[float, float] = (0.5, 99.5)
    """What becomes 0 and 1 with `Rescaling.percentile`."""

    is_cropped: bool = False
    """Whether margins in which every channel of the scaled image is 0 are cut off."""

    def rescale(self, image: Float32[np.ndarray, "c *resampled"]) -> Float32[np.ndarray, "c *resampled"]:
        """A changed image in [0, 1], scaled as its file would be; a channel without any contrast becomes 0.

        Args:
            image: In the units of `self.image`.
        """
        if self.rescaling is Rescaling.clip:
            return image.clip(0.0, 1.0)
        scaled = np.zeros_like(image)
        for target, channel in zip(scaled, image, strict=True):
            low, high = _find_statistics(channel, self.rescaling, self.percentiles)
            if high > low:
                target[...] = to_units(channel, low, high).clip(0.0, 1.0)
        return scaled


def prepare(image: Raw, label: UInt8[np.ndarray, "..."], settings: Preprocessing) -> Prepared:
    """A case after preprocessing.

    Args:
        image: Finite, and not constant.
        label: Class of every pixel of the image.
        settings: Valid, without findings.

    Raises:
        ValueError: if the intensities cannot be scaled, or the number of axes does not fit the spacing.
    """
    array, label, placement = turn(image, label, settings)
    scaled = scale_and_resample(array, placement, choose_scaling(image, settings), settings.resampling)
    label = placement.resample_label(label)
    if settings.crop_foreground:
        scaled, label = crop(scaled, label)
    if scaled.min() == scaled.max():
        raise ValueError("the image is constant after scaling; change data.window or data.intensity")
    wanted = tuple(settings.spacing_mm) or placement.spacing_mm
    return Prepared(np.ascontiguousarray(scaled), np.ascontiguousarray(label, dtype=np.uint8), wanted)


def find_original(image: Raw, label: UInt8[np.ndarray, "..."], settings: Preprocessing) -> Original:
    """The case before scaling and cropping; arguments and errors as for `prepare`."""
    array, label, placement = turn(image, label, settings)
    scaling = choose_scaling(image, settings)
    if settings.resampling == STRETCHED:
        units = placement.resample_image(scaling.to_units(array))
    else:
        units = scaling.to_units(_resample(array, placement))
    if settings.crop_foreground:
        scaled = scale_and_resample(array, placement, scaling, settings.resampling)
        placement = placement.cropped_to(find_foreground(scaled))
    return Original(
        np.ascontiguousarray(units),
        np.ascontiguousarray(label, dtype=np.uint8),
        placement,
        Rescaling.clip if scaling.bounds else Rescaling(scaling.kind),
        scaling.percentiles,
        settings.crop_foreground,
    )


def turn(
    image: Raw, label: UInt8[np.ndarray, "..."], settings: Preprocessing
) -> tuple[np.ndarray, UInt8[np.ndarray, "..."], Placement]:
    """Image and label with their axes as wanted, and where the resampled image will lie.

    Raises:
        ValueError: if the number of axes does not fit the spacing.
    """
    array, spacing_mm = image.array, image.spacing_mm or (settings.pixel_mm,) * label.ndim
    if image.affine is not None:
        array, spacing_mm = reorient(array, image.affine, settings.orientation)
        label = reorient(label[np.newaxis], image.affine, settings.orientation)[0][0]
    wanted = tuple(settings.spacing_mm) or spacing_mm
    if len(wanted) != label.ndim:
        raise ValueError(f"data.spacing_mm must have {label.ndim} numbers, got {list(wanted)}")
    return array, label, place(label.shape, spacing_mm, wanted, settings.resampling)


def scale_and_resample(
    array: np.ndarray, placement: Placement, scaling: Scaling, resampling: str
) -> Float32[np.ndarray, "c *resampled"]:
    """The image in [0, 1] on the resampled grid: resampled first, or scaled first with `stretched` resampling."""
    if resampling == STRETCHED:
        return placement.resample_image(scaling.scale(array))
    return scaling.scale(_resample(array, placement))


def _resample(array: np.ndarray, placement: Placement) -> np.ndarray:
    """The image on the resampled grid; in the type of the file if that is its own grid."""
    return placement.resample_image(array) if placement.is_resampled else array


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


def choose_intensity(image: Raw, intensity: str) -> Intensity:
    """The meaning of `auto` for a file: the range for pictures of 8 bit, percentiles for everything else.

    Volumes of 8 bit are rounded scans, so 0 and 255 mean nothing in them.
    """
    if intensity != Intensity.auto:
        return Intensity(intensity)
    is_picture = image.affine is None and image.array.dtype in (np.uint8, np.bool_)
    return Intensity.range if is_picture else Intensity.percentile


@dataclass(frozen=True)
class Scaling:
    """How the intensities of one image are scaled to [0, 1], each channel on its own."""

    kind: Intensity
    percentiles: tuple[float, float]
    """What becomes 0 and 1 with `Intensity.percentile`."""

    bounds: tuple[float, float] | None = None
    """What becomes 0 and 1 if these are constants, in the unit of the file; None for statistics of the image."""

    def scale(self, array: np.ndarray) -> Float32[np.ndarray, "..."]:
        """The image in [0, 1].

        Raises:
            ValueError: if a channel is constant, or is so between the percentiles.
        """
        return self.to_units(array).clip(0.0, 1.0)

    def to_units(self, array: np.ndarray) -> Float32[np.ndarray, "..."]:
        """The image with 0 and 1 at the ends of the range, not clipped; raises as `scale` does."""
        return np.stack([to_units(channel, *self._find_bounds(channel)) for channel in array])

    def _find_bounds(self, channel: np.ndarray) -> tuple[float, float]:
        low, high = self.bounds or _find_statistics(channel, self.kind, self.percentiles)
        if not high > low:
            if self.kind is Intensity.zscore:
                raise ValueError(
                    f"a channel is constant, {low:g} everywhere; use data.intensity=window, or fix the file"
                )
            raise ValueError(
                f"a channel has the same intensity, {low:g}, between the percentiles {self.percentiles[0]:g} and "
                f"{self.percentiles[1]:g}; widen them, or use data.intensity=zscore"
            )
        return low, high


def choose_scaling(image: Raw, settings: Preprocessing) -> Scaling:
    """How a file is scaled.

    Raises:
        ValueError: if `range` is asked for, and the file holds neither unsigned integers nor fractions.
    """
    kind, bounds = choose_intensity(image, settings.intensity), None
    if kind is Intensity.window:
        bounds = (float(settings.window[0]), float(settings.window[1]))
    elif kind is Intensity.range:
        bounds = _range_of(image.array)
    return Scaling(kind, (settings.low_percentile, settings.high_percentile), bounds)


def to_units(channel: np.ndarray, low: float, high: float) -> Float32[np.ndarray, "..."]:
    """A channel with `low` at 0 and `high` at 1, not clipped."""
    if low == 0.0:
        fraction: np.ndarray = channel / np.float32(high)
        return fraction.astype(np.float32, copy=False)
    return ((channel.astype(np.float64) - low) / (high - low)).astype(np.float32)


def _find_statistics(
    channel: np.ndarray, kind: Intensity | Rescaling, percentiles: tuple[float, float]
) -> tuple[float, float]:
    """What becomes 0 and 1 by the statistics of a channel."""
    if kind.value == Intensity.zscore:
        mean, deviation = float(channel.mean(dtype=np.float64)), float(channel.std(dtype=np.float64))
        return mean - ZSCORE_RANGE * deviation, mean + ZSCORE_RANGE * deviation
    low, high = np.percentile(channel, percentiles).tolist()
    return low, high


def _range_of(array: np.ndarray) -> tuple[float, float]:
    if array.dtype.kind == "b":
        return 0.0, 1.0
    if array.dtype.kind == "u":
        return 0.0, float(np.iinfo(array.dtype).max)
    low, high = float(array.min()), float(array.max())
    if not (low >= 0.0 and high <= 1.0):
        raise ValueError(
            f"data.intensity=range needs unsigned integers, or fractions in 0..1, got {array.dtype} in "
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
