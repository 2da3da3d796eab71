"""Brings the output of a network back to the grid of the file: probabilities first, classes last.

Part of exported bundles, so that a bundle's masks are those that were scored. Nearest neighbours of a finished mask
would lose up to half a voxel at every border; interpolated probabilities do not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from paretoseg.trainables.data.placement import Placement

VOXELS_PER_SLAB = 2**23
"""Voxels of the file's grid that are restored at once: bounds the memory for volumes of any size."""

_NEVER = -1e4
"""The logit of a class that cannot be where the image was cut off: its probability is exactly 0 in float32."""

_FLOATS_PER_VOXEL = 6
"""Numbers per voxel of a slab that are in memory at the same time: steps of interpolation, best share, mask."""


_BYTES_OF_ARGMAX = 9
"""Bytes per voxel where nothing is interpolated: torch finds the largest logit as 64 bits, and the mask has 8."""


def restore_mask(
    logits: Float[Tensor, "classes *prepared"],
    placement: Placement,
    voxels_per_slab: int = VOXELS_PER_SLAB,
    order: Sequence[int] | None = None,
) -> UInt8[Tensor, "*file"]:
    """The class of every voxel of the file's grid, turned as the prepared image is.

    The probabilities (softmax over classes) are interpolated linearly, one class after the other, in slabs along the
    first axis; of two equal ones, the lower class wins. What was cropped is background.

    If classes overlap, each has a probability of its own (sigmoid). Those above .5 are painted one over the other.

    Args:
        logits: Of the prepared image, at most 256 classes; of the foreground classes alone if they overlap.
        placement: Where the prepared image lies.
        voxels_per_slab: How many voxels are restored at once; the result does not depend on it.
        order: The classes in the order in which they are painted, if they overlap; else None.
    """
    if not placement.is_resampled:
        mask = logits.argmax(dim=0).to(torch.uint8) if order is None else _paint(logits > 0.0, order)
        return _paste(mask, placement)
    whole = _add_margins(logits, placement, order)
    places = [torch.from_numpy(placement.find_places(axis)).to(logits.device) for axis in range(len(placement.shape))]
    rows = max(1, voxels_per_slab // math.prod(placement.shape[1:]))
    slabs = [
        _restore_slab(whole, [places[0][start : start + rows], *places[1:]], order)
        for start in range(0, placement.shape[0], rows)
    ]
    return torch.cat(slabs)


def restore_probabilities(
    logits: Float[Tensor, "classes *prepared"], placement: Placement, order: Sequence[int] | None = None
) -> Float[Tensor, "classes *file"]:
    """The probabilities of which `restore_mask` makes a mask; needs memory for all classes at once."""
    places = [torch.from_numpy(placement.find_places(axis)).to(logits.device) for axis in range(len(placement.shape))]
    shares = _to_probabilities(_add_margins(logits, placement, order), order)
    return torch.stack([_interpolate(share, places) for share in shares])


def count_restoring_bytes(placement: Placement, num_classes: int) -> int:
    """The memory that restoring takes at its peak, in bytes, beside the logits themselves."""
    if not placement.is_resampled:
        return _BYTES_OF_ARGMAX * math.prod(placement.shape)
    slab = min(max(VOXELS_PER_SLAB, math.prod(placement.shape[1:])), math.prod(placement.shape))
    margins = num_classes * math.prod(placement.resampled_shape) * placement.is_cropped
    shares = num_classes * min(slab * math.prod(1.0 / step for step in placement.steps) * 2, math.prod(placement.shape))
    return round(4 * (margins + shares + _FLOATS_PER_VOXEL * slab)) + math.prod(placement.shape)


def _paste(mask: UInt8[Tensor, "*prepared"], placement: Placement) -> UInt8[Tensor, "*resampled"]:
    if not placement.is_cropped:
        return mask
    whole = torch.zeros(placement.resampled_shape, dtype=mask.dtype, device=mask.device)
    whole[placement.slices] = mask
    return whole


def _paint(is_inside: Bool[Tensor, "classes *spatial"], order: Sequence[int]) -> UInt8[Tensor, "*spatial"]:
    """The mask in which overlapping classes are painted one over the other."""
    mask = torch.zeros(is_inside.shape[1:], dtype=torch.uint8, device=is_inside.device)
    for index in order:
        mask[is_inside[index - 1]] = index
    return mask


def _to_probabilities(logits: Tensor, order: Sequence[int] | None) -> Tensor:
    return logits.float().softmax(dim=0) if order is None else logits.float().sigmoid()


def _add_margins(logits: Tensor, placement: Placement, order: Sequence[int] | None) -> Tensor:
    """The logits before cropping: background where the image was cut off."""
    if not placement.is_cropped:
        return logits
    whole = torch.full((len(logits), *placement.resampled_shape), _NEVER, dtype=logits.dtype, device=logits.device)
    if order is None:
        whole[0] = 0.0
    whole[(slice(None), *placement.slices)] = logits
    return whole


def _restore_slab(logits: Tensor, places: list[Tensor], order: Sequence[int] | None) -> UInt8[Tensor, "*slab"]:
    first = int(places[0].min())
    last = min(int(places[0].max()) + 1, logits.shape[1] - 1)
    shares = _to_probabilities(logits[:, first : last + 1], order)
    near = [places[0] - first, *places[1:]]
    if order is not None:
        return _paint(torch.stack([_interpolate(share, near) > 0.5 for share in shares]), order)
    best = _interpolate(shares[0], near)
    mask = torch.zeros(best.shape, dtype=torch.uint8, device=logits.device)
    for index in range(1, len(shares)):
        share = _interpolate(shares[index], near)
        mask[share > best] = index
        best = torch.maximum(best, share)
    return mask


def _interpolate(volume: Float[Tensor, "*prepared"], places: list[Tensor]) -> Float[Tensor, "*file"]:
    """The volume at the positions along each axis, linearly."""
    for axis, positions in enumerate(places):
        below = positions.floor().long()
        above = (below + 1).clamp(max=volume.shape[axis] - 1)
        shape = [1] * volume.ndim
        shape[axis] = -1
        weights = (positions - below).to(volume.dtype).reshape(shape)
        volume = torch.lerp(volume.index_select(axis, below), volume.index_select(axis, above), weights)
    return volume
