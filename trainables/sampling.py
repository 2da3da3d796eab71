"""Training patches, cut in one gather on the device, however the sizes of the images differ."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from trainables.datasets import Case


class PatchSampler:
    """Draws square or cubic patches from a set of cases.

    A share of `foreground_ratio` of the patches is centred on a random foreground pixel of its case, as far as the
    window then fits into the image; the others lie anywhere with equal probability, as do the patches of a case without
    foreground. Every case is equally likely. Images smaller than the patch are padded with zeros (label: background) on
    both sides.

    Args:
        cases: At least one, all with the same number of channels and axes.
        patch: Edge of the patches, in pixels or voxels.
        foreground_ratio: Probability in [0, 1] that a patch is centred on foreground.
        device: Where the images are kept and the patches are made.
    """

    def __init__(self, cases: Sequence[Case], *, patch: int, foreground_ratio: float, device: str = "cpu") -> None:
        padded = [_pad(case, patch) for case in cases]
        self._patch, self._foreground_ratio, self._device = patch, foreground_ratio, torch.device(device)
        channels = padded[0][0].shape[0]
        # All pixels of all cases stand in one row, so that patches of different images are one gather.
        self._pixels = torch.from_numpy(np.concatenate([image.reshape(channels, -1) for image, _ in padded], axis=1))
        self._pixels = self._pixels.to(self._device)
        self._labels = torch.from_numpy(np.concatenate([label.reshape(-1) for _, label in padded])).to(self._device)
        shapes = torch.tensor([label.shape for _, label in padded])
        self._shapes = shapes
        self._offsets = _starts(shapes.prod(dim=1))
        foreground = [torch.from_numpy(np.argwhere(label)) for _, label in padded]
        self._foreground = torch.cat(foreground)
        self._foreground_counts = torch.tensor([len(places) for places in foreground])
        self._foreground_offsets = _starts(self._foreground_counts)

    def sample(
        self, num_patches: int, generator: torch.Generator
    ) -> tuple[Float[Tensor, "b c *patch"], Int64[Tensor, "b *patch"]]:
        """Images and labels of so many patches, on the sampler's device.

        Args:
            num_patches: How many.
            generator: Lives on the CPU, whatever the device: equal states draw equal patches everywhere. It is advanced
                alike for every `foreground_ratio`, so that candidates stay paired.
        """
        num_dims = self._shapes.shape[1]
        cases = torch.randint(len(self._shapes), (num_patches,), generator=generator)
        is_centred = torch.rand(num_patches, generator=generator) < self._foreground_ratio
        which = torch.rand(num_patches, generator=generator, dtype=torch.float64)
        anywhere = torch.rand(num_patches, num_dims, generator=generator, dtype=torch.float64)
        slack = self._shapes[cases] - self._patch
        starts = (anywhere * (slack + 1)).long()
        counts = self._foreground_counts[cases]
        is_centred &= counts > 0
        places = (self._foreground_offsets[cases] + (which * counts).long()).clamp(max=len(self._foreground) - 1)
        if len(self._foreground):
            centred = (self._foreground[places] - self._patch // 2).clamp(min=0).minimum(slack)
            starts = torch.where(is_centred[:, None], centred, starts)
        return self._gather(cases, starts)

    def _gather(
        self, cases: Int64[Tensor, " b"], starts: Int64[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b c *patch"], Int64[Tensor, "b *patch"]]:
        num_patches, num_dims = starts.shape
        shapes = self._shapes[cases]
        index = self._offsets[cases].reshape(-1, *[1] * num_dims)
        for axis in range(num_dims):
            stride = shapes[:, axis + 1 :].prod(dim=1)
            steps = (starts[:, axis, None] + torch.arange(self._patch)) * stride[:, None]
            view = [num_patches] + [1] * num_dims
            view[axis + 1] = self._patch
            index = index + steps.reshape(view)
        index = index.to(self._device)
        return self._pixels[:, index].transpose(0, 1).contiguous(), self._labels[index].long()


def _starts(counts: Int64[Tensor, " n"]) -> Int64[Tensor, " n"]:
    """Where each group begins when groups of these sizes stand in a row."""
    return counts.cumsum(dim=0) - counts


def _pad(case: Case, patch: int) -> tuple[np.ndarray, np.ndarray]:
    missing = [max(patch - extent, 0) for extent in case.label.shape]
    margins = [(math.floor(lack / 2), math.ceil(lack / 2)) for lack in missing]
    return np.pad(case.image, [(0, 0), *margins]), np.pad(case.label, margins)
