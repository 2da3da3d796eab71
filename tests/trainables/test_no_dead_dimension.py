"""Every dimension of the search space changes something in a trial."""

from __future__ import annotations

import pytest
import torch

from spaces.search_space import DIMENSIONS, Candidate
from trainables.segmentation_task import SegmentationConfig
from trainables.textures import TexturesConfig
from trainables.trainable import Assignment

START = {"depth": 3, "width": 4, "patch": 32, "augmentation": "spatial_intensity"}


def weights_of(candidate: Candidate) -> dict[str, torch.Tensor]:
    """The weights after two iterations; names and shapes tell the networks apart."""
    data = TexturesConfig(image_size=80, num_train=4, num_validation=1, num_test=1)
    task = SegmentationConfig(num_steps=1, iterations_per_step=2, pixels_per_batch=32768).build(data)
    trial = task.build(Assignment(candidate, seed=1))
    trial.step()
    return trial._network.state_dict()


def are_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    same_shapes = {name: value.shape for name, value in one.items()} == {
        name: value.shape for name, value in other.items()
    }
    return same_shapes and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def start() -> dict[str, torch.Tensor]:
    return weights_of(Candidate.from_dict(START))


def test_equal_candidates_end_in_equal_weights(start: dict[str, torch.Tensor]) -> None:
    assert are_equal(start, weights_of(Candidate.from_dict(START)))


@pytest.mark.parametrize("name", DIMENSIONS)
def test_a_step_along_the_dimension_changes_the_trained_network(name: str, start: dict[str, torch.Tensor]) -> None:
    value = Candidate.from_dict(START).as_dict()[name]
    for neighbour in DIMENSIONS[name].neighbours(value):
        changed = Candidate.from_dict(START | {name: neighbour})
        assert not are_equal(start, weights_of(changed)), f"{name}: {value} and {neighbour} give the same network"
