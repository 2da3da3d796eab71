"""A trial learns, is reproducible to the bit, and resumes after an interruption with the same result."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.evaluation.costs import name_device
from paretoseg.trainables.scoring.measures import ObjectiveMetric, SurfaceMetrics
from paretoseg.trainables.scoring.objectives import measure_accuracy, measure_robustness, select_means
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.segmentation.options import Precision
from paretoseg.trainables.segmentation.task import SegmentationTask
from paretoseg.trainables.segmentation.trial import SegmentationTrainable
from paretoseg.trainables.trainable import BYTES_PER_GB, Assignment, Split, Trainable
from paretoseg.trainables.training.optimisers import learning_rate_factor
from tests.trainables.rounding import compute_in_double

CANDIDATE = Candidate(
    Architecture(depth=2, width=4, skip="attention_gate", attention="cbam"),
    Recipe(patch=32, augmentation="spatial_intensity"),
)


@pytest.fixture
def task() -> SegmentationTask:
    data = TexturesConfig(image_size=40, num_train=4, num_validation=3, num_test=2)
    return SegmentationConfig(num_steps=3, iterations_per_step=2, pixels_per_batch=4096).build(data)


def with_settings(task: SegmentationTask, **changes: object) -> SegmentationTask:
    return dataclasses.replace(task, settings=dataclasses.replace(task.settings, **changes))


def weights_after(task: SegmentationTask, assignment: Assignment, num_steps: int) -> list[torch.Tensor]:
    trial = task.build(assignment)
    for _ in range(num_steps):
        trial.step()
    return list(weights_of(trial))


def weights_of(trial: SegmentationTrainable) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in trial._network.parameters()]


def are_equal(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(torch.equal(mine, theirs) for mine, theirs in zip(one, other, strict=True))


def test_a_trial_fulfils_the_contract_in_a_plain_loop(task: SegmentationTask) -> None:
    trial = task.build(Assignment(CANDIDATE, seed=1))
    assert isinstance(trial, Trainable)
    assert (trial.num_steps, trial.steps_done) == (3, 0)
    for done in range(trial.num_steps):
        measurement = trial.step()
        assert set(measurement.values) == {"accuracy", "robustness"}
        assert trial.steps_done == done + 1


def test_an_evaluation_holds_all_rows_objectives_and_costs(task: SegmentationTask) -> None:
    trial = task.build(Assignment(CANDIDATE, seed=1))
    trial.step()
    for split, num_cases in ((Split.VALIDATION, 3), (Split.TEST, 2)):
        evaluation = trial.evaluate(split)
        assert len(select_means(evaluation.cases, "dice")) == num_cases * (1 + 3 * 2)
        assert len(select_means(evaluation.cases, "hd95_mm")) == num_cases
        assert "thread" in evaluation.device
        assert {row.case.split("_")[0] for row in evaluation.cases} == {split.value}
        assert set(evaluation.costs) == set(task.cost_names())
        assert evaluation.costs["train_seconds"] > 0
        assert evaluation.objectives.values["accuracy"] == measure_accuracy(evaluation.cases)
        assert evaluation.objectives.values["robustness"] == measure_robustness(evaluation.cases)


def test_objectives_can_be_made_of_surface_dice(task: SegmentationTask) -> None:
    task = with_settings(task, metric=ObjectiveMetric.nsd, surface_metrics=SurfaceMetrics.none)
    trial = task.build(Assignment(CANDIDATE, seed=1))
    assert {objective.unit for objective in task.objectives()} == {"NSD"}
    assert 0.0 <= trial.step().values["accuracy"] <= 1.0
    evaluation = trial.evaluate(Split.TEST)
    assert {row.metric for row in evaluation.cases} == {"dice", "nsd"}
    assert evaluation.objectives.values["robustness"] == measure_robustness(evaluation.cases, "nsd")


def test_evaluating_twice_changes_nothing(task: SegmentationTask) -> None:
    trial = task.build(Assignment(CANDIDATE, seed=1))
    trial.step()
    assert trial.evaluate(Split.TEST).cases == trial.evaluate(Split.TEST).cases


def test_training_learns_the_easy_task() -> None:
    data = TexturesConfig(foreground="grass", background="brick", blend=0.0, image_size=64, num_train=16, num_test=1)
    task = SegmentationConfig(num_steps=1, iterations_per_step=60).build(data)
    trial = task.build(Assignment(Candidate(Architecture(depth=3, width=8), Recipe(patch=64)), seed=0))
    before = trial.evaluate(Split.VALIDATION)
    trial.step()
    after = trial.evaluate(Split.VALIDATION)
    assert after.objectives.values["accuracy"] > max(0.8, before.objectives.values["accuracy"] + 0.3)
    assert after.degenerate == ""


def test_equal_seeds_end_in_equal_bits_and_others_do_not(task: SegmentationTask) -> None:
    first = weights_after(task, Assignment(CANDIDATE, seed=1), 2)
    torch.rand(3)
    assert are_equal(first, weights_after(task, Assignment(CANDIDATE, seed=1), 2))
    assert not are_equal(first, weights_after(task, Assignment(CANDIDATE, seed=2), 2))


def test_training_and_evaluating_leave_the_global_generator_alone(task: SegmentationTask) -> None:
    trial = task.build(Assignment(CANDIDATE, seed=1))
    state = torch.get_rng_state()
    trial.step()
    trial.evaluate(Split.TEST)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_resumed_trial_equals_an_uninterrupted_one(task: SegmentationTask, tmp_path: Path) -> None:
    assignment = Assignment(CANDIDATE, seed=1)
    whole = task.build(assignment)
    quick = [whole.step().values for _ in range(3)]
    first = task.build(assignment)
    first.step()
    first.save(tmp_path)
    second = task.build(assignment)
    second.load(tmp_path)
    assert second.steps_done == 1
    assert [second.step().values for _ in range(2)] == quick[1:]
    assert are_equal(weights_of(whole), weights_of(second))
    assert whole.evaluate(Split.TEST).cases == second.evaluate(Split.TEST).cases


def test_both_files_can_be_read_without_running_code_and_nothing_else_is_left(
    task: SegmentationTask, tmp_path: Path
) -> None:
    trial = task.build(Assignment(CANDIDATE, seed=1))
    trial.step()
    trial.save(tmp_path)
    trial.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["training.pt", "weights.pt"]
    weights = torch.load(tmp_path / "weights.pt", weights_only=True)
    assert are_equal(list(weights.values()), weights_of(trial))
    assert torch.load(tmp_path / "training.pt", weights_only=True)["steps_done"] == 1


def test_a_checkpoint_of_another_candidate_or_seed_is_refused(task: SegmentationTask, tmp_path: Path) -> None:
    task.build(Assignment(CANDIDATE, seed=1)).save(tmp_path)
    with pytest.raises(ValueError, match=r"checkpoint must be of candidate .* with seed 2, got .* with seed 1"):
        task.build(Assignment(CANDIDATE, seed=2)).load(tmp_path)
    with pytest.raises(ValueError, match="checkpoint must be of candidate"):
        task.build(Assignment(Candidate(), seed=1)).load(tmp_path)


def test_a_diverged_training_says_where_and_what_to_do(task: SegmentationTask) -> None:
    recipe = dataclasses.replace(CANDIDATE.recipe, learning_rate=1e38)
    trial = task.build(Assignment(dataclasses.replace(CANDIDATE, recipe=recipe), seed=1))
    with pytest.raises(ValueError, match=r"loss must be finite, got nan at iteration \d+; try a lower learning rate"):
        [trial.step() for _ in range(3)]


def test_the_schedule_spans_the_whole_budget_and_not_a_step(task: SegmentationTask) -> None:
    trial = task.build(Assignment(CANDIDATE, seed=1))
    rates = []
    for _ in range(trial.num_steps):
        trial.step()
        rates.append(trial._learner._optimiser.param_groups[0]["lr"])
    expected = [CANDIDATE.recipe.learning_rate * learning_rate_factor(last, 6) for last in (1, 3, 5)]
    assert rates == pytest.approx(expected)


def test_a_trial_uses_the_threads_it_was_assigned(task: SegmentationTask) -> None:
    task.build(Assignment(CANDIDATE, seed=1, num_threads=2))
    assert torch.get_num_threads() == 2
    task.build(Assignment(CANDIDATE, seed=1, num_threads=1))
    assert torch.get_num_threads() == 1


def test_the_recipe_reaches_the_training(task: SegmentationTask) -> None:
    recipe = dataclasses.replace(CANDIDATE.recipe, optimiser="sgd", batch_factor=2.0, weight_decay=0.05)
    trial = task.build(Assignment(dataclasses.replace(CANDIDATE, recipe=recipe), seed=1))
    assert trial._plan.batch_size == 8
    assert trial._plan.num_iterations == 3
    assert isinstance(trial._learner._optimiser, torch.optim.SGD)
    assert trial._learner._optimiser.param_groups[0]["weight_decay"] == 0.05


@pytest.mark.parametrize(
    ("optimiser", "schedule", "shape"),
    [
        ("sgd", "polynomial", Architecture(depth=2, width=4, norm="batch", dropout=0.2)),
        ("adam", "constant", Architecture(depth=3, width=4, deep_supervision="on")),
    ],
)
def test_every_kind_of_training_repeats_itself_and_goes_on_exactly(
    task: SegmentationTask, tmp_path: Path, optimiser: str, schedule: str, shape: Architecture
) -> None:
    augmentation = "spatial_intensity_noise_blur"
    recipe = Recipe(
        patch=32, optimiser=optimiser, schedule=schedule, mirroring="on", augmentation=augmentation, loss="dice"
    )
    assignment = Assignment(Candidate(shape, recipe), seed=1)
    whole, first, second = (task.build(assignment) for _ in range(3))
    for _ in range(2):
        whole.step()
    first.step()
    first.save(tmp_path)
    second.load(tmp_path)
    second.step()
    assert are_equal(weights_of(whole), weights_of(second))
    for (name, mine), theirs in zip(
        whole._network.state_dict().items(), second._network.state_dict().values(), strict=True
    ):
        assert torch.equal(mine, theirs), name


def test_a_hopeless_training_is_refused_before_it_starts(task: SegmentationTask) -> None:
    tight = with_settings(task, memory_gb=1e-4)
    trial = tight.build(Assignment(CANDIDATE, seed=1))
    with pytest.raises(MemoryError, match=r"infeasible: needs about 0\.\d+ GB of 0\.0001 GB; narrow the space"):
        trial.step()
    assert trial._learner._optimiser.state == {}


def test_the_way_out_of_too_little_memory_keeps_the_length_of_the_training(task: SegmentationTask) -> None:
    tight = with_settings(task, memory_gb=1e-4)
    words = r"divide task\.pixels_per_batch=4096 and multiply task\.iterations_per_step=2 by"
    with pytest.raises(MemoryError, match=words):
        tight.build(Assignment(CANDIDATE, seed=1)).step()
    settings = task.settings
    smaller = dataclasses.replace(
        settings, pixels_per_batch=settings.pixels_per_batch // 2, iterations_per_step=settings.iterations_per_step * 2
    )
    assert smaller.count_voxels(2) == settings.count_voxels(2)
    assert smaller.batch_size(1.0, (32, 32)) < settings.batch_size(1.0, (32, 32))
    large = dataclasses.replace(CANDIDATE, recipe=dataclasses.replace(CANDIDATE.recipe, patch=64))
    with pytest.raises(MemoryError, match=r"narrow the space$"):
        tight.build(Assignment(large, seed=1)).step()


def test_a_shift_case_whose_mask_cannot_be_restored_is_refused_before_training(
    task: SegmentationTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = dataclasses.replace(task.data, shift=["blend_0.60"])
    monkeypatch.setattr(
        SegmentationTrainable, "_count_restoring_bytes", lambda _, case: 10**18 if "blend_0.60" in case.name else 1
    )
    trial = dataclasses.replace(task, data=data).build(Assignment(CANDIDATE, seed=1))
    with pytest.raises(MemoryError, match=r"the logits of case '.*blend_0.60' and their way to the grid of its file"):
        trial.step()


def test_what_earlier_trainings_took_decides_what_fits_and_the_estimate_stays_as_it_was(
    task: SegmentationTask, tmp_path: Path
) -> None:
    here = name_device("cpu", 1)
    plain = task.build(Assignment(CANDIDATE, seed=1))
    need = plain._learner.estimate_need((plain._plan.batch_size, 1, 32, 32))
    task = with_settings(task, memory_gb=1.01 * need.total() / BYTES_PER_GB)
    told = {1.0: {"another device": 9.0}, 1.2: {here: 1.2}, 4.0: {here: 4.0}}
    fits, halved, hopeless = (task.build(Assignment(CANDIDATE, 1, memory_factors=factors)) for factors in told.values())
    for trial, num_parts in ((fits, 1), (halved, 2)):
        trial.step()
        assert trial._learner.num_parts == num_parts
    with pytest.raises(MemoryError, match=r"infeasible: needs about .* \(4 times the estimate, as trials before it\)"):
        hopeless.step()
    halved.save(tmp_path)
    resumed = task.build(Assignment(CANDIDATE, seed=1))
    resumed.load(tmp_path)
    costs = resumed.evaluate(Split.VALIDATION).costs
    assert costs["estimated_memory_gb"] == pytest.approx(need.total(2) / BYTES_PER_GB)


def test_a_training_that_fits_in_halves_goes_through_in_halves_and_says_what_it_took(task: SegmentationTask) -> None:
    trial = task.build(Assignment(CANDIDATE, seed=1))
    compute_in_double(trial._network)
    need = trial._learner.estimate_need((trial._plan.batch_size, 1, 32, 32))
    between = (need.total(1) + need.total(2)) / 2 / 1e9
    tight = with_settings(task, memory_gb=between).build(Assignment(CANDIDATE, seed=1))
    compute_in_double(tight._network)
    tight.step()
    trial.step()
    assert (trial._learner.num_parts, tight._learner.num_parts) == (1, 2)
    for mine, theirs in zip(weights_of(trial), weights_of(tight), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-9, rtol=0)
    assert 0 <= tight.evaluate(Split.VALIDATION).costs["train_memory_gb"] < 1.0


def test_a_trial_can_train_in_bfloat16_and_is_measured_in_float32(task: SegmentationTask, tmp_path: Path) -> None:
    half = with_settings(task, precision=Precision.bfloat16)
    trials = [item.build(Assignment(CANDIDATE, seed=1)) for item in (task, half)]
    for trial in trials:
        trial.step()
    assert not are_equal(*map(weights_of, trials))
    trials[1].save(tmp_path)
    measured = task.build(Assignment(CANDIDATE, seed=1))
    measured.load(tmp_path)
    assert measured.evaluate(Split.TEST).cases == trials[1].evaluate(Split.TEST).cases
