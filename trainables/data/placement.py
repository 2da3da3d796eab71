"""Where a prepared image lies on the grid of its file. Free of torch; part of exported bundles.

Both grids have parallel axes and the same centre. They differ in the edges of their voxels, and the prepared image may
be cropped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Real, UInt8

from paretoseg.trainables.data.ignored import IGNORED

SPACING_TOLERANCE = 1e-3
"""Largest relative difference of spacings without resampling."""

EXACT, STRETCHED = "exact", "stretched"
"""Resampling that keeps the wanted spacing, and one that stretches voxels so that they fill the field of view."""


@dataclass(frozen=True)
class Placement:
    """The position of a prepared image on the grid of its file, whose axes were turned as `data.orientation` says."""

    shape: tuple[int, ...]
    """Voxels of the file along every axis."""

    spacing_mm: tuple[float, ...]
    """Edges of a voxel of the file."""

    resampled_shape: tuple[int, ...]
    """Voxels along every axis after resampling, before cropping."""

    steps: tuple[float, ...]
    """Edges of a voxel of the file, in edges of a resampled voxel."""

    window: tuple[tuple[int, int], ...]
    """Start and end of what is left after cropping, on the resampled grid."""

    @property
    def resampled_mm(self) -> tuple[float, ...]:
        """Edges of a resampled voxel."""
        return tuple(edge / step for edge, step in zip(self.spacing_mm, self.steps, strict=True))

    @property
    def is_resampled(self) -> bool:
        """Whether the resampled grid is another one than that of the file."""
        return self.shape != self.resampled_shape or any(step != 1.0 for step in self.steps)

    @property
    def is_cropped(self) -> bool:
        """Whether margins were cut off."""
        return self.window != tuple((0, extent) for extent in self.resampled_shape)

    @property
    def slices(self) -> tuple[slice, ...]:
        """The window as slices."""
        return tuple(slice(start, end) for start, end in self.window)

    def cropped_to(self, window: Sequence[slice]) -> Placement:
        """The same placement with another window."""
        return replace(self, window=tuple((int(part.start), int(part.stop)) for part in window))

    def find_places(self, axis: int) -> Float[np.ndarray, " voxels"]:
        """The positions of the file's voxels along an axis, in voxels of the resampled grid; clamped to its ends."""
        extent, resampled = self.shape[axis], self.resampled_shape[axis]
        places = (np.arange(extent) - (extent - 1) / 2) * self.steps[axis] + (resampled - 1) / 2
        clamped: np.ndarray = places.clip(0.0, resampled - 1.0)
        return clamped

    def resample_image(self, channels: Real[np.ndarray, "c *file"]) -> Float[np.ndarray, "c *resampled"]:
        """Every channel on the resampled grid, interpolated linearly; the border's values are repeated."""
        return np.stack([self._resample(channel.astype(np.float32, copy=False), order=1) for channel in channels])

    def resample_label(self, label: UInt8[np.ndarray, "*file"]) -> UInt8[np.ndarray, "*resampled"]:
        """The label on the resampled grid: the class of the nearest voxel."""
        return self._resample(label, order=0)

    def _resample(self, array: np.ndarray, order: int) -> np.ndarray:
        from scipy import ndimage

        if not self.is_resampled:
            return array
        fills_view = tuple(new / old for new, old in zip(self.resampled_shape, self.shape, strict=True))
        if self.steps == fills_view:
            stretched: np.ndarray = ndimage.zoom(array, fills_view, order=order, mode="nearest", grid_mode=True)
            return stretched
        steps = [1.0 / step for step in self.steps]
        offsets = [
            (extent - 1) / 2 - step * (resampled - 1) / 2
            for extent, resampled, step in zip(self.shape, self.resampled_shape, steps, strict=True)
        ]
        resampled: np.ndarray = ndimage.affine_transform(
            array, steps, offsets, output_shape=self.resampled_shape, order=order, mode="nearest"
        )
        return resampled


def place(
    shape: Sequence[int], spacing_mm: Sequence[float], wanted: Sequence[float], resampling: str = EXACT
) -> Placement:
    """The placement of an image that is resampled to a wanted spacing and not cropped.

    The number of voxels is rounded. With `exact` resampling the voxels have the wanted edges, and the field of view
    grows or shrinks by less than one of them; with `stretched` resampling the field of view stays, and the voxels are
    stretched.
    """
    shape, spacing_mm = tuple(shape), tuple(map(float, spacing_mm))
    resampled, steps = shape, (1.0,) * len(shape)
    if not np.allclose(wanted, spacing_mm, rtol=SPACING_TOLERANCE, atol=0.0):
        edges = list(zip(shape, spacing_mm, wanted, strict=True))
        resampled = tuple(max(round(extent * old / new), 1) for extent, old, new in edges)
        steps = tuple(float(old / new) for _, old, new in edges)
        if resampling == STRETCHED:
            steps = tuple(new / old for new, old in zip(resampled, shape, strict=True))
    return Placement(shape, spacing_mm, resampled, steps, tuple((0, extent) for extent in resampled))


def measure_round_trip(label: UInt8[np.ndarray, "*file"], placement: Placement, num_classes: int) -> float:
    """The mean Dice over foreground classes that a perfect network reaches on the grid of the file, 0 to 1.

    The reference, one class after the other, is interpolated linearly to the resampled grid and back; the class with
    the largest share wins. What is lost is the cost of the grid. Classes that the label lacks do not count; 1 if it is
    empty.
    """
    best = np.full(label.shape, -1.0, dtype=np.float32)
    mask = np.zeros_like(label)
    for index in range(num_classes):
        share = _restore(placement.resample_image((label == index)[None].astype(np.float32))[0], placement)
        is_better = share > best
        mask[is_better], best[is_better] = index, share[is_better]
    mask[label == IGNORED] = IGNORED
    scores = [_overlap(mask == index, label == index) for index in range(1, num_classes) if (label == index).any()]
    return math.fsum(scores) / len(scores) if scores else 1.0


def _restore(array: np.ndarray, placement: Placement) -> np.ndarray:
    """An array of the resampled grid on that of the file, interpolated linearly axis by axis."""
    for axis in range(array.ndim):
        places = placement.find_places(axis)
        below = places.astype(np.int64)
        above = np.minimum(below + 1, array.shape[axis] - 1)
        weights = (places - below).astype(np.float32).reshape([-1 if one == axis else 1 for one in range(array.ndim)])
        array = array.take(below, axis) * (1 - weights) + array.take(above, axis) * weights
    return array


def _overlap(mask: np.ndarray, other: np.ndarray) -> float:
    return 2.0 * int((mask & other).sum()) / int(mask.sum() + other.sum())
