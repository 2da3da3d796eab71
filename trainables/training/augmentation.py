"""Training transforms, batched on the device: random numbers are drawn first, then applied.

`Recipe.mirroring` flips and turns every patch. `Recipe.augmentation` switches on three more kinds, scaled by
`Recipe.augmentation_strength`:

    spatial      rotation and scaling of some patches
    intensity    gain, offset and gamma of every patch
    noise_blur   Gaussian noise on some patches, Gaussian blur of some

Angles and blur are those of the body, not of the array: both count in millimetres, by the edge lengths of a voxel, and
right-angle turns are left to planes whose edges are equal.

The last kind is also in the robustness battery (`trainables/corruptions`). A score on corruptions that a network was
trained on measures what it learned; `paretoseg.spaces.recipe.augmentation_families` lists their families.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional

from paretoseg.spaces.recipe import AUGMENTATIONS, Recipe
from paretoseg.trainables.networks.geometry import EQUAL_EDGES

MAX_GAIN = 0.6
"""Largest distance of the factor on intensities from 1, uniform; this and the following at full strength."""

MAX_OFFSET = 0.3
"""Largest offset of intensities, of the range [0, 1], uniform."""

MAX_LOG_GAMMA = 0.8
"""Largest natural logarithm of the exponent on intensities, uniform."""

MAX_ANGLE = math.pi / 6
"""Largest rotation in radians, uniform; in three dimensions about each axis in turn."""

MAX_LOG_SCALE = 0.4
"""Largest natural logarithm of the magnification, uniform."""

MAX_NOISE = 0.2
"""Largest standard deviation of the noise, of the range [0, 1], uniform."""

MAX_BLUR = 2.0
"""Largest standard deviation of the blur, in pixels (of the shortest edge of a voxel), uniform."""

AFFINE_SHARE, NOISE_SHARE, BLUR_SHARE = 0.25, 0.5, 0.25
"""Shares of the patches that are rotated and scaled, get noise, and are blurred."""

MIN_PIXELS_ONE_BY_ONE = 1024
"""Patch size in pixels from which a CPU flips and turns patches one by one; smaller patches are faster as a batch."""

Plane = tuple[int, int]
"""Two axes, counted from the last."""


@dataclass(frozen=True)
class AugmentationDraw:
    """The random numbers for one batch of b patches in d spatial axes, on the CPU."""

    flips: Bool[Tensor, "b d"]
    """Whether to mirror each axis."""

    turns: Int64[Tensor, " b"]
    """Right angles to turn by in the plane of `find_turning_plane`, 0 to 3."""

    matrices: Float[Tensor, "b d d"]
    """Map positions after rotation and scaling to those before, in millimetres from the patch's centre; identity for
    most patches.
    """

    gains: Float[Tensor, " b"]
    offsets: Float[Tensor, " b"]
    gammas: Float[Tensor, " b"]

    noises: Float[Tensor, " b"]
    """Standard deviation of the noise; 0 for none."""

    noise_seed: int
    """Seed of the noise, which is drawn on the images' device: one number per pixel is too slow to draw on the CPU."""

    blurs: Float[Tensor, " b"]
    """Standard deviation of the blur, in the shortest edge of a voxel; 0 for none."""


