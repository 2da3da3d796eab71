"""The training transforms of nnU-Net 2, batched on the device: random numbers are drawn first, then applied.

Isensee et al., Nature Methods 18:203-211 (2021); probabilities and ranges are those of nnU-Net 2. Ours differ in two
points. Images are scaled to [0, 1] and not to unit variance, so noise and brightness are relative to the mean and the
standard deviation of a patch's channel. What a rotated patch would see beyond its border is mirrored, where nnU-Net
cuts a larger patch first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from paretoseg.trainables.training.augmentation import AugmentationDraw, flip_and_turn, rotate_and_scale, smooth

_SHARES = np.array([0.2, 0.2, 0.1, 0.2, 0.15, 0.15, 0.25, 0.1, 0.3])
"""Shares of the patches that are rotated, scaled, noisy, blurred, of another brightness, of another contrast, coarse,
and changed by a gamma of the inverted and of the plain image.
"""

SCALES = (0.7, 1.4)
"""Range of the factor on the extents that a patch shows, uniform."""

MOST_VARIANCE = 0.1
"""Largest variance of the noise, relative to that of the channel, uniform."""

BLURS = (0.5, 1.0)
"""Range of the standard deviation of a blur, in voxels, uniform."""

CONTRASTS, GAMMAS = (0.75, 1.25), (0.7, 1.5)
"""Ranges of factors on the distance from the mean, and of exponents; half of them are below 1."""

RESOLUTIONS = (0.5, 1.0)
"""Range of the share of voxels per axis that a coarse channel keeps, uniform."""

CHANNEL_SHARE = 0.5
"""Share of the channels of such a patch that are blurred, or coarse."""

FLAT, OBLONG = 3.0, 1.5
"""Above this ratio of a patch's longest to its shortest edge, volumes move within slices alone, and pictures turn
little.
"""

ANGLE_3D, SMALL_ANGLE = math.radians(30), math.radians(15)
"""Largest angle about each axis of a volume, and of an oblong picture, uniform; others turn to any angle."""

_NUM_MOVES, _PER_CHANNEL = 5, 12
_MODES = {2: "bilinear", 3: "trilinear"}
_LEAST = 1e-7


@dataclass(frozen=True)
class NnunetDraw:
    """The random numbers for one batch of b patches with c channels, on the CPU."""

    moves: AugmentationDraw
    """Flips and matrices; the latter in voxels."""

    noises: Float[Tensor, " b"]
    """Standard deviation of the noise, relative to that of the channel; 0 for none."""

    blurs: Float[Tensor, "b c"]
    """Standard deviation of the blur in voxels; 0 for none."""

    brightness: Float[Tensor, "b c"]
    contrasts: Float[Tensor, "b c"]
    """Factors on the distance from the mean, without and with the range kept; 1 for none."""

    resolutions: Float[Tensor, "b c"]
    """Share of the voxels per axis; 1 for all."""

    inverted_gammas: Float[Tensor, "b c"]
    gammas: Float[Tensor, "b c"]
    """Exponents on the inverted and on the plain image; 1 for none."""


def draw_nnunet(num_patches: int, num_channels: int, extents: Sequence[int], generator: torch.Generator) -> NnunetDraw:
    """The random numbers of all transforms for one batch.

    Args:
        num_patches: Number b of patches in the batch.
        num_channels: Number c of their channels.
        extents: Of the patches by axis, in voxels.
        generator: Advanced.
    """
    is_changed = torch.rand(len(_SHARES), num_patches, generator=generator).numpy() < _SHARES[:, None]
    move, every = (
        torch.rand(*shape, generator=generator).numpy()
        for shape in ((_NUM_MOVES, num_patches), (_PER_CHANNEL, num_patches, num_channels))
    )
    flips = torch.rand(num_patches, len(extents), generator=generator) < 0.5
    is_rotated, is_scaled, is_noisy, is_blurred, is_bright, is_contrasted, is_coarse, is_inverted, is_gamma = is_changed
    scales = np.where(is_scaled, _spread(SCALES, move[3]), 1.0)
    matrices = _to_matrices(np.where(is_rotated, 2 * move[:3] - 1, 0.0), scales, extents)

    def change(is_chosen: np.ndarray, values: np.ndarray, neutral: float = 1.0) -> Tensor:
        return torch.from_numpy(np.where(is_chosen[:, None], values, neutral).astype(np.float32))

    def some(values: np.ndarray, share: np.ndarray, neutral: float) -> np.ndarray:
        return np.where(share < CHANNEL_SHARE, values, neutral)

    return NnunetDraw(
        moves=_to_moves(flips, matrices, int(torch.randint(2**62, (1,), generator=generator))),
        noises=torch.from_numpy(np.where(is_noisy, np.sqrt(MOST_VARIANCE * move[4]), 0.0).astype(np.float32)),
        blurs=change(is_blurred, some(_spread(BLURS, every[0]), every[1], 0.0), 0.0),
        brightness=change(is_bright, _around_one(CONTRASTS, every[2], every[3])),
        contrasts=change(is_contrasted, _around_one(CONTRASTS, every[4], every[5])),
        resolutions=change(is_coarse, some(_spread(RESOLUTIONS, every[6]), every[7], 1.0)),
        inverted_gammas=change(is_inverted, _around_one(GAMMAS, every[8], every[9])),
        gammas=change(is_gamma, _around_one(GAMMAS, every[10], every[11])),
    )


def augment_like_nnunet(
    images: Float[Tensor, "b c *patch"], labels: Int64[Tensor, "b *patch"], draw: NnunetDraw, *, mirrors: bool
) -> tuple[Float[Tensor, "b c *patch"], Int64[Tensor, "b *patch"]]:
    """Augmented images, which may leave [0, 1], and their labels.

    Args:
        images: Patches with intensities in [0, 1].
        labels: Moved together with the images.
        draw: From `draw_nnunet` for a batch of this size.
        mirrors: Whether each axis is flipped in half of the patches.
    """
    images, labels = rotate_and_scale(images, labels, draw.moves, [1.0] * (images.ndim - 2))
    shape, flat = images.shape, find_flat_axis(images.shape[2:])
    images = _add_noise(images, draw)
    channels = images.reshape(-1, 1, *shape[2:])
    channels = _change(channels, draw.blurs, 0.0, lambda some, widths: smooth(some, widths, [1.0] * (some.ndim - 2)))
    channels = _change(channels, draw.brightness, 1.0, _scale)
    channels = _change(channels, draw.contrasts, 1.0, _scale_in_range)
    channels = _change(channels, draw.resolutions, 1.0, lambda some, shares: lower_resolution(some, shares, flat))
    channels = -_change(-channels, draw.inverted_gammas, 1.0, apply_gamma)
    channels = _change(channels, draw.gammas, 1.0, apply_gamma)
    images = channels.reshape(shape)
    if mirrors:
        images, labels = flip_and_turn(images, draw.moves, None), flip_and_turn(labels, draw.moves, None)
    return images, labels


def find_flat_axis(extents: Sequence[int]) -> int | None:
    """The axis along which a patch of a volume is so short that it is moved within slices alone; None without one."""
    if len(extents) < 3 or max(extents) / min(extents) <= FLAT:
        return None
    return min(range(len(extents)), key=lambda axis: extents[axis])


def lower_resolution(
    images: Float[Tensor, "b 1 *patch"], shares: Float[Tensor, " b"], flat: int | None = None
) -> Float[Tensor, "b 1 *patch"]:
    """Images with fewer voxels, by nearest neighbour, and enlarged again, linearly.

    Args:
        images: One channel each.
        shares: Of the voxels per axis that are kept, in (0, 1].
        flat: The axis that keeps all; None for none.
    """
    extents, found = images.shape[2:], []
    for image, share in zip(images, shares.tolist(), strict=True):
        size = [edge if axis == flat else max(round(edge * share), 1) for axis, edge in enumerate(extents)]
        coarse = functional.interpolate(image[None], size=size, mode="nearest-exact")
        found.append(functional.interpolate(coarse, size=tuple(extents), mode=_MODES[len(extents)])[0])
    return torch.stack(found)


def apply_gamma(images: Float[Tensor, "b 1 *patch"], gammas: Float[Tensor, " b"]) -> Float[Tensor, "b 1 *patch"]:
    """Images whose range is raised to a power, with the mean and the standard deviation that they had."""
    mean, std = _moments(images)
    axes = tuple(range(1, images.ndim))
    least, most = images.amin(dim=axes, keepdim=True), images.amax(dim=axes, keepdim=True)
    spread = (most - least).clamp_min(_LEAST)
    changed = ((images - least) / spread) ** _per_item(gammas, images) * spread + least
    new_mean, new_std = _moments(changed)
    kept: Tensor = (changed - new_mean) / new_std.clamp_min(_LEAST) * std + mean
    return kept


def _add_noise(images: Tensor, draw: NnunetDraw) -> Tensor:
    """Images plus normal noise; equal on devices of one kind."""
    if not draw.noises.any():
        return images
    generator = torch.Generator(images.device).manual_seed(draw.moves.noise_seed)
    normal = torch.randn(images.shape, generator=generator, device=images.device)
    std = images.std(dim=tuple(range(2, images.ndim)), keepdim=True, correction=0)
    noisy: Tensor = images + _per_item(draw.noises, images) * std * normal
    return noisy


def _scale(images: Tensor, factors: Tensor) -> Tensor:
    mean, _ = _moments(images)
    scaled: Tensor = mean + (images - mean) * _per_item(factors, images)
    return scaled


def _scale_in_range(images: Tensor, factors: Tensor) -> Tensor:
    axes = tuple(range(1, images.ndim))
    return _scale(images, factors).clamp(images.amin(dim=axes, keepdim=True), images.amax(dim=axes, keepdim=True))


def _moments(images: Tensor) -> tuple[Tensor, Tensor]:
    axes = tuple(range(1, images.ndim))
    return images.mean(dim=axes, keepdim=True), images.std(dim=axes, keepdim=True, correction=0)


def _change(
    channels: Float[Tensor, "n 1 *patch"],
    values: Float[Tensor, "b c"],
    neutral: float,
    change: Callable[[Tensor, Tensor], Tensor],
) -> Float[Tensor, "n 1 *patch"]:
    """The channels, with those changed whose value is not neutral."""
    chosen = (values.flatten() != neutral).nonzero()[:, 0]
    if not len(chosen):
        return channels
    places = chosen.to(channels.device)
    return channels.index_copy(0, places, change(channels[places], values.flatten()[chosen]))


def _spread(ends: tuple[float, float], uniform: np.ndarray) -> np.ndarray:
    return np.asarray(ends[0] + uniform * (ends[1] - ends[0]))


def _around_one(ends: tuple[float, float], side: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Uniform below 1 for one half, and above for the other."""
    return np.where(side < 0.5, _spread((ends[0], 1.0), uniform), _spread((1.0, ends[1]), uniform))


