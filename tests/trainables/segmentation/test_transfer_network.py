"""One network of a transfer matrix: trained, measured, resumed in the middle of its training."""

from __future__ import annotations

from pathlib import Path

import pytest

from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.segmentation.reference import ReferenceNetwork
from paretoseg.trainables.segmentation.transfer_network import train_and_measure
from paretoseg.trainables.trainable import Assignment, Condition
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


def test_a_corruption_that_moves_a_class_out_of_an_image_is_left_out_and_the_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = ReferenceNetwork.measure_rows

    def refuse_rotation(self: ReferenceNetwork, conditions: list[Condition]) -> object:
        if any(condition.corruption == "rotation" for condition in conditions):
            raise ValueError("nothing is left of class 1")
        return original(self, conditions)

    whole = measure(tmp_path / "one")
    monkeypatch.setattr(ReferenceNetwork, "measure_rows", refuse_rotation)
    part = measure(tmp_path / "two")
    assert dict(part.scores) == {name: whole.scores[name] for name in ("none", "gaussian_noise")}