def draw_augmentation(
    num_patches: int, spatial_dims: int, strength: float, generator: torch.Generator
) -> AugmentationDraw:
    """The random numbers of all augmentations for one batch.

    The CPU generator advances by the same amount for all kinds and strengths, so that candidates stay paired.

    Args:
        num_patches: Number of patches in the batch.
        spatial_dims: 2 or 3.
        strength: In [0, 1]: scales the ranges of all but flips and right-angle turns.
        generator: Advanced.
    """
    num_angles = 1 if spatial_dims == 2 else 3
    # Draw all numbers at once and compute with NumPy arrays: with so few numbers, tensors take several times as long.
    uniform = iter(torch.rand(spatial_dims + num_angles + 9, num_patches, generator=generator).numpy())

    def spread(reach: float) -> np.ndarray:
        values: np.ndarray = np.float32(strength * reach) * (2 * next(uniform) - 1)
        return values

    def some(reach: float, share: float) -> np.ndarray:
        is_chosen = next(uniform) < share
        values: np.ndarray = np.float32(strength * reach) * next(uniform) * is_chosen
        return values

    return AugmentationDraw(
        flips=torch.from_numpy(np.stack([next(uniform) < 0.5 for _ in range(spatial_dims)], axis=1)),
        turns=torch.randint(4, (num_patches,), generator=generator),
        gains=torch.from_numpy(1 + spread(MAX_GAIN)),
        offsets=torch.from_numpy(spread(MAX_OFFSET)),
        gammas=torch.from_numpy(np.exp(spread(MAX_LOG_GAMMA))),
        matrices=_to_matrices(
            next(uniform) < AFFINE_SHARE,
            np.stack([spread(MAX_ANGLE) for _ in range(num_angles)]),
            spread(MAX_LOG_SCALE),
        ),
        noises=torch.from_numpy(some(MAX_NOISE, NOISE_SHARE)),
        noise_seed=int(torch.randint(2**62, (1,), generator=generator)),
        blurs=torch.from_numpy(some(MAX_BLUR, BLUR_SHARE)),
    )


def augment(
    images: Float[Tensor, "b c *patch"],
    labels: Int64[Tensor, "b *patch"],
    recipe: Recipe,
    draw: AugmentationDraw,
    spacing_mm: Sequence[float],
) -> tuple[Float[Tensor, "b c *patch"], Int64[Tensor, "b *patch"]]:
    """Augmented images in [0, 1] and their labels, as the recipe says.

    Args:
        images: Patches with intensities in [0, 1].
        labels: Moved together with the images.
        recipe: Which kinds to apply; the draw already contains their strength.
        draw: From `draw_augmentation` for a batch of this size.
        spacing_mm: Edge lengths of a voxel, in the order of the axes.
    """
    kinds = AUGMENTATIONS[recipe.augmentation]
    if recipe.mirroring == "on":
        plane = find_turning_plane(spacing_mm, images.shape[2:])
        images, labels = flip_and_turn(images, draw, plane), flip_and_turn(labels, draw, plane)
    if "spatial" in kinds:
        images, labels = rotate_and_scale(images, labels, draw, spacing_mm)
    if "intensity" in kinds:
        images = change_intensity(images, draw)
    if "noise_blur" in kinds:
        images = add_noise(blur(images, draw, spacing_mm), draw)
    return images, labels


def find_turning_plane(spacing_mm: Sequence[float], extents: Sequence[int]) -> Plane | None:
    """The axes, counted from the last, in whose plane right-angle turns keep all shapes; None if there are none.

    Edges of a voxel and of the patch are equal in this plane. Of several, it is that of the last axes.

    Args:
        spacing_mm: Edge lengths of a voxel by axis.
        extents: Of the patch by axis, in voxels.
    """
    planes = ((-2, -1), (-3, -1), (-3, -2))[: 1 if len(spacing_mm) == 2 else 3]
    for one, other in planes:
        is_equal = math.isclose(spacing_mm[one], spacing_mm[other], rel_tol=EQUAL_EDGES)
        if is_equal and extents[one] == extents[other]:
            return one, other
    return None


