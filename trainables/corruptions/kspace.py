"""Corruptions of k-space, the Fourier transform that an MRI scanner measures line by line.

A change of whole lines acts along one axis of the image only, so it is a matrix along that axis. The image is the real
part, as in TorchIO (Perez-Garcia et al., Comput Methods Programs Biomed 2021). All channels are changed alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import permutations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from paretoseg.trainables.corruptions.axis_maps import apply_along
from paretoseg.trainables.corruptions.draws import Generators, Images, draw_directions, draw_integers, draw_uniform
from paretoseg.trainables.corruptions.plane_maps import from_planes, rotate_and_shift, to_planes

GHOST_EVERY = 4
"""In `ghosting`, one line of this number is weaker; this number of copies of the image appears."""

NUM_MOVES = 3
"""Poses in `motion`, apart from the one in which the centre of k-space is measured."""

UNEVENNESS = 0.3
"""Largest deviation of the time of a move in `motion`, as a share of the time between moves."""

SPIKE_FREQUENCIES = (0.1, 0.35)
"""Position of the spike of `kspace_spike`, in cycles per pixel."""


def ghosting(images: Images, strength: float, generators: Generators) -> Images:
    """Faint copies along one axis, as from breathing and pulsation: every fourth line of k-space is weaker.

    The lines are counted from the central one, which is unchanged. The strength is the share of the signal that the
    others lose; every axis is equally likely.
    """
    matrices = [line_filter(_weaken_lines(size, strength)) for size in images.shape[2:]]
    axes = draw_integers(generators, images.ndim - 2)
    ghosts = [apply_along(images[[place]], matrices[axis], axis) for place, axis in enumerate(axes)]
    return torch.cat(ghosts)


def motion(images: Images, strength: float, generators: Generators, spacing_mm: Sequence[float]) -> Images:
    """The patient moves three times: k-space is composed of four poses, one after the other along one axis.

    Each pose is a rotation and a shift in a plane, in any direction; the pose in which the centre of k-space is
    measured is that of the label. The strength is the rotation in degrees, and the shift in percent of the edge. Every
    plane and axis is equally likely. Rotations are those of the body: `spacing_mm` has the edge lengths of voxels.
    """
    planes = list(permutations(range(images.ndim - 2), 2))
    chosen = draw_integers(generators, len(planes))
    drawn = draw_uniform(generators, 3, NUM_MOVES)
    still = [
        _move(images[[place]], planes[plane], strength, numbers, spacing_mm)
        for place, (plane, numbers) in enumerate(zip(chosen, drawn, strict=True))
    ]
    return torch.cat(still)


def kspace_spike(images: Images, strength: float, generators: Generators) -> Images:
    """Stripes over the whole image, as from an electric discharge: a single value of k-space is far too high.

    The strength is the added value relative to the highest value of k-space, which is the sum of a channel clipped to
    [0, 1].
    """
    size = images.shape[2:]
    low, high = SPIKE_FREQUENCIES
    cycles_per_pixel = draw_directions(generators, len(size)) * (low + (high - low) * draw_uniform(generators, 1))
    spikes = (cycles_per_pixel * torch.tensor(size)).round()
    return add_waves(images, spikes, strength)


def gibbs_ringing(images: Images, strength: float, generators: Generators) -> Images:
    """Ripples near edges, as from too few measured lines: high frequencies are cut off.

    The strength is the share of the radius of k-space, up to its corner in 2D, that is lost. In 3D the corners are
    farther out, so even a strength of 0 loses them.
    """
    size = images.shape[2:]
    squares = [torch.fft.fftfreq(extent, device=images.device) ** 2 for extent in size[:-1]]
    squares.append(torch.fft.rfftfreq(size[-1], device=images.device) ** 2)
    distance = squares[0]
    for more in squares[1:]:
        distance = distance[..., None] + more
    is_kept = distance <= (1.0 - strength) ** 2 / 2
    # One by one: the bits of a transform depend on the batch size.
    rippled = [
        torch.fft.irfftn(torch.fft.rfftn(one, dim=_axes(one)) * is_kept, s=size, dim=_axes(one)) for one in images
    ]
    return torch.stack(rippled)


def line_filter(gains: Float[Tensor, " n"]) -> Float[Tensor, "n n"]:
    """The matrix that multiplies every frequency along an axis by its gain and takes the real part.

    Args:
        gains: In the order of the Fourier transform, the constant first.
    """
    response = torch.fft.ifft(gains).real
    places = torch.arange(len(gains))
    matrix: Tensor = response[(places[:, None] - places) % len(gains)]
    return matrix


def add_waves(images: Images, spikes: Float[Tensor, "b axes"], strength: float) -> Images:
    """The images plus the waves of single spikes: cosines whose height is the strength times a channel's mean.

    The mean is that of the image clipped to [0, 1], so that it is not negative and outliers do not raise it.

    Args:
        images: In units of their range; within it, the highest value of k-space is their sum.
        spikes: Position in k-space, in whole cycles along each axis.
        strength: Height of the spike, relative to the highest value of k-space.
    """
    angles = [
        spikes[:, axis, None].to(images) * torch.arange(extent, device=images.device) * (2.0 * math.pi / extent)
        for axis, extent in enumerate(images.shape[2:])
    ]
    rest = angles[1]
    for more in angles[2:]:
        rest = (rest[:, :, None] + more[:, None]).flatten(1)
    heights = strength * images.clamp(0.0, 1.0).flatten(2).mean(dim=2)
    left = torch.stack((angles[0].cos(), -angles[0].sin()), dim=2)[:, None] * heights[:, :, None, None]
    right = torch.stack((rest.cos(), rest.sin()), dim=1)[:, None].expand(-1, images.shape[1], -1, -1)
    rows = images.reshape(-1, *left.shape[2:3], rest.shape[1])
    return torch.baddbmm(rows, left.flatten(0, 1), right.flatten(0, 1)).reshape(images.shape)


def _axes(image: Tensor) -> tuple[int, ...]:
    """The spatial axes of one image of several channels."""
    return tuple(range(1, image.ndim))


def _weaken_lines(size: int, share: float) -> Float[Tensor, " n"]:
    """The gain of every line of k-space, the constant first: every fourth line from it is weaker, itself excepted."""
    cycles = torch.fft.fftfreq(size, 1 / size).round().long()
    gains = torch.where(cycles % GHOST_EVERY == 0, 1.0 - share, 1.0)
    gains[0] = 1.0
    return gains


def _move(
    image: Images,
    plane: tuple[int, int],
    strength: float,
    drawn: Float[Tensor, "3 moves"],
    spacing_mm: Sequence[float],
) -> Images:
    """One image whose k-space is measured in several poses, line by line along the first axis of the plane."""
    flat = to_planes(image, plane)
    edges = torch.tensor(flat.shape[-2:])
    angles = torch.where(drawn[0] < 0.5, -1.0, 1.0) * math.radians(strength)
    sides = 2.0 * math.pi * drawn[1]
    shifts = strength / 100 * edges * torch.stack((sides.sin(), sides.cos()), dim=1)
    spacing = (spacing_mm[plane[0]], spacing_mm[plane[1]])
    moved = rotate_and_shift(flat.expand(NUM_MOVES, -1, -1, -1), angles, shifts, spacing=spacing)
    times = (torch.arange(1, NUM_MOVES + 1) + UNEVENNESS * (2.0 * drawn[2] - 1.0)) / (NUM_MOVES + 1)
    num_lines = flat.shape[-2]
    middle = int((find_first_lines(times, num_lines) <= num_lines // 2).sum())
    poses = torch.cat((moved[:middle], flat, moved[middle:]))
    return from_planes(combine_poses(poses, times)[None], plane, tuple(image.shape))


def combine_poses(
    poses: Float[Tensor, "poses slices p q"], times: Float[Tensor, " moves"]
) -> Float[Tensor, "slices p q"]:
    """The image of a k-space whose lines along the planes' first axis are measured in one pose after the other.

    Args:
        poses: The image in each pose.
        times: The start of each pose but the first, as shares of all lines.
    """
    filters = torch.stack([line_filter(gains) for gains in select_lines(times, poses.shape[2])]).to(poses)
    return filters.movedim(0, 1).flatten(1) @ poses.movedim(0, 1).flatten(1, 2)


def find_first_lines(times: Float[Tensor, " moves"], num_lines: int) -> Int64[Tensor, " moves"]:
    """The first line of k-space after every move, counted from its edge; line `num_lines // 2` is the centre."""
    return (times * num_lines).long()


def select_lines(times: Float[Tensor, " moves"], num_lines: int) -> Float[Tensor, "poses n"]:
    """Which lines of k-space each pose measures, 0 or 1, the constant first; times are shares in [0, 1]."""
    ends = [0, *find_first_lines(times, num_lines).tolist(), num_lines]
    gains = torch.zeros(len(ends) - 1, num_lines)
    for row, start, end in zip(gains, ends, ends[1:], strict=False):
        row[start:end] = 1.0
    in_order: Tensor = torch.fft.ifftshift(gains, dim=1)
    return in_order
