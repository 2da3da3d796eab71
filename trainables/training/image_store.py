"""Keeps training images and cuts patches out of them, on the host or on the GPU.

On the host, only patches are copied, so arrays may be memory-mapped and larger than the memory. On a GPU, if they fit,
all images are in one flat array and a batch of patches is one gather. Otherwise patches are copied from the host
through pinned memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.training.memory import available_bytes

DEVICE_SHARE = 0.25
"""Largest share of a GPU's free memory that images may take; the rest is for training."""


@runtime_checkable
class ImageStore(Protocol):
    """The images of some cases, from which patches can be cut."""

    def cut(
        self, cases: Int64[Tensor, " b"], starts: Int64[Tensor, "b d"], window: Sequence[int]
    ) -> tuple[Float[Tensor, "b c *patch"], Int64[Tensor, "b *patch"]]:
        """Images and labels of the windows that start at `starts`, on the store's device.

        Args:
            cases: Position of each window's case among the cases of the store, on the CPU.
            starts: First pixel of each window, on the CPU. Windows may extend beyond the image: images are 0 and labels
                background there.
            window: Extents of the windows, in pixels.
        """
        ...


def store_images(cases: Sequence[Case], device: str = "cpu") -> ImageStore:
    """The store that suits the device and the size of the images."""
    num_bytes = sum(case.image.nbytes + case.label.nbytes for case in cases)
    if torch.device(device).type == "cpu" or num_bytes > DEVICE_SHARE * available_bytes(device):
        return HostImages(cases, device)
    return DeviceImages(cases, device)


class HostImages:
    """Images as host arrays, not copied; patches are copied one by one, row by row."""

    def __init__(self, cases: Sequence[Case], device: str = "cpu") -> None:
        self._cases, self._device = tuple(cases), torch.device(device)
        self._is_remote = self._device.type != "cpu"

    def cut(
        self, cases: Int64[Tensor, " b"], starts: Int64[Tensor, "b d"], window: Sequence[int]
    ) -> tuple[Float[Tensor, "b c *patch"], Int64[Tensor, "b *patch"]]:
        """See `ImageStore`. Copies whole rows of pixels: on a CPU several times as fast as a gather."""
        num_patches = len(starts)
        num_channels = self._cases[0].image.shape[0]
        images = torch.zeros(num_patches, num_channels, *window, pin_memory=self._is_remote)
        labels = torch.zeros(num_patches, *window, dtype=torch.uint8, pin_memory=self._is_remote)
        image_rows, label_rows = images.numpy(), labels.numpy()
        for position, (index, start) in enumerate(zip(cases.tolist(), starts.tolist(), strict=True)):
            case = self._cases[index]
            ends = [first + edge for first, edge in zip(start, window, strict=True)]
            if min(start) >= 0 and all(end <= extent for end, extent in zip(ends, case.label.shape, strict=True)):
                inside = tuple(map(slice, start, ends))
                image_rows[position], label_rows[position] = case.image[(slice(None), *inside)], case.label[inside]
                continue
            source = tuple(slice(max(first, 0), max(end, 0)) for first, end in zip(start, ends, strict=True))
            found = case.label[source]
            target = tuple(
                slice(max(-first, 0), max(-first, 0) + n) for first, n in zip(start, found.shape, strict=True)
            )
            image_rows[position][(slice(None), *target)] = case.image[(slice(None), *source)]
            label_rows[position][target] = found
        images = images.to(self._device, non_blocking=True)
        return images, labels.to(self._device, non_blocking=True).long()


class DeviceImages:
    """Images on the device, all cases in one flat array, so that patches of different images are one gather."""

    def __init__(self, cases: Sequence[Case], device: str = "cpu") -> None:
        self._device = torch.device(device)
        channels = cases[0].image.shape[0]
        shapes = torch.tensor([case.label.shape for case in cases])
        num_pixels = shapes.prod(dim=1)
        self._pixels = torch.empty(channels, int(num_pixels.sum()), device=self._device)
        self._labels = torch.empty(int(num_pixels.sum()), dtype=torch.uint8, device=self._device)
        self._shapes = shapes.to(self._device)
        self._offsets = (num_pixels.cumsum(dim=0) - num_pixels).to(self._device)
        # One case at a time, so that the host never holds a second copy of all cases.
        for case, end, extent in zip(cases, num_pixels.cumsum(dim=0).tolist(), num_pixels.tolist(), strict=True):
            self._pixels[:, end - extent : end] = torch.from_numpy(np.array(case.image)).reshape(channels, -1)
            self._labels[end - extent : end] = torch.from_numpy(np.array(case.label)).reshape(-1)

    def cut(
        self, cases: Int64[Tensor, " b"], starts: Int64[Tensor, "b d"], window: Sequence[int]
    ) -> tuple[Float[Tensor, "b c *patch"], Int64[Tensor, "b *patch"]]:
        """See `ImageStore`."""
        num_patches, num_dims = starts.shape
        cases, starts = cases.to(self._device), starts.to(self._device)
        shapes = self._shapes[cases]
        index = self._offsets[cases].reshape(-1, *[1] * num_dims)
        is_inside = torch.ones(1, *[1] * num_dims, dtype=torch.bool, device=self._device)
        for axis in range(num_dims):
            view = [num_patches] + [1] * num_dims
            view[axis + 1] = window[axis]
            places = starts[:, axis, None] + torch.arange(window[axis], device=self._device)
            last = shapes[:, axis, None] - 1
            is_inside = is_inside & ((places >= 0) & (places <= last)).reshape(view)
            stride = shapes[:, axis + 1 :].prod(dim=1)[:, None]
            index = index + (places.clamp(min=0).minimum(last) * stride).reshape(view)
        images = self._pixels[:, index].transpose(0, 1) * is_inside[:, None]
        return images.contiguous(), (self._labels[index] * is_inside).long()
