"""All trials train for as many voxels, or operations, whatever their patch and batch; what cannot be equal is said."""

from __future__ import annotations

import dataclasses
import itertools
import re

import pytest
import torch
from torch import Tensor

from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.network_rules import NetworkRules
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import DIMENSIONS, Candidate, SearchSpace
from paretoseg.trainables.data.datasets import load_once
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.networks.capacity import draw_blueprint
from paretoseg.trainables.networks.size import count_flops
from paretoseg.trainables.segmentation.budget import (
    TOLERANCE,
    TrainingPlan,
    count_training,
    describe_budgets,
    plan_candidate,
    plan_recipe,
)
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.segmentation.options import BudgetBy
from paretoseg.trainables.segmentation.settings import SegmentationSettings
from paretoseg.trainables.trainable import Assignment, Split
from paretoseg.trainables.training.learner import Learner

PATCHES = sorted({int(DIMENSIONS["patch"].from_unit(unit / 16)) for unit in range(17)})
FACTORS = (0.25, 0.6, 1.0, 1.7, 4.0)
ENDS = (0.25, 4.0)

BUDGETS = [
    SegmentationSettings(),
    SegmentationSettings(num_steps=3, iterations_per_step=16),
    SegmentationSettings(pixels_per_batch=65536),
    SegmentationSettings(num_steps=1, iterations_per_step=1, pixels_per_batch=256),
    SegmentationSettings(num_steps=10, iterations_per_step=7, pixels_per_batch=5000),
]


def use_of(settings: SegmentationSettings, patch: int, factor: float, spatial_dims: int) -> float:
    """What a training sees relative to the budget, counted from its batches."""
    plan = plan_recipe(settings, (patch,) * spatial_dims, factor)
    pixels = settings.pixels_per_batch or {2: 16384, 3: 65536}[spatial_dims]
    nominal = settings.num_steps * settings.step_iterations * pixels
    return plan.num_iterations * plan.batch_size * float(patch**spatial_dims) / nominal


def named_patches(lines: list[str]) -> set[int]:
    """The patches of the line on unequal budgets."""
    found = [re.search(r"space\.patch=([\d, ]+) will train for", line) for line in lines]
    return {int(patch) for match in found if match for patch in match[1].split(", ")}


@pytest.mark.parametrize("spatial_dims", [2, 3])
@pytest.mark.parametrize("settings", BUDGETS)
def test_all_trials_see_as_many_voxels_or_a_note_names_their_patch(
    settings: SegmentationSettings, spatial_dims: int
) -> None:
    assert list(range(16, 257, 16)) == PATCHES
    named = named_patches(describe_budgets(settings, PATCHES, ENDS, spatial_dims))
    for patch in PATCHES:
        used = [use_of(settings, patch, factor, spatial_dims) for factor in FACTORS]
        if patch in named:
            assert any(abs(share - 1.0) > TOLERANCE for share in used)
        else:
            assert used == pytest.approx([1.0] * len(FACTORS), abs=TOLERANCE)


@pytest.mark.parametrize("patches", [PATCHES, [16, 256], [144]])
@pytest.mark.parametrize("settings", BUDGETS)
def test_either_number_that_the_note_gives_is_enough(settings: SegmentationSettings, patches: list[int]) -> None:
    (line,) = [line for line in describe_budgets(settings, patches, ENDS, 3) if "will train for" in line]
    for name in ("iterations_per_step", "pixels_per_batch"):
        found = re.search(rf"task\.{name}=(\d+)", line)
        assert found
        longer = dataclasses.replace(settings, **{name: int(found[1])})
        assert not named_patches(describe_budgets(longer, patches, ENDS, 3))
        assert all(abs(use_of(longer, patch, factor, 3) - 1.0) <= TOLERANCE for patch in patches for factor in FACTORS)


def test_pictures_have_equal_budgets_at_the_defaults_and_few_iterations_are_reported() -> None:
    (line,) = describe_budgets(SegmentationSettings(), PATCHES, ENDS, 2)
    assert line.startswith("trials with space.patch=144 to 256 will take 25 to 79 iterations instead of 200")
    assert "task.pixels_per_batch=131072" in line
    assert plan_recipe(SegmentationSettings(pixels_per_batch=131072), (256, 256)).num_iterations == 200
    assert describe_budgets(SegmentationSettings(), [16, 128], ENDS, 2) == []


def test_the_notes_of_a_search_name_its_own_patches_only() -> None:
    task = SegmentationConfig(num_steps=5, iterations_per_step=2).build(TexturesConfig(image_size=32))
    notes = task.notes(SearchSpace({"patch": [32, 256]}))
    assert named_patches(notes) == {160, 176, 192, 208, 224, 240, 256}
    assert any(note.startswith("trials with space.patch=144 to 256 will take 5 to 8 iterations") for note in notes)
    assert not any("space.patch=" in note for note in task.notes(SearchSpace({"patch": [32, 64]})))


def test_a_batch_stays_as_large_as_asked_for_unless_only_a_smaller_one_is_equal() -> None:
    settings = SegmentationSettings(pixels_per_batch=16384)
    sizes = {
        patch: [plan_recipe(settings, (patch,) * 3, factor).batch_size for factor in (0.25, 1.0, 4.0)]
        for patch in (16, 32, 48, 64, 128)
    }
    assert sizes == {16: [1, 4, 16], 32: [1, 2, 8], 48: [1, 2, 6], 64: [1, 2, 3], 128: [1, 1, 1]}
    plans = [plan_recipe(settings, (patch, patch)) for patch in (16, 32, 64, 128, 256)]
    assert [plan.batch_size for plan in plans] == [64, 16, 4, 2, 2]


