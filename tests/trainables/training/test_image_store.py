"""Cutting patches: host and device agree with plain slicing of the padded image, also where a window hangs over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.training import image_store
from paretoseg.trainables.training.image_store import DeviceImages, HostImages, store_images


def build_cases(spatial_dims: int, num_channels: int = 2) -> list[Case]:
    draw = np.random.default_rng(0)
    cases = []
    for number, shape in enumerate([(9, 7, 8), (5, 12, 6), (4, 4, 4)]):
        size = shape[:spatial_dims]
        image = draw.random((num_channels, *size), dtype=np.float32)
        cases.append(Case(f"{number}", "here", f"{number}", "train", image, draw.integers(0, 3, size).astype(np.uint8)))
    return cases


def windows(cases: list[Case], extents: list[int], num: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    """Positions of cases, and starts up to half a window outside of them."""
    draw = np.random.default_rng(1)
    which = draw.integers(0, len(cases), num)
    starts = [
        [
            draw.integers(-(edge // 2), max(extent - edge // 2, 1))
            for extent, edge in zip(cases[case].label.shape, extents, strict=True)
        ]
        for case in which
    ]
    return torch.from_numpy(which), torch.tensor(np.array(starts))


@pytest.mark.parametrize("spatial_dims", [2, 3])
@pytest.mark.parametrize("store", [HostImages, DeviceImages])
def test_windows_are_those_of_the_padded_image(store: type[HostImages] | type[DeviceImages], spatial_dims: int) -> None:
    cases, extents = build_cases(spatial_dims), [6, 4, 5][:spatial_dims]
    which, starts = windows(cases, extents)
    images, labels = store(cases).cut(which, starts, extents)
    assert (images.dtype, labels.dtype) == (torch.float32, torch.int64)
    assert images.is_contiguous()
    for item, (case, start) in enumerate(zip(which.tolist(), starts.tolist(), strict=True)):
        image = np.pad(cases[case].image, [(0, 0), *[(6, 6)] * spatial_dims])
        label = np.pad(cases[case].label, 6)
        there = tuple(slice(first + 6, first + 6 + edge) for first, edge in zip(start, extents, strict=True))
        np.testing.assert_array_equal(images[item].numpy(), image[(slice(None), *there)])
        np.testing.assert_array_equal(labels[item].numpy(), label[there])


def test_memory_mapped_images_are_cut_without_being_read_whole(tmp_path: Path) -> None:
    [case, *_] = build_cases(3)
    np.save(tmp_path / "image.npy", case.image)
    np.save(tmp_path / "label.npy", case.label)
    image, label = (np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("image", "label"))
    mapped = Case("mapped", "here", "mapped", "train", image, label)
    which, starts = torch.zeros(3, dtype=torch.int64), torch.tensor([[0, 0, 0], [1, 2, 3], [-2, 0, 5]])
    for store in (HostImages, DeviceImages):
        expected, found = (store(cases).cut(which, starts, (4, 4, 4)) for cases in ([case], [mapped]))
        assert torch.equal(expected[0], found[0])
        assert torch.equal(expected[1], found[1])


def test_a_cpu_keeps_images_where_they_are() -> None:
    assert isinstance(store_images(build_cases(2), "cpu"), HostImages)


def test_a_gpu_takes_them_if_they_fit_into_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[str] = []
    for name in ("HostImages", "DeviceImages"):
        monkeypatch.setattr(image_store, name, lambda cases, device, name=name: chosen.append(name))
    cases = build_cases(2)
    num_bytes = sum(case.image.nbytes + case.label.nbytes for case in cases)
    for free in (4.0 * num_bytes, 3.9 * num_bytes):
        monkeypatch.setattr(image_store, "available_bytes", lambda device, free=free: free)
        image_store.store_images.__wrapped__(cases, "cuda")
    assert chosen == ["DeviceImages", "HostImages"]
