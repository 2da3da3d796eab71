"""The task: refused settings, what it keeps, and that it is free of torch."""

from __future__ import annotations

import dataclasses
import math
import pickle
import re
import subprocess
import sys

import pytest

from paretoseg.spaces.presets import PRESETS
from paretoseg.spaces.search_space import SearchSpace
from paretoseg.trainables.corruptions.table import CORRUPTIONS
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.scoring.battery import Battery
from paretoseg.trainables.scoring.counted_corruptions import TrainedCorruptions
from paretoseg.trainables.scoring.objectives import RobustnessOver
from paretoseg.trainables.scoring.reference_errors import ReferenceErrors
from paretoseg.trainables.scoring.robustness_kinds import Robustness
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.segmentation.options import BudgetBy
from paretoseg.trainables.severities.calibration import read_calibration
from paretoseg.trainables.severities.levels import PRESETS as PRESETS_OF_CORRUPTIONS
from paretoseg.trainables.severities.shipped import locate_shipped
from paretoseg.trainables.trainable import Condition, Split, Task


def test_the_defaults_pass_their_own_check() -> None:
    SegmentationConfig().build(TexturesConfig()).check()


def test_the_task_fulfils_its_contract_and_can_be_hashed_and_pickled() -> None:
    task = SegmentationConfig().build(TexturesConfig())
    assert isinstance(task, Task)
    assert hash(task) == hash(SegmentationConfig().build(TexturesConfig()))
    assert pickle.loads(pickle.dumps(task)) == task


def test_the_task_holds_the_settings_of_the_config_with_presets_and_files_resolved() -> None:
    config = SegmentationConfig(num_steps=7, corruptions=["ct", "motion"], calibration="textures")
    task = config.build(TexturesConfig())
    assert task.settings == dataclasses.replace(
        config, corruptions=[*PRESETS_OF_CORRUPTIONS["ct"], "motion"], strengths=task.settings.strengths
    )
    calibrated = read_calibration(locate_shipped("textures")).strengths
    assert {name: task.settings.severity_table[name] for name in calibrated} == calibrated
    assert config.corruptions == ["ct", "motion"]


def test_findings_of_settings_and_data_come_in_one_message() -> None:
    config = SegmentationConfig(num_steps=0, corruptions=["speckel_noise"], severities=[0, 2])
    with pytest.raises(ValueError, match=r"task\.num_steps must be at least 1, got 0") as caught:
        config.build(TexturesConfig(blend=-1.0)).check()
    message = str(caught.value)
    assert "task.corruptions: unknown corruption 'speckel_noise'; did you mean 'speckle_noise' or" in message
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


def test_a_batch_has_as_many_pixels_with_every_patch_but_at_least_two_patches() -> None:
    settings = SegmentationConfig(pixels_per_batch=16384)
    assert [settings.batch_size(1.0, (patch, patch)) for patch in (32, 64, 128)] == [16, 4, 2]
    assert settings.batch_size(1.0, (16, 16, 16)) == 4


def test_the_quick_battery_is_a_part_of_the_whole_one_and_of_what_counts() -> None:
    config = SegmentationConfig(
        corruptions=["gaussian_noise", "contrast_down", "bias_field"], severities=[1, 3, 5],
        trained_corruptions=TrainedCorruptions.exclude,
    )  # fmt: skip
    task = config.build(TexturesConfig(shift=["blend_0.60"]), SearchSpace({"augmentation": "intensity"}))
    whole, quick = task.battery(["blend_0.60"]), task.settings.quick_battery(task.rule, ["blend_0.60"])
    assert set(quick.conditions) < set(whole.conditions)
    assert [condition.corruption for condition in quick.conditions if condition.severity] == [
        "gaussian_noise", "bias_field"
    ]  # fmt: skip
    assert {condition.shift for condition in quick.conditions} == {"", "blend_0.60"}
    assert (quick.seed, quick.strengths) == (whole.seed, whole.strengths)
    only = dataclasses.replace(task.rule, over=RobustnessOver.corruptions)
    assert {condition.shift for condition in task.settings.quick_battery(only, ["blend_0.60"]).conditions} == {""}


def test_the_quick_cases_are_among_those_of_the_whole_battery_and_of_test_cases_none_is_left_out() -> None:
    task = SegmentationConfig(num_quick_cases=2, num_battery_cases=5).build(TexturesConfig())
    cases = task.data.load().cases(Split.VALIDATION)
    noisy = Condition("gaussian_noise", 2)
    chosen = task.battery().choose_cases(cases, noisy)
    assert len(chosen) == 5
    assert {case.name for case in task.settings.choose_quick(cases)} < {case.name for case in chosen}
    assert task.battery(split=Split.TEST).choose_cases(cases, noisy) == list(cases)


def test_every_corruption_counts_and_every_augmentation_is_searched_unless_told_otherwise() -> None:
    for preset in PRESETS:
        task = SegmentationConfig().build(TexturesConfig(), SearchSpace(preset=preset))
        assert {"noise", "blur", "gamma", "rotation", "mirroring"} < set(task.exposure)
        assert task.rule.excluded == ()


