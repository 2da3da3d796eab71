"""The time of a measurement relative to training, estimated from windows before a search starts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from paretoseg.trainables.data.datasets import Case, Dataset
from paretoseg.trainables.evaluation.measuring import measure, predict
from paretoseg.trainables.scoring.battery import Battery
from paretoseg.trainables.scoring.battery_share import count_measured, describe_predicted_shares, predict_share
from paretoseg.trainables.scoring.measures import Scoring
from paretoseg.trainables.scoring.windows import count_windows
from paretoseg.trainables.trainable import Split


class CountingNetwork(nn.Module):
    """Counts the windows and the pixels that it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.num_windows, self.num_pixels = 0, 0

    def forward(self, images: Tensor) -> Tensor:
        self.num_windows += len(images)
        self.num_pixels += images[:, 0].numel()
        return torch.cat((1 - images, images), dim=1)


@pytest.mark.parametrize(
    ("shape", "patch"),
    [((9, 5), 1), ((16, 16), 16), ((17, 40), 8), ((40, 61), 16), ((100, 33), 25), ((20, 30, 40), 16), ((9, 40, 8), 11)],
)
def test_windows_are_counted_as_monai_cuts_them(shape: tuple[int, ...], patch: int) -> None:
    network = CountingNetwork()
    window = tuple(patch + axis for axis in range(len(shape)))
    predict(network, torch.rand(1, 1, *shape), window)
    assert network.num_windows == count_windows(shape, window)


def build_case(name: str, split: str, extent: int) -> Case:
    label = np.zeros((extent, extent), np.uint8)
    label[4:12, 4:12] = 1
    image = (0.25 + 0.5 * label[np.newaxis]).astype(np.float32)
    return Case(name, "elsewhere" if extent == 48 else "here", name, split, image, label)


def build_dataset() -> Dataset:
    return Dataset(
        name="squares",
        train=[build_case("t", "train", 32)],
        validation=[build_case(f"v{index}", Split.VALIDATION, 32) for index in range(5)],
        test=[build_case("e", Split.TEST, 32)],
        shift={"far": [build_case(f"f{index}", (Split.VALIDATION, Split.TEST)[index % 2], 48) for index in range(6)]},
        spacing_mm=(1.0, 1.0),
        num_channels=1,
        class_names=("background", "square"),
    )


@pytest.mark.parametrize("num_cases", [0, 2])
def test_the_share_counts_every_pixel_that_a_measurement_shows_the_network(num_cases: int) -> None:
    dataset, network = build_dataset(), CountingNetwork()
    battery = Battery.of(["gaussian_noise", "gaussian_blur"], [1, 3], 0, shifts=["far"], num_cases=num_cases)
    shift = dataset.shift_cases(Split.VALIDATION)
    scoring = Scoring(dataset.class_names, dataset.spacing_mm)
    measure(network, dataset.validation, battery, window=(16, 16), scoring=scoring, shift=shift)
    probed = 4 * count_windows((32, 32), (16, 16)) * 16**2
    assert predict_share(count_measured(dataset, battery), 16, 1000) == (network.num_pixels - probed) / 3000


def test_a_measurement_longer_than_the_training_is_reported_with_the_ways_out() -> None:
    assert describe_predicted_shares([0.4, 1.0], 178) == []
    (line,) = describe_predicted_shares([3.56], 178)
    assert "about 3.6 times as long as the training" in line
    (line,) = describe_predicted_shares([3.56, 0.5], 178)
    assert "about 0.5 to 3.6 times as long as the training that it judges, depending on the patch;" in line
    assert "task.iterations_per_step=178 " in line
    assert "task.num_battery_cases" in line
