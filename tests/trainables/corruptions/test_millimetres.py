"""Geometry is that of the body: in millimetres, on the grid of the image and on that of the label."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from paretoseg.trainables.corruptions import geometry, kspace
from paretoseg.trainables.corruptions.blur import _path
from paretoseg.trainables.corruptions.grids import Grids, take_nearest
from paretoseg.trainables.corruptions.table import CORRUPTIONS, case_generator, corrupt
from paretoseg.trainables.severities.levels import LEVELS

MOVING = sorted(name for name, levels in LEVELS.items() if levels.moves_labels)
Size = tuple[int, ...]
Edges = tuple[float, ...]
THICK = (0.7, 0.7, 5.0)


def generators(name: str, num: int) -> list[torch.Generator]:
    return [case_generator(f"case {number}", name, 0) for number in range(num)]


def draw(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def turn(array: np.ndarray, plane: tuple[int, int], angle: float, edges: tuple[float, ...], order: int) -> np.ndarray:
    """Turned by SciPy about the centre, by a matrix in millimetres."""
    matrix = np.eye(array.ndim)
    one, other = plane
    matrix[one, one] = matrix[other, other] = math.cos(angle)
    matrix[one, other], matrix[other, one] = -math.sin(angle), math.sin(angle)
    matrix = np.diag(1 / np.array(edges)) @ matrix @ np.diag(edges)
    middle = (np.array(array.shape) - 1) / 2
    return ndimage.affine_transform(array, matrix, middle - matrix @ middle, order=order, mode="reflect")


@pytest.mark.parametrize(
    ("size", "edges", "label_size", "label_edges"),
    [
        ((40, 30), (1.0, 2.5), (40, 30), (1.0, 2.5)),
        ((32, 30, 10), THICK, (32, 30, 10), THICK),
        ((32, 30, 10), THICK, (50, 21, 25), (0.45, 1.0, 2.0)),
    ],
)
def test_a_rotation_is_that_of_scipy_in_millimetres(
    size: Size, edges: Edges, label_size: Size, label_edges: Edges
) -> None:
    images, num = draw(1, 1, *size).expand(12, *[-1] * (1 + len(size))), 12
    labels = (draw(1, *label_size) > 0.5).to(torch.uint8).expand(num, *label_size)
    after, moved = corrupt(images, labels, "rotation", 27.0, generators("rotation", num), Grids(edges, label_edges))
    planes = list(itertools.combinations(range(len(size)), 2))
    expected = {
        (plane, sign): (
            turn(images[0, 0].double().numpy(), plane, sign * math.radians(27.0), edges, 1),
            turn(labels[0].numpy(), plane, sign * math.radians(27.0), label_edges, 0),
        )
        for plane in planes
        for sign in (-1, 1)
    }
    found = set()
    for image, label in zip(after, moved, strict=True):
        errors = {key: np.abs(image[0].numpy() - there).max() for key, (there, _) in expected.items()}
        nearest = min(errors, key=lambda key: errors[key])
        assert errors[nearest] < 1e-3
        assert (label.numpy() != expected[nearest][1]).mean() < 0.01
        found.add(nearest)
    assert {plane for plane, _ in found} == set(planes)


def smooth(shape: tuple[int, ...], edges: tuple[float, ...]) -> torch.Tensor:
    """A smooth function of the place in millimetres from the centre."""
    places = [(torch.arange(extent) - (extent - 1) / 2) * edge for extent, edge in zip(shape, edges, strict=True)]
    grids = torch.meshgrid(places, indexing="ij")
    waves = [torch.sin(part / (3.0 + axis) + axis) for axis, part in enumerate(grids)]
    return 0.5 + sum(waves) / (2 * len(waves))


@pytest.mark.parametrize("name", MOVING)
@pytest.mark.parametrize(
    ("size", "edges", "label_size", "label_edges"),
    [((40, 44), (1.0, 0.7), (61, 31), (0.66, 1.0)), ((30, 32, 20), (1.0, 1.0, 1.5), (44, 27, 31), (0.68, 1.2, 0.97))],
)
def test_a_label_on_another_grid_moves_as_the_image_does(
    name: str, size: Size, edges: Edges, label_size: Size, label_edges: Edges
) -> None:
    image = smooth(size, edges)[None, None]
    label = (smooth(label_size, label_edges) > 0.5).to(torch.uint8)[None]
    strength = LEVELS[name].values[2]
    after, moved = corrupt(image, label, name, strength, generators(name, 1), Grids(edges, label_edges))
    assert moved.shape == label.shape
    # The image at the places of the label's pixels, where both are well inside.
    places = [
        (np.arange(extent) - (extent - 1) / 2) * label_edge / edge + (before - 1) / 2
        for extent, label_edge, edge, before in zip(label_size, label_edges, edges, size, strict=True)
    ]
    seen = ndimage.map_coordinates(after[0, 0].numpy(), np.meshgrid(*places, indexing="ij"), order=1, mode="nearest")
    inside = tuple(slice(extent // 4, -(extent // 4)) for extent in label_size)
    assert (moved[0].numpy()[inside] == (seen > 0.5)[inside]).mean() > 0.97
    assert (moved != label)[(0, *inside)].float().mean() > 0.01


@pytest.mark.parametrize("name", MOVING)
def test_a_label_of_twice_the_pixels_moves_as_one_of_the_image_s_grid(name: str) -> None:
    image, label = draw(3, 1, 32, 32), (smooth((32, 32), (1.0, 1.0)) > 0.5).to(torch.uint8)
    fine = label.repeat_interleave(2, 0).repeat_interleave(2, 1)
    strength = LEVELS[name].values[3]
    _, coarse_moved = corrupt(image, label.expand(3, -1, -1), name, strength, generators(name, 3))
    grids = Grids((1.0, 1.0), (0.5, 0.5))
    _, fine_moved = corrupt(image, fine.expand(3, -1, -1), name, strength, generators(name, 3), grids)
    assert (fine_moved[:, ::2, ::2] == coarse_moved).float().mean() > 0.93


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("size", [(24, 20), (16, 18, 14)])
def test_the_length_of_an_edge_does_not_matter_if_all_are_equal(name: str, size: tuple[int, ...]) -> None:
    images = draw(3, 1, *size)
    labels = (images[:, 0] > 0.5).to(torch.uint8)
    found = [
        corrupt(images, labels, name, LEVELS[name].values[3], generators(name, 3), grids)
        for grids in (None, Grids((3.0,) * len(size), (3.0,) * len(size)))
    ]
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])


def test_gaussian_blur_is_equally_wide_in_millimetres_along_all_axes() -> None:
    image = draw(1, 1, 20, 24, 10)
    grids = Grids((0.7, 1.0, 2.5), (0.7, 1.0, 2.5))
    ours, _ = corrupt(
        image, torch.zeros(1, 20, 24, 10).byte(), "gaussian_blur", 2.0, generators("gaussian_blur", 1), grids
    )
    widths = [2.0, 2.0 * 0.7, 2.0 * 0.7 / 2.5]
    there = ndimage.gaussian_filter(image[0, 0].numpy(), widths, mode="nearest", truncate=4.0)
    assert ours[0, 0].numpy() == pytest.approx(there, abs=1e-4)


@pytest.mark.parametrize(("edges", "still"), [((0.7, 5.0, 0.7), 1), ((0.7, 0.7, 5.0), 2), ((1.0, 1.0, 1.0), 0)])
def test_a_stage_moves_in_the_plane_of_the_finest_axes(edges: tuple[float, ...], still: int) -> None:
    for axis in range(3):
        shape = [1, 1, 1, 1, 1]
        shape[axis + 2] = 24
        image = draw(*shape).expand(4, 1, 24, 24, 24)
        labels = torch.zeros(4, 24, 24, 24, dtype=torch.uint8)
        after, _ = corrupt(image, labels, "motion_blur", 6.0, generators("motion_blur", 4), Grids(edges, edges))
        assert torch.allclose(after, image, atol=1e-5) == (axis == still)


@pytest.mark.parametrize("angle", [0.3, math.pi / 4, 2.0])
def test_a_path_is_straight_and_has_its_length_in_millimetres(angle: float) -> None:
    edges = torch.tensor([1.0, 2.0])
    kernel, places = _path(9.0, angle, 6, (1.0, 0.5)).double(), torch.arange(-6.0, 7.0)
    spreads = torch.stack(
        [(kernel.sum(1) * (places * edges[0]) ** 2).sum(), (kernel.sum(0) * (places * edges[1]) ** 2).sum()]
    )
    expected = 9.0**2 / 12 * torch.tensor([math.sin(angle) ** 2, math.cos(angle) ** 2])
    # Dealing points out to pixels adds up to a quarter of a squared edge.
    assert (spreads >= expected - 1e-6).all()
    assert (spreads <= expected + edges**2 / 4 + 1e-6).all()
    covariance = (kernel * torch.outer(places * edges[0], places * edges[1])).sum().item()
    assert covariance == pytest.approx(9.0**2 / 12 * math.sin(angle) * math.cos(angle), rel=0.03)


def test_the_poses_of_motion_are_turned_in_millimetres(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, rotate = [], kspace.rotate_and_shift

    def record(*args: torch.Tensor, spacing: tuple[float, float]) -> torch.Tensor:
        seen.append((tuple(args[0].shape[-2:]), spacing))
        return rotate(*args, spacing=spacing)

    monkeypatch.setattr(kspace, "rotate_and_shift", record)
    size, edges = (12, 14, 16), (1.0, 2.0, 3.0)
    corrupt(
        draw(30, 1, *size), torch.zeros(30, *size).byte(), "motion", 5.0, generators("motion", 30), Grids(edges, edges)
    )
    of_extent = dict(zip(size, edges, strict=True))
    assert len({extents for extents, _ in seen}) == 6
    assert all(spacing == tuple(of_extent[extent] for extent in extents) for extents, spacing in seen)


@pytest.mark.parametrize("name", ["translation", "elastic_deformation", "scaling", "bias_field"])
def test_what_counts_in_shares_of_the_edge_does_not_depend_on_the_spacing(name: str) -> None:
    image, labels = draw(4, 1, 20, 24, 18), (draw(4, 20, 24, 18) > 0.5).to(torch.uint8)
    strength = LEVELS[name].values[2]
    unit = corrupt(image, labels, name, strength, generators(name, 4))
    thick = corrupt(image, labels, name, strength, generators(name, 4), Grids(THICK, THICK))
    assert torch.equal(unit[0], thick[0])
    assert torch.equal(unit[1], thick[1])


def test_labels_of_another_grid_are_taken_at_the_pixels_of_the_image() -> None:
    labels = torch.arange(9, dtype=torch.uint8).reshape(1, 1, 9)
    found = take_nearest(labels, Grids((1.0, 3.0), (1.0, 1.0)), (2, 3))
    assert found[0].tolist() == [[1, 4, 7], [1, 4, 7]]


def test_the_leaking_blur_reads_a_label_of_another_grid() -> None:
    image, name = draw(1, 1, 32, 32), "legacy_leaking_blur"
    label = torch.zeros(1, 64, 96, dtype=torch.uint8)
    label[:, 16:48, 24:72] = 1
    after, same = corrupt(image, label, name, 3.0, generators(name, 1), Grids((1.5, 3.0), (0.75, 1.0)))
    assert same is label
    is_same = (after == image)[0, 0]
    assert is_same[8:24, 8:24].all()
    assert is_same.float().mean() == pytest.approx(0.25, abs=0.02)


def test_labels_are_deformed_in_slabs_that_do_not_change_them_and_bound_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels = (3 * draw(2, 31, 40, 22)).to(torch.uint8)
    arguments = draw(2, 1, 20, 20, 20), labels, "elastic_deformation", 0.08
    grids = Grids((1.5,) * 3, (1.0, 0.75, 1.4))
    whole = corrupt(*arguments, generators("elastic_deformation", 2), grids)[1]
    sizes: list[torch.Size] = []
    plain = geometry._sample
    monkeypatch.setattr(
        geometry, "_sample", lambda images, grid, mode: (sizes.append(grid.shape[1:-1]), plain(images, grid, mode))[1]
    )
    monkeypatch.setattr(geometry, "LABEL_VOXELS_AT_ONCE", 5 * 40 * 22)
    slabs = corrupt(*arguments, generators("elastic_deformation", 2), grids)[1]
    assert torch.equal(slabs, whole)
    assert [tuple(size) for size in sizes] == [(20, 20, 20), *[(5, 40, 22)] * 6, (1, 40, 22)]
