"""Small datasets on disk for the tests of data that lies in files."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
from PIL import Image

LABELS = {"0": "background", "1": "organ"}


def draw_picture(seed: int, shape: tuple[int, ...] = (20, 30)) -> np.ndarray:
    """Grey values of 8 bit; another seed gives another picture."""
    return np.random.default_rng(seed).integers(0, 256, size=shape, dtype=np.uint8)


def draw_mask(shape: tuple[int, ...] = (20, 30), value: int = 1) -> np.ndarray:
    """A block of the value that is not in the middle, in background."""
    mask = np.zeros(shape, dtype=np.uint8)
    mask[tuple(slice(2, extent // 2) for extent in shape)] = value
    return mask


def write_picture(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def write_volume(path: Path, array: np.ndarray, affine: np.ndarray | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4) if affine is None else affine), path)
    return path


def write_list(root: Path, cases: list[dict[str, str]], **changes: object) -> Path:
    """Writes `dataset.json`; returns the root."""
    content: dict[str, object] = {"name": "mine", "modality": {"0": "MRI"}, "labels": LABELS, "training": cases}
    root.mkdir(parents=True, exist_ok=True)
    (root / "dataset.json").write_text(json.dumps(content | changes))
    return root


def write_pictures(root: Path, count: int = 5, **extra: list[str]) -> list[dict[str, str]]:
    """So many pictures with masks; `extra` gives further fields of each case. Returns the list, and writes it."""
    cases = []
    for number in range(count):
        write_picture(root / "images" / f"c{number}.png", draw_picture(number))
        write_picture(root / "masks" / f"c{number}.png", draw_mask())
        case = {"image": f"./images/c{number}.png", "label": f"./masks/c{number}.png"}
        cases.append(case | {key: values[number] for key, values in extra.items()})
    write_list(root, cases)
    return cases


def write_volumes(root: Path, count: int = 5, shape: tuple[int, int, int] = (8, 10, 12)) -> list[dict[str, str]]:
    """So many volumes with labels. Returns the list, and writes it."""
    cases = []
    for number in range(count):
        volume = draw_picture(number, shape).astype(np.int16) * 7 - 300
        write_volume(root / "imagesTr" / f"v{number}.nii.gz", volume)
        write_volume(root / "labelsTr" / f"v{number}.nii.gz", draw_mask(shape))
        cases.append({"image": f"./imagesTr/v{number}.nii.gz", "label": f"./labelsTr/v{number}.nii.gz"})
    write_list(root, cases)
    return cases
