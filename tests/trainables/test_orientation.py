"""One image that no turn or mirror leaves as it is goes through loading, training, inference and export."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from monai.bundle.config_parser import ConfigParser
from torch import Tensor, nn

from paretoseg.spaces.architecture import Architecture
from paretoseg.trainables.data.datasets import Case, Dataset
from paretoseg.trainables.data.decathlon import DecathlonConfig
from paretoseg.trainables.evaluation.measuring import predict
from paretoseg.trainables.export.bundle import configure
from paretoseg.trainables.export.proof import _write_nifti, is_asymmetric
from paretoseg.trainables.networks.blueprint import Blueprint
from paretoseg.trainables.training.image_store import DeviceImages, HostImages
from tests.trainables.data_files import write_list, write_picture, write_volume

SHAPE = (18, 22, 26)
TURNED = np.array([[0.0, -2.0, 0.0, 5.0], [0.0, 0.0, 3.0, 6.0], [1.0, 0.0, 0.0, 7.0], [0.0, 0.0, 0.0, 1.0]])
"""Voxel axes point up, to the left and to the front."""


def draw_arrow(shape: tuple[int, ...]) -> np.ndarray:
    """A mask with an arm of another length along every axis: no turn and no mirror leaves it as it is."""
    mask = np.zeros(shape, dtype=np.uint8)
    corner = [4] * len(shape)
    for axis, length in enumerate((5, 8, 12)[: len(shape)]):
        window = [slice(start, start + 2) for start in corner]
        window[axis] = slice(4, 4 + length)
        mask[tuple(window)] = 1
    assert is_asymmetric(mask)
    return mask


def to_image(mask: np.ndarray) -> np.ndarray:
    """Foreground is bright, background dark, and no two neighbours alike."""
    return (mask * 150 + np.arange(mask.size).reshape(mask.shape) % 50).astype(np.uint8)


def write_volumes(root: Path) -> np.ndarray:
    mask = draw_arrow(SHAPE)
    for number in range(3):
        write_volume(root / f"i{number}.nii.gz", to_image(mask) + np.uint8(number), TURNED)
        write_volume(root / f"l{number}.nii.gz", mask, TURNED)
    write_list(root, [{"image": f"i{number}.nii.gz", "label": f"l{number}.nii.gz"} for number in range(3)])
    canonical = nibabel.as_closest_canonical(nibabel.Nifti1Image(mask, TURNED))
    return np.asarray(canonical.dataobj)


def write_pictures(root: Path) -> np.ndarray:
    mask = draw_arrow((20, 30))
    for number in range(3):
        write_picture(root / f"i{number}.png", to_image(mask) + np.uint8(number))
        write_picture(root / f"l{number}.png", mask)
    write_list(root, [{"image": f"i{number}.png", "label": f"l{number}.png"} for number in range(3)])
    return mask


@pytest.fixture(params=[write_volumes, write_pictures])
def dataset(request: pytest.FixtureRequest, tmp_path: Path) -> Dataset:
    write: Callable[[Path], np.ndarray] = request.param
    expected = write(tmp_path / "data")
    dataset = DecathlonConfig(root=str(tmp_path / "data"), cache=str(tmp_path / "cache")).load()
    assert all(np.array_equal(case.label, expected) for case in dataset.all_cases)
    return dataset


def threshold_of(case: Case) -> float:
    """Between background and foreground."""
    inside, outside = case.image[0][case.label > 0], case.image[0][case.label == 0]
    assert inside.min() > outside.max()
    return float(inside.min() + outside.max()) / 2


class Threshold(nn.Module):
    """A network that knows where the foreground is: by intensity."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([self.threshold - images, images - self.threshold], dim=1)


def test_loading_keeps_image_and_label_together(dataset: Dataset) -> None:
    for case in dataset.all_cases:
        assert np.array_equal(case.image[0] > threshold_of(case), case.label > 0)


@pytest.mark.parametrize("store", [HostImages, DeviceImages])
def test_training_patches_are_cut_out_of_image_and_label_alike(dataset: Dataset, store: Any) -> None:
    case = dataset.train[0]
    start = [3] * dataset.spatial_dims
    images, labels = store([case]).cut(torch.tensor([0]), torch.tensor([start]), (12,) * len(start))
    window = tuple(slice(3, 15) for _ in start)
    assert np.array_equal(images[0, 0].numpy(), case.image[0][window])
    assert np.array_equal(labels[0].numpy(), case.label[window])


def test_inference_answers_in_the_axes_of_the_label(dataset: Dataset) -> None:
    case = dataset.test[0]
    mask = predict(Threshold(threshold_of(case)), torch.from_numpy(case.image)[None], (16,) * case.label.ndim).argmax(
        dim=1
    )[0]
    assert np.array_equal(mask.numpy(), case.label)


def test_an_export_reads_what_the_network_was_trained_on(dataset: Dataset, tmp_path: Path) -> None:
    case = dataset.test[0]
    dims = dataset.spatial_dims
    blueprint = Blueprint(Architecture(depth=2), spatial_dims=dims, in_channels=1, num_classes=2, window=(16,) * dims)
    parser = ConfigParser({key: configure(blueprint)[key] for key in ("imports", "intensity_range", "preprocessing")})
    read = parser.get_parsed_content("preprocessing")
    path = tmp_path / "case.nii.gz"
    _write_nifti(case, path, dataset.spacing_mm)
    assert np.array_equal(read({"image": str(path)})["image"].numpy(), case.image)
    if dims == 2:
        pixels = np.round(case.image[0] * 255).astype(np.uint8)
        picture = read({"image": str(write_picture(tmp_path / "case.png", pixels))})["image"].numpy()
        assert np.array_equal(picture[0] / 255 > threshold_of(case), case.label > 0)
