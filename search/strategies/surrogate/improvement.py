"""Expected hypervolume improvement, exact for any number of objectives with independent normal predictions.

The region that nothing known dominates is cut into boxes that do not overlap. In a box with corners l and u, a value y
gains the product over objectives of (u - max(y, l))+, and the expectation of a product of independent factors is the
product of their expectations. Source: Emmerich, Yang, Deutz, Wang and Fonseca, A Multicriteria Generalization of
Bayesian Global Optimization, 2016; for the boxes of three and more objectives, a sweep along the last one.
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy.special import ndtr

_MAX_BOXES = 4000
"""More boxes than this are not cut: the points that add least are left out first."""

_CHUNK = 2_000_000
"""How many numbers are held at once."""


def expect_improvement(means: np.ndarray, deviations: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """The expected hypervolume improvement of points, lower values being better; shape (num_points,).

    Args:
        means: Predicted means, shape (num_points, num_objectives).
        deviations: Predicted standard deviations, above 0, same shape.
        lower: Lower corners of the boxes of `cut_boxes`, shape (num_boxes, num_objectives).
        upper: Their upper corners, same shape.
    """
    result = np.empty(len(means))
    step = max(1, _CHUNK // max(lower.size, 1))
    for start in range(0, len(means), step):
        part = slice(start, start + step)
        centre, spread = means[part, None, :], deviations[part, None, :]
        gains = _expect_excess(upper[None], centre, spread) - _expect_excess(lower[None], centre, spread)
        result[part] = gains.prod(axis=2).sum(axis=1)
    return result


def _expect_excess(limits: np.ndarray, means: np.ndarray, deviations: np.ndarray) -> np.ndarray:
    """E[(limit - Y)+] for normal Y; 0 at a limit of minus infinity."""
    with np.errstate(invalid="ignore"):
        scores = (limits - means) / deviations
        densities = np.exp(-0.5 * scores**2) / np.sqrt(2.0 * np.pi)
        excess = deviations * (np.where(np.isinf(scores), 0.0, scores * ndtr(scores)) + densities)
    return np.where(np.isneginf(limits), 0.0, excess)


def cut_boxes(points: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Boxes that fill, without overlap, what lies below the reference and is dominated by no point.

    Args:
        points: Losses, shape (num_points, num_objectives).
        reference: The worst losses that count, shape (num_objectives,).

    Returns:
        Lower corners (minus infinity where nothing bounds a box) and upper corners, each of shape
        (num_boxes, num_objectives).
    """
    inside = points[(points < reference).all(axis=1)]
    front = np.unique(_keep_nondominated(inside), axis=0) if len(inside) else inside
    num_objectives = len(reference)
    while num_objectives > 2 and len(front) ** (num_objectives - 1) > _MAX_BOXES * num_objectives:
        front = _leave_out_nearest(front)
    corners = _cut(front, reference)
    return np.array([low for low, _ in corners]), np.array([high for _, high in corners])


def _cut(front: np.ndarray, reference: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The boxes by a sweep along the last objective; front and reference of any number of objectives."""
    if len(reference) == 1:
        top = front.min() if len(front) else reference[0]
        return [(np.array([-np.inf]), np.array([min(top, reference[0])]))]
    levels = np.unique(front[:, -1]) if len(front) else np.zeros(0)
    edges = np.concatenate([[-np.inf], levels, reference[-1:]])
    boxes = []
    for bottom, top in itertools.pairwise(edges):
        below = front[front[:, -1] <= bottom][:, :-1]
        for low, high in _cut(_keep_nondominated(below) if len(below) else below, reference[:-1]):
            boxes.append((np.append(low, bottom), np.append(high, top)))
    return boxes


def _keep_nondominated(points: np.ndarray) -> np.ndarray:
    no_worse = (points[:, None, :] <= points[None, :, :]).all(axis=2)
    better = (points[:, None, :] < points[None, :, :]).any(axis=2)
    return points[~(no_worse & better).any(axis=0)]


def _leave_out_nearest(front: np.ndarray) -> np.ndarray:
    """The front without one of the two points that are nearest to each other, scaled by its extent."""
    scaled = (front - front.min(axis=0)) / np.maximum(np.ptp(front, axis=0), 1e-12)
    distances = np.linalg.norm(scaled[:, None] - scaled[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    return np.delete(front, int(np.argmin(distances.min(axis=1))), axis=0)