def _to_matrices(turns: np.ndarray, scales: np.ndarray, extents: Sequence[int]) -> Float[Tensor, "b d d"]:
    """Positions after rotation and scaling to those before, in voxels from the patch's centre.

    Args:
        turns: Angles relative to the largest, in [-1, 1], shape (3, patches).
        scales: Factors on the extents that are shown, per patch.
        extents: Of the patch, in voxels.
    """
    dims, flat = len(extents), find_flat_axis(extents)
    axes = [axis for axis in range(dims) if axis != flat]
    planes = [(one, other) for one in axes for other in axes if one < other]
    largest = ANGLE_3D if len(planes) > 1 else math.pi
    if dims == 2 and max(extents) / min(extents) > OBLONG:
        largest = SMALL_ANGLE
    matrices = np.tile(np.eye(dims), (len(scales), 1, 1))
    for matrix, angles, scale in zip(matrices, largest * turns.T, scales, strict=True):
        for angle, (one, other) in zip(angles, planes, strict=False):
            turn = np.eye(dims)
            turn[one, one] = turn[other, other] = math.cos(angle)
            turn[one, other], turn[other, one] = math.sin(angle), -math.sin(angle)
            matrix[:] = matrix @ turn
        matrix[axes] *= scale
    return torch.from_numpy(matrices.astype(np.float32))


def _to_moves(flips: Tensor, matrices: Tensor, noise_seed: int) -> AugmentationDraw:
    none, one = torch.zeros(len(flips)), torch.ones(len(flips))
    turns = torch.zeros(len(flips), dtype=torch.int64)
    return AugmentationDraw(flips, turns, matrices, one, none, one, none, noise_seed, none)


def _per_item(values: Tensor, batch: Tensor) -> Tensor:
    """One value per item of a batch, shaped to broadcast over it, on its device."""
    return values.reshape(-1, *[1] * (batch.ndim - 1)).to(batch.device)
