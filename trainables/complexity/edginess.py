"""How irregular a shape is, compared with a disc or ball of its size. Free of torch.

The inverse of the isoperimetric quotient: perimeter^2 / (4 pi area) in two dimensions, surface^3 / (36 pi volume^2) in
three. It is 1 for a disc or a ball, at least 1 for every shape, has no unit, and does not change with size.

Outlines come from marching squares and surfaces from marching cubes. Both run on the signed distance to the mask's
boundary, in millimetres, smoothed by half a pixel along each axis. On the mask itself, whose pixel steps are cut at 45
degrees, a disc would measure 1.1 and a ball 1.3; with smoothing, it is 1.06 for a disc and 1.12 for a ball. Area and
volume are those of the outlines, not counts of pixels, so that no shape, however small, is below 1.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float

SMOOTHING_PIXELS = 0.5
"""Standard deviation along each axis, in pixels; lines that are one pixel wide remain."""


def find_edginess(mask: Bool[np.ndarray, "..."], spacing_mm: tuple[float, ...]) -> float:
    """The mean over connected objects, weighted by their size; 1 for discs and balls, higher is more irregular.

    Objects are connected across edges of pixels or faces of voxels. The outlines of holes count too. An object that
    reaches the border of the image is closed there.

    Args:
        mask: With two or three axes, not empty.
        spacing_mm: In the order of the axes.
    """
    from scipy import ndimage  # late, as below: composing a config does not need it

    measure = _measure_flat if mask.ndim == 2 else _measure_solid
    numbers, _ = ndimage.label(mask)
    total, weighted = 0, 0.0
    for number, window in enumerate(ndimage.find_objects(numbers), start=1):
        piece = numbers[window] == number
        size = int(piece.sum())
        total += size
        weighted += size * measure(_find_depth_mm(np.pad(piece, 2), spacing_mm), spacing_mm)
    return weighted / total


def _find_depth_mm(piece: Bool[np.ndarray, "*spatial"], spacing_mm: tuple[float, ...]) -> Float[np.ndarray, "*spatial"]:
    """The signed distance to the object's boundary in mm, smoothed; positive inside, negative outside."""
    from scipy import ndimage

    inward, outward = (ndimage.distance_transform_edt(side, sampling=spacing_mm) for side in (piece, ~piece))
    depth: np.ndarray = inward - outward
    smooth: np.ndarray = ndimage.gaussian_filter(depth, SMOOTHING_PIXELS)
    # Smoothing would remove a single voxel.
    return smooth if smooth.max() > 0.0 else depth


def _measure_flat(depth: Float[np.ndarray, "h w"], spacing_mm: tuple[float, ...]) -> float:
    from skimage.measure import find_contours

    perimeter, area = 0.0, 0.0
    for outline in find_contours(depth, 0.0):
        points = outline * np.asarray(spacing_mm)
        perimeter += float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
        rows, columns = points.T
        # Signed, because outlines of holes have the opposite orientation.
        area += float(np.sum(rows[:-1] * columns[1:] - rows[1:] * columns[:-1])) / 2.0
    return perimeter**2 / (4.0 * math.pi * abs(area))


def _measure_solid(depth: Float[np.ndarray, "d h w"], spacing_mm: tuple[float, ...]) -> float:
    from skimage.measure import marching_cubes, mesh_surface_area

    corners, faces, _, _ = marching_cubes(depth.astype(np.float32), 0.0, spacing=spacing_mm)
    first, second, third = (corners[faces[:, index]].astype(np.float64) for index in range(3))
    volume = float(np.einsum("ij,ij->", first, np.cross(second, third))) / 6.0
    return float(mesh_surface_area(corners, faces)) ** 3 / (36.0 * math.pi * volume**2)