def test_corruptions_that_training_may_show_count_for_no_trial_if_asked_and_a_note_says_so() -> None:
    config = SegmentationConfig(
        corruptions=["gaussian_noise", "contrast_down", "gamma_up"], trained_corruptions=TrainedCorruptions.exclude
    )
    space = SearchSpace({"augmentation": ["none", "intensity"]})
    task = config.build(TexturesConfig(), space)
    assert task.rule.excluded == ("contrast_down", "gamma_up")
    assert [note for note in task.notes(space) if "not counted towards robustness: contrast_down" in note]
    assert "other than contrast_down, gamma_up" in task.objectives()[1].description
    plain = SearchSpace({"augmentation": ["none", "spatial"]})
    assert config.build(TexturesConfig(), plain).rule.excluded == ()


def test_a_battery_that_training_may_show_whole_is_refused_before_the_search() -> None:
    config = SegmentationConfig(corruptions=["gaussian_noise"], trained_corruptions=TrainedCorruptions.exclude)
    space = SearchSpace({"augmentation": "all"})
    with pytest.raises(ValueError, match=r"none of task\.corruptions would count towards robustness"):
        config.build(TexturesConfig(), space).check()
    config.build(TexturesConfig(shift=["blend_0.60"]), space).check()
    config.build(TexturesConfig()).check()


def test_a_mean_corruption_error_needs_a_reference_that_errs_under_all_that_counts() -> None:
    def check(errors: dict[str, dict[int, float]]) -> None:
        config = SegmentationConfig(
            robustness=Robustness.mean_corruption_error, corruptions=["gaussian_noise", "gamma_up"], severities=[2],
            reference_errors=ReferenceErrors(errors), trained_corruptions=TrainedCorruptions.exclude,
        )  # fmt: skip
        config.build(TexturesConfig(), SearchSpace({"augmentation": "intensity"})).check()

    check({"gaussian_noise": {2: 0.5}})
    with pytest.raises(ValueError, match=r"name the file of its rows, such as task\.reference="):
        check({})
    with pytest.raises(ValueError, match="but lack gaussian_noise 2"):
        check({"gaussian_noise": {4: 0.5}})
    with pytest.raises(ValueError, match="makes no error under gaussian_noise"):
        check({"gaussian_noise": {2: 0.0}})
    with pytest.raises(ValueError, match=r"task\.reference_errors must lie in 0\.\.1, got 1\.5 for gaussian_noise 2"):
        check({"gaussian_noise": {2: 1.5}})


def test_composing_checking_and_pickling_a_task_imports_no_torch() -> None:
    code = (
        "import pickle, sys; from paretoseg.trainables.segmentation.config import SegmentationConfig as S\n"
        "from paretoseg.trainables.data.textures import TexturesConfig as T\n"
        "task = S().build(T()); task.check(); pickle.loads(pickle.dumps(task)).objectives()\n"
        "assert not {'torch', 'monai'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_preset_stands_for_its_corruptions_and_a_leaking_one_is_named_before_the_search() -> None:
    task = SegmentationConfig(corruptions=["ct", "legacy_leaking_blur"]).build(TexturesConfig(image_size=32))
    assert "gaussian_noise" in task.settings.corruptions
    assert "ct" not in task.settings.corruptions
    assert any("legacy_leaking_blur needs the reference mask" in note for note in task.notes(SearchSpace()))


@pytest.mark.parametrize(("iterations", "is_noted"), [(1, True), (10_000, False)])
def test_a_measurement_longer_than_the_training_is_reported_before_it_starts(iterations: int, is_noted: bool) -> None:
    task = SegmentationConfig(iterations_per_step=iterations).build(TexturesConfig(image_size=32))
    assert any("measuring robustness will take about" in note for note in task.notes(SearchSpace())) is is_noted


@pytest.mark.parametrize("budget_by", BudgetBy)
@pytest.mark.parametrize("iterations", [1, 4])
def test_the_iterations_that_the_note_gives_are_enough(iterations: int, budget_by: BudgetBy) -> None:
    config, data = SegmentationConfig(iterations_per_step=iterations, budget_by=budget_by), TexturesConfig()
    space = SearchSpace({"patch": [32, 256]})
    (note,) = [note for note in config.build(data).notes(space) if "measuring robustness" in note]
    found = re.search(r"task\.iterations_per_step=(\d+)", note)
    assert found
    enough = dataclasses.replace(config, iterations_per_step=math.ceil(1.05 * int(found[1])))
    assert not any("measuring robustness" in note for note in enough.build(data).notes(space))


def test_quick_cases_are_those_that_no_quick_condition_leaves_out_if_there_are_any() -> None:
    data = TexturesConfig(image_size=32, num_train=1, num_validation=4, num_test=1)
    cases, condition = data.load().validation, Condition("rotation", 5)
    config = SegmentationConfig(num_quick_cases=2)
    plain = config.choose_quick(cases)
    one, two = (case.name for case in plain)

    def choose(*left_out: tuple[Condition, str]) -> list[str]:
        battery = Battery((condition,), 0, left_out=frozenset(left_out))
        return [case.name for case in config.choose_quick(cases, battery)]

    assert choose() == choose((Condition("rotation", 4), one)) == [one, two]
    others = choose((condition, one))
    assert two in others
    assert one not in others
    assert len(others) == 2
    assert choose(*((condition, case.name) for case in cases)) == [one, two]