def flip_and_turn(batch: Tensor, draw: AugmentationDraw, plane: Plane | None = (-2, -1)) -> Tensor:
    """The batch (images or labels) flipped and turned; values do not change, only positions do.

    Args:
        batch: Images or labels.
        draw: For a batch of this size.
        plane: Where to turn; None to flip only.
    """
    num_dims = draw.flips.shape[1]
    if batch.device.type == "cpu" and batch[0].numel() >= MIN_PIXELS_ONE_BY_ONE:
        return _flip_and_turn_each(batch, draw, plane)
    first = batch.ndim - num_dims
    for axis in range(num_dims):
        batch = torch.where(_per_item(draw.flips[:, axis], batch), batch.flip(first + axis), batch)
    if plane is None:
        return batch
    turned = batch
    for quarter in (1, 2, 3):
        is_turned = _per_item(draw.turns == quarter, batch)
        turned = torch.where(is_turned, torch.rot90(batch, quarter, dims=plane), turned)
    return turned


def _flip_and_turn_each(batch: Tensor, draw: AugmentationDraw, plane: Plane | None) -> Tensor:
    """`flip_and_turn` on a CPU: takes array views of one item at a time, so that every value is copied once."""
    moved = torch.empty_like(batch)
    draws = draw.flips.tolist(), (draw.turns if plane else 0 * draw.turns).tolist()
    first, second = plane or (-2, -1)
    for source, target, flips, turns in zip(batch.numpy(), moved.numpy(), *draws, strict=True):
        # A quarter turn is a flip of one axis followed by swapping the two axes.
        flips[second] ^= turns in (1, 2)
        flips[first] ^= turns in (2, 3)
        view = source[(..., *(slice(None, None, -1 if is_flipped else 1) for is_flipped in flips))]
        target[...] = view.swapaxes(first, second) if turns % 2 else view
    return moved


def rotate_and_scale(
    images: Float[Tensor, "b c *patch"],
    labels: Int64[Tensor, "b *patch"],
    draw: AugmentationDraw,
    spacing_mm: Sequence[float],
) -> tuple[Float[Tensor, "b c *patch"], Int64[Tensor, "b *patch"]]:
    """Both under the draw's matrices: images interpolated linearly, labels by nearest; mirrored at the border."""
    num_dims = draw.matrices.shape[1]
    is_identity = (draw.matrices == torch.eye(num_dims)).flatten(1).all(dim=1)
    chosen = (~is_identity).nonzero()[:, 0]
    if not len(chosen):
        return images, labels
    # Torch measures places from -1 to 1 over the patch, in the order x, y, z: the reverse of the axes.
    extents = torch.tensor([extent * edge for extent, edge in zip(images.shape[2:], spacing_mm, strict=True)])
    matrices = draw.matrices[chosen] * (extents / extents[:, None])
    affine = functional.pad(matrices.flip(1, 2), (0, 1)).to(images.device)
    chosen = chosen.to(images.device)
    grid = functional.affine_grid(affine, [len(chosen), 1, *images.shape[2:]], align_corners=False)
    how = {"padding_mode": "reflection", "align_corners": False}
    moved_images = functional.grid_sample(images[chosen], grid, mode="bilinear", **how)  # type: ignore[arg-type]
    moved_labels = functional.grid_sample(labels[chosen, None].float(), grid, mode="nearest", **how)  # type: ignore[arg-type]
    return images.index_copy(0, chosen, moved_images), labels.index_copy(0, chosen, moved_labels[:, 0].long())


def change_intensity(images: Float[Tensor, "b c *patch"], draw: AugmentationDraw) -> Float[Tensor, "b c *patch"]:
    """clip(gain * image + offset) ** gamma, clipped to [0, 1]."""
    changed: Tensor = images * _per_item(draw.gains, images)
    changed = changed.add_(_per_item(draw.offsets, images)).clamp_(0.0, 1.0)
    gammas = _per_item(draw.gammas, images)
    if changed.device.type != "cpu":
        return changed.pow_(gammas)
    # On a CPU, torch's power takes more than twice as long as logarithm and exponential; 0 stays 0.
    return changed if (draw.gammas == 1.0).all() else changed.log_().mul_(gammas).exp_()


