"""Small datasets in the raw format of nnU-Net v2, in every kind of file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import SimpleITK
import tifffile
from PIL import Image

from tests.trainables.data_files import draw_mask, draw_picture

SHAPE = (8, 10, 12)
AFFINE = np.array([[-1.5, 0, 0, 30.0], [0, 0, 2.0, -20.0], [0, 0.8, 0, 10.0], [0, 0, 0, 1.0]])
"""Axes point to the left, up and to the front; edges of 1.5, 0.8 and 2 mm."""

SPACING_MM = (1.5, 0.8, 2.0)


def write_image(path: Path, array: np.ndarray, affine: np.ndarray | None = None) -> Path:
    """Writes an array with axes x, y, z (a picture: height, width) in the format of the path's ending.

    Of a TIFF stack, the array's axes are those of the file, and its spacing is written beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    affine = AFFINE if affine is None else affine
    if path.name.endswith((".nii", ".nii.gz")):
        nibabel.save(nibabel.Nifti1Image(array, affine), path)
    elif path.suffix in (".nrrd", ".mha", ".mhd"):
        image = SimpleITK.GetImageFromArray(np.ascontiguousarray(array.transpose(2, 1, 0)))
        lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
        edges = np.linalg.norm(lps[:3, :3], axis=0)
        image.SetSpacing(edges.tolist())
        image.SetOrigin(lps[:3, 3].tolist())
        image.SetDirection((lps[:3, :3] / edges).flatten().tolist())
        SimpleITK.WriteImage(image, str(path), useCompression=path.suffix != ".mhd")
    elif path.suffix in (".tif", ".tiff"):
        tifffile.imwrite(path, array, photometric="rgb" if array.shape[-1] == 3 else "minisblack")
    else:
        Image.fromarray(array).save(path)
    return path


def write_spacing(root: Path, case: str, spacing: Sequence[float] = SPACING_MM) -> None:
    for folder in ("imagesTr", "labelsTr"):
        (root / folder / f"{case}.json").write_text(json.dumps({"spacing": list(spacing)}))


def write_nnunet(
    root: Path,
    ending: str = ".nii.gz",
    *,
    count: int = 3,
    channels: int = 1,
    shape: tuple[int, ...] = SHAPE,
    masks: Sequence[np.ndarray] = (),
    **changes: Any,
) -> Path:
    """Writes so many cases, `c0` and on, and `dataset.json` with the changes; returns the root."""
    for number in range(count):
        for channel in range(channels):
            image = draw_picture(10 * number + channel, shape)
            image = image if ending in (".png", ".tif", ".bmp") else image.astype(np.int16) * 7 - 300
            write_image(root / "imagesTr" / f"c{number}_{channel:04d}{ending}", image)
        label = masks[number] if masks else draw_mask(shape[:2] if ending in (".png", ".bmp") else shape)
        write_image(root / "labelsTr" / f"c{number}{ending}", label)
        if ending == ".tif" and len(shape) == 3:
            write_spacing(root, f"c{number}")
    content = {
        "channel_names": {str(number): f"MRI {number}" for number in range(channels)},
        "labels": {"background": 0, "organ": 1},
        "numTraining": count,
        "file_ending": ending,
    }
    (root / "dataset.json").write_text(json.dumps(content | changes))
    return root
