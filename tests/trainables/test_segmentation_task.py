"""The task: refused settings, what it keeps, and that it is free of torch."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys

import pytest

from spaces.presets import PRESETS
from spaces.recipe import Recipe
from spaces.search_space import SearchSpace
from trainables.corruptions import CORRUPTIONS
from trainables.measures import ObjectiveMetric, SurfaceMetrics
from trainables.segmentation_task import Precision, SegmentationConfig
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
        num_steps=7, iterations_per_step=8, pixels_per_batch=9, precision=Precision.bfloat16, memory_gb=1.5,
        corruptions=["rician_noise"], severities=[5],
        num_quick_cases=3, battery_seed=11, metric=ObjectiveMetric.nsd, surface_metrics=SurfaceMetrics.all,
        nsd_tolerance_mm=2.0, match_parameters=500_000, match_flops=600_000,
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


@pytest.mark.parametrize("tolerance", [-0.5, float("nan"), float("inf")])
def test_a_tolerance_must_be_a_length(tolerance: float) -> None:
    with pytest.raises(ValueError, match=r"task\.nsd_tolerance_mm must be at least 0 and finite, got"):
        SegmentationConfig(nsd_tolerance_mm=tolerance).build(TexturesConfig()).check()


def test_a_network_cannot_be_matched_to_parameters_and_operations_at_once() -> None:
    config = SegmentationConfig(match_parameters=500_000, match_flops=600_000)
    with pytest.raises(
        ValueError, match=r"got task\.match_parameters=500000 and task\.match_flops=600000; set one to 0"
    ):
        config.build(TexturesConfig()).check()
    with pytest.raises(ValueError, match=r"task\.match_flops must be at least 0 and finite, got -1"):
        SegmentationConfig(match_flops=-1).build(TexturesConfig()).check()


def test_every_known_corruption_may_be_in_the_battery() -> None:
    SegmentationConfig(corruptions=list(CORRUPTIONS)).build(TexturesConfig()).check()


def test_every_patch_size_costs_about_the_same() -> None:
    task = SegmentationConfig(pixels_per_batch=16384).build(TexturesConfig())
    assert [task.batch_size(Recipe(patch=patch), 2) for patch in (32, 64, 128)] == [16, 4, 2]
    assert task.batch_size(Recipe(patch=16), 3) == 4


@pytest.mark.parametrize(("patch", "spatial_dims"), [(32, 2), (128, 2), (32, 3)])
@pytest.mark.parametrize("factor", [0.25, 0.6, 1.0, 1.7, 4.0])
def test_a_step_sees_as_many_pixels_with_any_size_of_the_batch(patch: int, spatial_dims: int, factor: float) -> None:
    task = SegmentationConfig(iterations_per_step=48).build(TexturesConfig())
    plain, other = Recipe(patch=patch), Recipe(patch=patch, batch_factor=factor)
    seen = [task.batch_size(recipe, spatial_dims) * task.iterations(recipe, spatial_dims) for recipe in (plain, other)]
    assert task.iterations(plain, spatial_dims) == 48
    assert seen[1] == pytest.approx(seen[0], rel=0.05)
    assert task.batch_size(other, spatial_dims) == max(1, round(task.batch_size(plain, spatial_dims) * factor))


@pytest.mark.parametrize(("severities", "quick"), [([2, 4], 2), ([5, 1, 3], 3), ([4], 4)])
def test_the_quick_severity_is_the_middle_one(severities: list[int], quick: int) -> None:
    assert SegmentationConfig(severities=severities).build(TexturesConfig()).quick_severity == quick


def test_noise_is_not_trained_with_unless_it_is_asked_for_and_then_it_is_said_which_corruptions_it_gives_away() -> None:
    task = SegmentationConfig(corruptions=["gaussian_noise", "speckle_noise", "low_resolution"]).build(TexturesConfig())
    for preset in PRESETS:
        assert not [note for note in task.notes(SearchSpace(preset=preset)) if "battery" in note]
    [note] = [note for note in task.notes(SearchSpace({"augmentation": "all"})) if "battery" in note]
    assert "meet blur, noise in training" in note
    assert "measures with gaussian_noise, speckle_noise, low_resolution" in note


def test_composing_checking_and_pickling_a_task_imports_no_torch() -> None:
    code = (
        "import pickle, sys; from trainables.segmentation_task import SegmentationConfig as S\n"
        "from trainables.textures import TexturesConfig as T\n"
        "task = S().build(T()); task.check(); pickle.loads(pickle.dumps(task)).objectives()\n"
        "assert not {'torch', 'monai'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
