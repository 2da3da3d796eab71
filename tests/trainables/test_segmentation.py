"""A trial: it learns, repeats itself to the bit, and goes on after an interruption as if there had been none."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from spaces.architecture import Architecture
from spaces.recipe import Recipe
from spaces.search_space import Candidate
from trainables.objectives import measure_accuracy, measure_robustness
from trainables.segmentation import SegmentationTrainable, learning_rate_factor
from trainables.segmentation_task import SegmentationConfig, SegmentationTask
from trainables.textures import TexturesConfig
from trainables.trainable import Assignment, Split, Trainable

CANDIDATE = Candidate(
    Architecture(depth=2, width=4, skip="attention_gate", attention="cbam"),
    Recipe(patch=32, augmentation="spatial_intensity"),
)


@pytest.fixture
def task() -> SegmentationTask:
    data = TexturesConfig(image_size=40, num_train=4, num_validation=3, num_test=2)
    return SegmentationConfig(num_steps=3, iterations_per_step=2, pixels_per_batch=4096).build(data)


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
        assert len(evaluation.cases) == num_cases * (1 + 3 * 2)
        assert {row.case.split("_")[0] for row in evaluation.cases} == {split.value}
        assert set(evaluation.costs) == set(task.cost_names())
        assert evaluation.costs["train_seconds"] > 0
        assert evaluation.objectives.values["accuracy"] == measure_accuracy(evaluation.cases)
        assert evaluation.objectives.values["robustness"] == measure_robustness(evaluation.cases)


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
    with pytest.raises(ValueError, match=r"checkpoint must hold candidate .* with seed 2, got .* with seed 1"):
        task.build(Assignment(CANDIDATE, seed=2)).load(tmp_path)
    with pytest.raises(ValueError, match="checkpoint must hold candidate"):
        task.build(Assignment(Candidate(), seed=1)).load(tmp_path)


def test_a_diverged_training_says_where_and_what_to_do(task: SegmentationTask) -> None:
    recipe = dataclasses.replace(CANDIDATE.recipe, learning_rate=1e38)
    trial = task.build(Assignment(dataclasses.replace(CANDIDATE, recipe=recipe), seed=1))
    with pytest.raises(ValueError, match=r"loss must be finite, got nan at iteration \d+; try a lower learning rate"):
        [trial.step() for _ in range(3)]


def test_the_learning_rate_rises_to_its_peak_and_falls_to_zero() -> None:
    factors = [learning_rate_factor(iteration, 100) for iteration in range(100)]
    assert factors[:10] == pytest.approx([0.1 * step for step in range(1, 11)])
    assert factors[10] == 1.0
    assert factors[55] == pytest.approx(0.5)
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert 0 < factors[-1] < 0.001
    assert [learning_rate_factor(iteration, 1) for iteration in range(1)] == [1.0]


def test_the_schedule_spans_the_whole_budget_and_not_a_step(task: SegmentationTask) -> None:
    trial = task.build(Assignment(CANDIDATE, seed=1))
    rates = []
    for _ in range(trial.num_steps):
        trial.step()
        rates.append(trial._optimiser.param_groups[0]["lr"])
    expected = [CANDIDATE.recipe.learning_rate * learning_rate_factor(last, 6) for last in (1, 3, 5)]
    assert rates == pytest.approx(expected)


def test_a_trial_uses_the_threads_it_was_assigned(task: SegmentationTask) -> None:
    task.build(Assignment(CANDIDATE, seed=1, num_threads=2))
    assert torch.get_num_threads() == 2
    task.build(Assignment(CANDIDATE, seed=1, num_threads=1))
    assert torch.get_num_threads() == 1
