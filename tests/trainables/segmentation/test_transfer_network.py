"""One network of a transfer matrix: trained, measured, resumed in the middle of its training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

import pytest
import torch

import paretoseg.trainables.segmentation.trial
from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.scoring.battery import Battery, LeftOut
from paretoseg.trainables.segmentation import reference
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.segmentation.reference import train_reference
from paretoseg.trainables.segmentation.transfer_network import train_and_measure
from paretoseg.trainables.trainable import Assignment
from paretoseg.trainables.transfer.kinds import build_candidate
from paretoseg.trainables.transfer.matrix import TransferNetwork

TASK = SegmentationConfig(
    num_steps=2, iterations_per_step=4, pixels_per_batch=4096, corruptions=["gaussian_noise", "rotation"],
    severities=[3, 5], num_battery_cases=1,
).build(TexturesConfig(image_size=32, num_train=2, num_validation=3, num_test=2))  # fmt: skip


def measure(folder: Path, stop_after: int = 99) -> TransferNetwork:
    def observe(steps_done: int, _: int) -> None:
        if steps_done == stop_after:
            raise KeyboardInterrupt

    folder.mkdir(exist_ok=True)
    assignment = Assignment(build_candidate("noise_blur"), seed=3)
    cases = TASK.data.load().validation
    return train_and_measure(TASK, assignment, "noise_blur", cases=cases, folder=folder, observe=observe)


def test_a_network_has_a_score_for_every_case_and_corruption(tmp_path: Path) -> None:
    network = measure(tmp_path / "one")
    assert (network.kind, network.seed) == ("noise_blur", 3)
    assert set(network.scores) == {"none", "gaussian_noise", "rotation"}
    assert all(len(values) == 3 and None not in values for values in network.scores.values())


def test_a_training_that_was_interrupted_goes_on_to_the_same_network(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        measure(tmp_path / "two", stop_after=1)
    assert measure(tmp_path / "two") == measure(tmp_path / "one")


class Killed(BaseException):
    """Ends the process at once."""


def test_a_training_that_is_killed_between_two_files_of_a_checkpoint_goes_on_to_the_same_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second checkpoint has its weights and lacks its state."""
    module, written = paretoseg.trainables.segmentation.trial, list[str]()
    original = module.open_atomically

    def kill_before_the_fourth_file(path: Path) -> AbstractContextManager[BinaryIO]:
        if len(written) == 3:
            raise Killed
        written.append(path.name)
        return original(path)

    with monkeypatch.context() as patch:
        patch.setattr(module, "open_atomically", kill_before_the_fourth_file)
        with pytest.raises(Killed):
            measure(tmp_path / "two")
    assert written == ["weights.pt", "training.pt", "weights.pt"]
    resumed, whole = (train(tmp_path / name) for name in ("two", "one"))
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(resumed, whole, strict=True))
    assert [path.name for path in (tmp_path / "two").iterdir()] == ["step-0002"]


def train(folder: Path) -> list[torch.Tensor]:
    """The weights at the end of the training."""
    folder.mkdir(exist_ok=True)
    assignment = Assignment(build_candidate("noise_blur"), seed=3)
    checkpoint = train_reference(TASK, assignment, folder, lambda *_: None)
    return list(torch.load(checkpoint / "weights.pt", weights_only=True).values())


def test_a_checkpoint_of_an_earlier_version_is_resumed(tmp_path: Path) -> None:
    trainable = TASK.build(Assignment(build_candidate("noise_blur"), seed=3))
    old = tmp_path / "two"
    old.mkdir()
    trainable.step()
    trainable.save(old)
    steps: list[int] = []
    train_reference(
        TASK, Assignment(build_candidate("noise_blur"), seed=3), old, lambda steps_done, _: steps.append(steps_done)
    )
    assert steps == [2]
    resumed, whole = (train(tmp_path / name) for name in ("two", "one"))
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(resumed, whole, strict=True))


def test_a_corruption_that_moves_a_class_out_of_an_image_is_left_out_and_the_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_all(cases: Mapping[str, Sequence[Case]], battery: Battery, _: object) -> LeftOut:
        rotated = [condition for condition in battery.conditions if condition.corruption == "rotation"]
        return frozenset((condition, case.name) for condition in rotated for case in cases[""])

    whole = measure(tmp_path / "one")
    monkeypatch.setattr(reference, "find_left_out", lose_all)
    part = measure(tmp_path / "two")
    assert dict(part.scores) == {name: whole.scores[name] for name in ("none", "gaussian_noise")}
