"""MONAI's data pipeline for training on patches, as its documentation has it: the peer of our sampler."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from monai.data import CacheDataset, DataLoader
from monai.transforms import (
    Compose,
    EnsureTyped,
    RandCropByPosNegLabeld,
    RandFlipd,
    RandScaleIntensityd,
    RandShiftIntensityd,
)
from torch import Tensor

from paretoseg.trainables.data.datasets import Case

CROPS_PER_CASE = 4
"""Patches that MONAI's crop takes from a case at a time, as in its spleen tutorial."""


def prepare_monai_batches(
    cases: Sequence[Case], patch: int, *, batch_size: int, device: str
) -> Callable[[], tuple[Tensor, Tensor]]:
    """A function that gives the next batch, images and labels, on the device."""
    spatial_dims = cases[0].label.ndim
    keys = ["image", "label"]
    size = [patch] * spatial_dims
    transform = Compose(
        [
            EnsureTyped(keys=keys),
            RandCropByPosNegLabeld(
                keys=keys, label_key="label", spatial_size=size, pos=1, neg=1, num_samples=CROPS_PER_CASE
            ),
            *[RandFlipd(keys=keys, prob=0.5, spatial_axis=axis) for axis in range(spatial_dims)],
            RandScaleIntensityd(keys="image", factors=0.3, prob=1.0),
            RandShiftIntensityd(keys="image", offsets=0.15, prob=1.0),
        ]
    )
    transform.set_random_state(seed=0)
    items = [{"image": case.image, "label": case.label[None]} for case in cases]
    dataset = CacheDataset(items, transform, cache_rate=1.0, progress=False)
    loader = DataLoader(
        dataset,
        batch_size=max(batch_size // CROPS_PER_CASE, 1),
        shuffle=True,
        num_workers=8 if device != "cpu" else 0,
        pin_memory=device != "cpu",
        persistent_workers=device != "cpu",
    )
    batches = _repeat(loader)

    def draw_batch() -> tuple[Tensor, Tensor]:
        batch = next(batches)
        images = batch["image"].as_tensor().to(device, non_blocking=True)
        labels = batch["label"].as_tensor().to(device, non_blocking=True)
        return images, labels[:, 0].long()

    return draw_batch


def _repeat(loader: DataLoader) -> Iterator[dict[str, Tensor]]:
    while True:
        yield from loader