@pytest.mark.parametrize(("num_steps", "num_iterations"), [(4, 200), (4, 203), (3, 49), (4, 6), (4, 4), (1, 7), (7, 9)])
def test_steps_differ_by_at_most_one_iteration_and_add_up_to_the_training(num_steps: int, num_iterations: int) -> None:
    plan = TrainingPlan(num_steps, 2, num_iterations, 2.0 * num_iterations)
    ends = [plan.count_iterations(step) for step in range(num_steps + 1)]
    counts = [end - start for start, end in itertools.pairwise(ends)]
    assert (ends[0], ends[-1]) == (0, num_iterations)
    assert max(counts) - min(counts) <= 1
    assert min(counts) >= 1
    assert all(end >= step * num_iterations / num_steps for step, end in enumerate(ends))


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_a_budget_in_iterations_is_the_rule_of_earlier_studies(spatial_dims: int) -> None:
    settings = SegmentationSettings(
        num_steps=3, iterations_per_step=50, pixels_per_batch=16384, budget_by=BudgetBy.iterations
    )
    for patch in PATCHES:
        nominal = max(2, round(16384 / patch**spatial_dims))
        for factor in FACTORS:
            size = max(1, round(nominal * factor))
            per_step = max(1, round(50 * nominal / size))
            plan = plan_recipe(settings, (patch,) * spatial_dims, factor)
            assert (plan.batch_size, plan.num_iterations) == (size, 3 * per_step)
            assert [plan.count_iterations(step) for step in range(4)] == [0, per_step, 2 * per_step, 3 * per_step]
    assert describe_budgets(settings, PATCHES, ENDS, spatial_dims) == []


@pytest.mark.parametrize(
    "shape",
    [Architecture(), Architecture(depth=2, width=4), Architecture(skip="attention_gate", block="residual", width=24)],
)
@pytest.mark.parametrize("patch", [32, 64])
def test_a_budget_in_operations_is_that_of_the_default_network(shape: Architecture, patch: int) -> None:
    settings = SegmentationSettings(budget_by=BudgetBy.flops)
    dataset = load_once(TexturesConfig(image_size=32))
    image = torch.zeros(1, 32, 32)

    def count(candidate: Candidate, settings: SegmentationSettings) -> float:
        plan = plan_candidate(settings, candidate, dataset)
        network = draw_blueprint(candidate, dataset, NetworkRules()).build()
        flops = count_flops(network, image, (candidate.recipe.patch,) * 2)
        return count_training(plan, plan.num_steps, voxels=1, flops=float(flops))["train_flops"]

    by_voxels = count(Candidate(), SegmentationSettings())
    assert count(Candidate(shape, Recipe(patch=patch)), settings) == pytest.approx(by_voxels, rel=TOLERANCE)


def test_costs_count_the_voxels_and_operations_of_the_steps_that_were_done(monkeypatch: pytest.MonkeyPatch) -> None:
    data = TexturesConfig(image_size=48, num_train=3, num_validation=2, num_test=1)
    config = SegmentationConfig(
        num_steps=2, iterations_per_step=3, pixels_per_batch=7000, corruptions=["gaussian_noise"], severities=[2]
    )
    task, candidate = config.build(data), Candidate(Architecture(depth=2, width=2), Recipe(patch=48))
    voxels, learn = [], Learner.learn

    def count(self: Learner, images: Tensor, labels: Tensor, iteration: int) -> Tensor:
        assert iteration == len(voxels)
        voxels.append(images[:, 0].numel())
        return learn(self, images, labels, iteration)

    monkeypatch.setattr(Learner, "learn", count)
    trial = task.build(Assignment(candidate, seed=1))
    for _ in range(2):
        trial.step()
        costs = trial.evaluate(Split.VALIDATION).costs
        assert costs["train_voxels"] == sum(voxels)
        assert costs["train_flops"] == 3 * costs["flops"] * sum(voxels) / 48**2
        assert costs["budget_used"] == pytest.approx(sum(voxels) / (2 * 3 * 7000))
    assert len(voxels) == task.count_iterations(candidate, load_once(data)) == 6


def test_the_length_of_a_training_is_part_of_what_a_calibration_was_made_with() -> None:
    def settings_of(kind: BudgetBy) -> list[int | str]:
        return SegmentationConfig(budget_by=kind).build(TexturesConfig(image_size=32)).training_settings()

    assert settings_of(BudgetBy.iterations) == [4, 50, 0, "auto"]
    assert settings_of(BudgetBy.voxels) == [4, 50, 0, "auto", "voxels"]
    assert settings_of(BudgetBy.flops) == [4, 50, 0, "auto", "flops"]


def test_the_default_candidate_takes_all_its_iterations_in_pictures_and_in_volumes() -> None:
    settings = SegmentationSettings()
    for spatial_dims, batch_size in ((2, 16), (3, 2)):
        plan = plan_recipe(settings, (Recipe.patch,) * spatial_dims)
        assert (plan.num_iterations, plan.batch_size) == (200, batch_size)
