"""The inference of an exported bundle, from image files to mask files.

Copied into the bundle, so it imports only torch and MONAI. A user's mistake raises `SystemExit`: MONAI would wrap any
other error in three of its own, and hide the line that says what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from monai.data.meta_tensor import MetaTensor
from torch import nn

SUFFIXES = (".nii", ".nii.gz", ".npy", ".png")


def list_images(place: str, suffixes: Sequence[str] = SUFFIXES) -> list[str]:
    """The path of the image itself, or the sorted paths of all images in a folder with one of these endings.

    Raises:
        SystemExit: if there are none, or if two of them would get a mask of the same name.
    """
    path = Path(place)
    if path.is_file():
        return [str(path)]
    files = [file for file in sorted(path.glob("*")) if file.name.lower().endswith(tuple(suffixes))]
    if not files:
        raise SystemExit(f"no images ({', '.join(suffixes)}) at '{place}'; give --images FILE or FOLDER")
    stems = [file.name.removesuffix(".gz").rpartition(".")[0] for file in files]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise SystemExit(f"images must have different names, got '{twice[0]}' twice; put them into two folders")
    return [str(file) for file in files]


def segment(
    files: Sequence[str],
    *,
    network: nn.Module,
    preprocessing: Callable[[dict[str, Any]], Any],
    inferer: Callable[..., Any],
    postprocessing: Callable[[dict[str, Any]], Any],
    num_channels: int,
    device: str | torch.device,
) -> list[str]:
    """Segments the images one by one; `postprocessing` writes the masks. Returns the segmented files.

    Raises:
        SystemExit: if an image is not like those of the training.
    """
    network.to(device).eval()
    for file in files:
        item = preprocessing({"image": file})
        image = item["image"]
        check_image(image, file, inferer, num_channels)
        with torch.inference_mode():
            logits = inferer(image.as_tensor()[None].to(device), network)
        # A mask's file has no channel axis, even if the image's file has one.
        meta = dict(image.meta) | {"spatial_shape": tuple(logits.shape[2:]), "original_channel_dim": float("nan")}
        item["pred"] = MetaTensor(logits[0].cpu(), meta=meta)
        postprocessing(item)
    return list(files)


def check_image(image: torch.Tensor, file: str, inferer: Any, num_channels: int) -> None:
    """Raises SystemExit with one line if an image is not like those of the training."""
    if image.ndim - 1 != len(inferer.roi_size):
        raise SystemExit(
            f"'{file}': must have {len(inferer.roi_size)} spatial axes, got shape {tuple(image.shape[1:])}"
        )
    if image.shape[0] != num_channels:
        raise SystemExit(f"'{file}': must have {num_channels} channel(s), got {image.shape[0]}; convert the image")
    low, high = float(image.min()), float(image.max())
    if not (low >= 0.0 and high <= 1.0):
        raise SystemExit(
            f"'{file}': intensities must lie in [0, 1] after scaling, got {low:g}..{high:g}; give the values for 0 and "
            f'1 with --intensity_range "[LOW,HIGH]", such as "[0,255]" for 8-bit pictures'
        )
