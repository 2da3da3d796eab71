"""The task: refused settings, what it keeps, and that it is free of torch."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys

import pytest

from trainables.corruptions import CORRUPTIONS
from trainables.segmentation_task import SegmentationConfig
from trainables.textures import TexturesConfig
from trainables.trainable import Task


def test_the_defaults_pass_their_own_check() -> None:
    SegmentationConfig().build(TexturesConfig()).check()


def test_the_task_fulfils_its_contract_and_can_be_hashed_and_pickled() -> None:
    task = SegmentationConfig().build(TexturesConfig())
    assert isinstance(task, Task)
    assert hash(task) == hash(SegmentationConfig().build(TexturesConfig()))
    assert pickle.loads(pickle.dumps(task)) == task


def test_every_setting_of_the_config_reaches_the_task() -> None:
    changed = SegmentationConfig(
        num_steps=7, iterations_per_step=8, pixels_per_batch=9, corruptions=["rician_noise"], severities=[5],
        num_quick_cases=3, battery_seed=11,
    )  # fmt: skip
    task = changed.build(TexturesConfig())
    for field in dataclasses.fields(SegmentationConfig):
        wanted, default = getattr(changed, field.name), getattr(SegmentationConfig(), field.name)
        assert wanted != default
        kept = getattr(task, field.name)
        assert (list(kept) if isinstance(kept, tuple) else kept) == wanted


def test_findings_of_settings_and_data_come_in_one_message() -> None:
    config = SegmentationConfig(num_steps=0, corruptions=["speckel_noise"], severities=[0, 2])
    with pytest.raises(ValueError, match=r"task\.num_steps must be at least 1, got 0") as caught:
        config.build(TexturesConfig(blend=-1.0)).check()
    message = str(caught.value)
    assert "task.corruptions: unknown corruption 'speckel_noise'; did you mean 'speckle_noise'?" in message
    assert "task.severities: severity must lie in 1..5, got 0" in message
    assert "data.blend must lie in 0..1, got -1.0" in message


@pytest.mark.parametrize("severities", [[], [2, 2]])
def test_severities_must_be_distinct_and_not_empty(severities: list[int]) -> None:
    with pytest.raises(ValueError, match=r"task\.severities must be distinct and at least one"):
        SegmentationConfig(severities=severities).build(TexturesConfig()).check()


def test_every_known_corruption_may_be_in_the_battery() -> None:
    SegmentationConfig(corruptions=list(CORRUPTIONS)).build(TexturesConfig()).check()


def test_every_patch_size_costs_about_the_same() -> None:
    task = SegmentationConfig(pixels_per_batch=16384).build(TexturesConfig())
    assert [task.batch_size(patch, 2) for patch in (32, 64, 128)] == [16, 4, 2]
    assert task.batch_size(16, 3) == 4


@pytest.mark.parametrize(("severities", "quick"), [([2, 4], 2), ([5, 1, 3], 3), ([4], 4)])
def test_the_quick_severity_is_the_middle_one(severities: list[int], quick: int) -> None:
    assert SegmentationConfig(severities=severities).build(TexturesConfig()).quick_severity == quick


def test_composing_checking_and_pickling_a_task_imports_no_torch() -> None:
    code = (
        "import pickle, sys; from trainables.segmentation_task import SegmentationConfig as S\n"
        "from trainables.textures import TexturesConfig as T\n"
        "task = S().build(T()); task.check(); pickle.loads(pickle.dumps(task)).objectives()\n"
        "assert not {'torch', 'monai'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