def add_noise(images: Float[Tensor, "b c *patch"], draw: AugmentationDraw) -> Float[Tensor, "b c *patch"]:
    """Images plus normal noise, one standard deviation per item, clipped to [0, 1]; equal on devices of one kind."""
    if not draw.noises.any():
        return images
    generator = torch.Generator(images.device).manual_seed(draw.noise_seed)
    normal = torch.randn(images.shape, generator=generator, device=images.device)
    return (images + _per_item(draw.noises, images) * normal).clamp(0.0, 1.0)


def blur(
    images: Float[Tensor, "b c *patch"], draw: AugmentationDraw, spacing_mm: Sequence[float]
) -> Float[Tensor, "b c *patch"]:
    """Convolution with a Gaussian, one standard deviation per item, axis by axis; border pixels are repeated."""
    chosen = draw.blurs.nonzero()[:, 0]
    if not len(chosen):
        return images
    blurred = smooth(images[chosen.to(images.device)], draw.blurs[chosen], spacing_mm)
    return images.index_copy(0, chosen.to(images.device), blurred.clamp(0.0, 1.0))


def smooth(
    images: Float[Tensor, "b c *patch"], widths: Float[Tensor, " b"], spacing_mm: Sequence[float]
) -> Float[Tensor, "b c *patch"]:
    """Convolution with a Gaussian, one standard deviation per item in the shortest edge of a voxel, axis by axis."""
    for axis, edge in enumerate(spacing_mm):
        taps = _gaussian_taps(widths[:, None] * (min(spacing_mm) / edge))
        images = _convolve(images, taps.to(images.device), axis + 2)
    return images


def _gaussian_taps(widths: Float[Tensor, "b 1"]) -> Float[Tensor, "b k"]:
    """The taps of Gaussians of these standard deviations in pixels, cut off at three of the widest."""
    reach = math.ceil(3.0 * float(widths.max()))
    taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / widths) ** 2)
    normalised: Tensor = taps / taps.sum(dim=1, keepdim=True)
    return normalised


def _convolve(
    images: Float[Tensor, "b c *patch"], taps: Float[Tensor, "b k"], axis: int
) -> Float[Tensor, "b c *patch"]:
    """Every image convolved with its own taps along one axis, as a sum of shifted images: faster than a grouped one."""
    extent, reach = images.shape[axis], taps.shape[1] // 2
    places = torch.arange(-reach, extent + reach, device=images.device).clamp(0, extent - 1)
    padded = images.index_select(axis, places)
    total = torch.zeros_like(images)
    for tap in range(taps.shape[1]):
        total.addcmul_(padded.narrow(axis, tap, extent), _per_item(taps[:, tap], images))
    return total


def _to_matrices(is_chosen: np.ndarray, angles: np.ndarray, log_scales: np.ndarray) -> Float[Tensor, "b d d"]:
    """Rotations in the planes of the axes, one after the other, and a scaling; identity where not chosen.

    Args:
        is_chosen: Per patch, whether it is rotated and scaled.
        angles: In radians, shape (planes, patches).
        log_scales: Natural logarithms of the magnification, per patch.
    """
    num_dims = 2 if len(angles) == 1 else 3
    matrices = np.tile(np.eye(num_dims, dtype=np.float32), (len(is_chosen), 1, 1))
    for item in np.flatnonzero(is_chosen):
        for angle, (one, other) in zip(angles[:, item].tolist(), ((-2, -1), (-3, -1), (-3, -2)), strict=False):
            turn = np.eye(num_dims)
            turn[one, one] = turn[other, other] = math.cos(angle)
            turn[one, other], turn[other, one] = math.sin(angle), -math.sin(angle)
            matrices[item] = matrices[item] @ turn
        matrices[item] *= math.exp(-float(log_scales[item]))
    return torch.from_numpy(matrices)


def _per_item(values: Tensor, batch: Tensor) -> Tensor:
    """One value per item of a batch, shaped to broadcast over it, on its device."""
    return values.reshape(-1, *[1] * (batch.ndim - 1)).to(batch.device)
