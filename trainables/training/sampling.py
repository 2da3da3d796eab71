"""Draws training patches from images of any sizes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from paretoseg.trainables.data.datasets import Case, DataConfig, load_once
from paretoseg.trainables.data.ignored import IGNORED
from paretoseg.trainables.training.image_store import ImageStore, store_images


class ForegroundIndex:
    """Positions of the foreground of some cases, by class; takes four bytes per pixel of foreground."""

    def __init__(self, cases: Sequence[Case]) -> None:
        groups = [_group_by_class(case.label) for case in cases]
        counts = [[len(places) for places in group] for group in groups]
        most = max([1, *map(len, counts)])
        self._num_classes = torch.tensor([len(group) for group in groups])
        self._counts = torch.tensor([[*row, *[0] * (most - len(row))] for row in counts])
        ends = self._counts.flatten().cumsum(dim=0).reshape(self._counts.shape)
        self._offsets = ends - self._counts
        self._places = torch.from_numpy(np.concatenate([np.empty(0, np.int32), *(item for g in groups for item in g)]))
        shapes = torch.tensor([case.label.shape for case in cases])
        self._strides = torch.cat([shapes, torch.ones_like(shapes[:, :1])], dim=1)[:, 1:].flip(1).cumprod(1).flip(1)
        self._shapes = shapes

    def has_foreground(self, cases: Int64[Tensor, " b"]) -> Tensor:
        """Whether each case has foreground, shape (b,)."""
        return self._num_classes[cases] > 0

    def find(self, cases: Int64[Tensor, " b"], which: Float[Tensor, " b"]) -> Int64[Tensor, "b d"]:
        """A random foreground pixel of each case, shape (b, d); arbitrary for a case without foreground.

        All classes of a case are equally likely, and all pixels within a class, so a rare class is seen as often as a
        common one.

        Args:
            cases: Indices of the cases.
            which: float64 in [0, 1), uniform; determines the class and, by its remainder, the pixel.
        """
        if not len(self._places):
            return torch.zeros(len(cases), self._shapes.shape[1], dtype=torch.int64)
        scaled = which * self._num_classes[cases]
        classes = scaled.long()
        counts = self._counts[cases, classes]
        places = self._offsets[cases, classes] + ((scaled - classes) * counts).long()
        flat = self._places[places.clamp(max=len(self._places) - 1)].long()
        return flat[:, None] // self._strides[cases] % self._shapes[cases]


class TrainingCases:
    """The training cases on their device; shared by all trials of a process.

    Args:
        cases: At least one, all with the same number of channels and axes.
        device: Device of the patches.
    """

    def __init__(self, cases: Sequence[Case], device: str = "cpu") -> None:
        self.shapes = torch.tensor([case.label.shape for case in cases])
        self.images: ImageStore = store_images(cases, device)
        self.foreground = ForegroundIndex(cases)


@lru_cache(maxsize=1)
def load_training_cases_once(data: DataConfig, device: str) -> TrainingCases:
    """The training cases of a config on a device; cached, so that a process copies them once, not once per trial."""
    return TrainingCases(load_once(data).train, device)


class PatchSampler:
    """Draws patches of one shape from a set of cases.

    All cases are equally likely. A share of `foreground_ratio` of the patches is centred on a random foreground pixel:
    first a class of the case is drawn, then a pixel of it. The window is shifted if it would not fit into the image.
    The other patches, and those of cases without foreground, are uniformly distributed over the image. Images smaller
    than the patch are padded with zeros (label: background) on both sides.

    Args:
        cases: Where patches come from.
        window: Extents of the patches, in pixels or voxels.
        foreground_ratio: Probability in [0, 1] that a patch is centred on foreground.
        has_fixed_share: Whether this is the share of every batch instead, as in nnU-Net: its last patches are centred.
    """

    def __init__(
        self, cases: TrainingCases, *, window: Sequence[int], foreground_ratio: float, has_fixed_share: bool = False
    ) -> None:
        self._has_fixed_share = has_fixed_share
        self._cases, self._window, self._foreground_ratio = cases, tuple(window), foreground_ratio
        shapes, self._extents = cases.shapes.numpy(), np.array(self._window)
        self._margins = np.maximum(self._extents - shapes, 0) // 2
        self._slack = np.maximum(shapes - self._extents, 0)

    def sample(
        self, num_patches: int, generator: torch.Generator
    ) -> tuple[Float[Tensor, "b c *patch"], Int64[Tensor, "b *patch"]]:
        """Images and labels of random patches, on the device of the cases.

        Args:
            num_patches: Number b of patches.
            generator: On the CPU, so that equal states draw equal patches on every device. It advances by the same
                amount for every `foreground_ratio`, so that candidates stay paired.
        """
        num_dims = self._slack.shape[1]
        cases = torch.randint(len(self._slack), (num_patches,), generator=generator)
        is_centred = torch.rand(num_patches, generator=generator) < self._foreground_ratio
        if self._has_fixed_share:
            is_centred = torch.arange(num_patches) >= round(num_patches * (1.0 - self._foreground_ratio))
        which = torch.rand(num_patches, generator=generator, dtype=torch.float64)
        anywhere = torch.rand(num_patches, num_dims, generator=generator, dtype=torch.float64)
        foreground = self._cases.foreground
        is_centred &= foreground.has_foreground(cases)
        # NumPy arrays from here on: with so few numbers, tensors take several times as long. All starts count from the
        # border of the padded image.
        slack, margins = self._slack[cases.numpy()], self._margins[cases.numpy()]
        centres = foreground.find(cases, which).numpy() + margins
        centred = np.minimum(np.maximum(centres - self._extents // 2, 0), slack)
        random = (anywhere.numpy() * (slack + 1)).astype(np.int64)
        starts = np.where(is_centred.numpy()[:, None], centred, random) - margins
        return self._cases.images.cut(cases, torch.from_numpy(starts), self._window)


def _group_by_class(label: np.ndarray) -> list[np.ndarray]:
    """The flat indices of the pixels of every known foreground class that occurs, in the order of the classes."""
    flat = np.asarray(label).reshape(-1)
    assert flat.size < 2**31, "places are kept in 32 bits"
    foreground = np.flatnonzero(flat).astype(np.int32)
    classes = flat[foreground]
    return [foreground[classes == name] for name in np.unique(classes) if name != IGNORED]
