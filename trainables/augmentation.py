"""Training transforms, batched on the device: randomness is drawn first, then applied.

None of these families is in the robustness battery (`corruptions.py`): a score on corruptions that were trained on
would measure memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

GAIN = (0.7, 1.3)
"""Factor on intensities, uniform."""

OFFSET = (-0.15, 0.15)
"""Added to intensities, in units of the range [0, 1], uniform."""

LOG_GAMMA = (-0.4, 0.4)
"""Natural logarithm of the exponent on intensities, uniform."""


@dataclass(frozen=True)
class AugmentationDraw:
    """The random numbers for one batch of b patches in d spatial axes."""

    flips: Bool[Tensor, "b d"]
    """Whether to mirror each axis."""

    turns: Int64[Tensor, " b"]
    """Right angles to turn by in the plane of the last two axes, 0 to 3."""

    gains: Float[Tensor, " b"]
    offsets: Float[Tensor, " b"]
    gammas: Float[Tensor, " b"]


def draw_augmentation(num_patches: int, spatial_dims: int, generator: torch.Generator) -> AugmentationDraw:
    """Everything that any augmentation needs, drawn on the CPU: the generator advances alike for all of them."""

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(num_patches, generator=generator)

    return AugmentationDraw(
        flips=torch.rand(num_patches, spatial_dims, generator=generator) < 0.5,
        turns=torch.randint(4, (num_patches,), generator=generator),
        gains=uniform(*GAIN),
        offsets=uniform(*OFFSET),
        gammas=uniform(*LOG_GAMMA).exp(),
    )


def augment(
    images: Float[Tensor, "b c *patch"], labels: Int64[Tensor, "b *patch"], augmentation: str, draw: AugmentationDraw
) -> tuple[Float[Tensor, "b c *patch"], Int64[Tensor, "b *patch"]]:
    """Images in [0, 1] and their labels after the named augmentation.

    Args:
        images: Square or cubic patches with intensities in [0, 1].
        labels: They move along with the image; intensity leaves them alone.
        augmentation: An option of `Recipe.augmentation`.
        draw: From `draw_augmentation` for a batch of this size.
    """
    if augmentation in ("spatial", "spatial_intensity"):
        images, labels = move(images, draw), move(labels, draw)
    if augmentation in ("intensity", "spatial_intensity"):
        images = change_intensity(images, draw)
    return images, labels


def move(batch: Tensor, draw: AugmentationDraw) -> Tensor:
    """The batch, images or labels, flipped and turned; every value stays, only places change."""
    first = batch.ndim - draw.flips.shape[1]
    for axis in range(draw.flips.shape[1]):
        batch = torch.where(_per_item(draw.flips[:, axis], batch), batch.flip(first + axis), batch)
    turned = batch
    for quarter in (1, 2, 3):
        is_turned = _per_item(draw.turns == quarter, batch)
        turned = torch.where(is_turned, torch.rot90(batch, quarter, dims=(-2, -1)), turned)
    return turned


def change_intensity(images: Float[Tensor, "b c *patch"], draw: AugmentationDraw) -> Float[Tensor, "b c *patch"]:
    """clip(gain * image + offset) ** gamma, clipped to [0, 1]."""
    scaled = images * _per_item(draw.gains, images) + _per_item(draw.offsets, images)
    changed: Tensor = scaled.clamp(0.0, 1.0) ** _per_item(draw.gammas, images)
    return changed


def _per_item(values: Tensor, batch: Tensor) -> Tensor:
    """One value per item of a batch, shaped to broadcast over it, on its device."""
    return values.reshape(-1, *[1] * (batch.ndim - 1)).to(batch.device)
