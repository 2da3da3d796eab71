"""Every dimension of the search space changes something in a trial."""

from __future__ import annotations

import pytest
import torch

from paretoseg.spaces.domain import Value
from paretoseg.spaces.search_space import DIMENSIONS, Candidate
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.trainable import Assignment

START = {"depth": 3, "width": 4, "patch": 32, "augmentation": "spatial_intensity"}
NEEDS: dict[str, dict[str, Value]] = {
    "bias": {"family": "unet"},
    "head": {"family": "basic_unet_plus_plus"},
    "family": {"patch": 64},
    **{f"skip_level_{level}": {"depth": level + 1, "patch": 4 * 2**level} for level in (3, 4, 5)},
}
"""What else must be set for a dimension to have an effect, or for a network to accept the patch."""


def weights_of(candidate: Candidate) -> dict[str, torch.Tensor]:
    """The weights after three iterations, as two tell no schedules apart; names and shapes tell the networks apart."""
    data = TexturesConfig(image_size=80, num_train=4, num_validation=1, num_test=1)
    task = SegmentationConfig(num_steps=1, iterations_per_step=3, pixels_per_batch=32768).build(data)
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
    values = Candidate.from_dict(START | NEEDS.get(name, {})).as_dict()
    weights = weights_of(Candidate.from_dict(values)) if name in NEEDS else start
    for neighbour in DIMENSIONS[name].neighbours(values[name]):
        changed = Candidate.from_dict(values | {name: neighbour})
        message = f"{name}: {values[name]} and {neighbour} give the same network"
        assert not are_equal(weights, weights_of(changed)), message
