"""How long a trial trains: patches of a batch and iterations, so that all trials spend as much. Free of torch.

The nominal budget is `num_steps` x `step_iterations` x `pixels_per_batch` voxels. A training takes whole patches,
at least one iteration in every step, and batches as large as its recipe asks for. Where that misses the budget by more
than `TOLERANCE`, batches are smaller, down to a single patch: equal numbers of voxels make trials comparable, while the
size of a batch is a choice of the recipe. Batches never grow, because they might not fit into memory.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from paretoseg.spaces.architecture import PLANNED
from paretoseg.spaces.search_space import Candidate, SearchSpace
from paretoseg.trainables.data.datasets import Dataset
from paretoseg.trainables.networks.window import find_window
from paretoseg.trainables.planning.network_plan import plan_network
from paretoseg.trainables.scoring.battery_share import PASSES_OF_TRAINING
from paretoseg.trainables.segmentation.options import BudgetBy
from paretoseg.trainables.segmentation.settings import SegmentationSettings

TOLERANCE = 0.05
"""By how much a training may miss its budget, as a share of it, and still count as equal."""

ENOUGH_PATCHES = math.ceil(0.5 / TOLERANCE)
"""From this number of patches on, the nearest whole number of them is always within `TOLERANCE`."""


@dataclass(frozen=True)
class TrainingPlan:
    """What a training does in numbers."""

    num_steps: int
    """Steps of the training."""

    batch_size: int
    """Patches of an iteration."""

    num_iterations: int
    """Iterations of all steps, at least one in each."""

    paid_patches: float
    """The number of patches that the budget pays for."""

    def count_iterations(self, num_steps: int) -> int:
        """Iterations of the first steps; steps differ by at most one iteration, and earlier ones are never behind."""
        return -(-num_steps * self.num_iterations // self.num_steps)

    def count_patches(self, num_steps: int) -> int:
        """Patches that the network has seen after the first steps, repetitions included."""
        return self.batch_size * self.count_iterations(num_steps)

    @property
    def budget_used(self) -> float:
        """What the training spends relative to the budget: 1 if they are equal."""
        return self.batch_size * self.num_iterations / self.paid_patches

    @property
    def is_equal(self) -> bool:
        """Whether the training spends the budget, within `TOLERANCE`."""
        return abs(self.budget_used - 1.0) <= TOLERANCE


def plan_candidate(settings: SegmentationSettings, candidate: Candidate, dataset: Dataset) -> TrainingPlan:
    """The training of a candidate; batches of a planned network are its plan's.

    With a budget in operations, counts those of its network and of the default candidate's, which needs torch.
    """
    relative = 1.0
    if settings.budget_by is BudgetBy.flops:
        from paretoseg.trainables.networks.capacity import count_flops_per_voxel  # torch: late, only trials need it

        relative, default = (
            count_flops_per_voxel(one, dataset, settings.network_rules) for one in (candidate, Candidate())
        )
        relative /= default
    window, factor = find_window(candidate, dataset, settings.network_rules)[0], candidate.recipe.batch_factor
    family = candidate.architecture.family
    if family in PLANNED:
        factor *= plan_network(family, dataset).batch / settings.batch_size(1.0, window)
    return plan_recipe(settings, window, factor, relative)


def plan_recipe(
    settings: SegmentationSettings, window: Sequence[int], batch_factor: float = 1.0, relative_flops: float = 1.0
) -> TrainingPlan:
    """The training of a recipe.

    Args:
        settings: The budget.
        window: Extents of a patch, in pixels or voxels.
        batch_factor: By which batches are larger than usual.
        relative_flops: Operations of a voxel in the candidate's network, relative to those in the default candidate's;
            used with `budget_by=flops` only.
    """
    steps, batch_size = settings.num_steps, settings.batch_size(batch_factor, window)
    patches = settings.count_voxels(len(window)) / math.prod(window)
    if settings.budget_by is BudgetBy.iterations:
        iterations = settings.num_steps * settings.iterations(batch_factor, window)
        return TrainingPlan(steps, batch_size, iterations, patches)
    if settings.budget_by is BudgetBy.flops:
        patches /= relative_flops
    return _fit(steps, batch_size, patches)


def _fit(num_steps: int, most: int, paid_patches: float) -> TrainingPlan:
    """The plan with the largest batch, up to `most` patches, that is equal to the budget; if none is, the closest."""
    plans = (
        TrainingPlan(num_steps, size, max(num_steps, round(paid_patches / size)), paid_patches)
        for size in range(most, 0, -1)
    )
    tried = []
    for plan in plans:
        if plan.is_equal:
            return plan
        tried.append(plan)
    return min(tried, key=lambda plan: abs(plan.budget_used - 1.0))


def count_trained(settings: SegmentationSettings, space: SearchSpace, spatial_dims: int) -> dict[int, int]:
    """The pixels (voxels) in all batches of a training, by edge of its patch, for the patches of a space.

    With `budget_by=flops` for networks that take as many operations per voxel as the default candidate's.
    """
    patches = list_patches(space)
    plans = {patch: plan_recipe(settings, (patch,) * spatial_dims) for patch in patches}
    return {patch: plan.count_patches(plan.num_steps) * patch**spatial_dims for patch, plan in plans.items()}


def list_patches(space: SearchSpace) -> list[int]:
    """Edges of a patch over the range of a space, in ascending order."""
    return sorted({int(space.domains["patch"].from_unit(unit / 16)) for unit in range(17)})


def count_training(plan: TrainingPlan, num_steps: int, *, voxels: int, flops: float) -> dict[str, float]:
    """The costs of the first steps of a training: train_voxels, train_flops, budget_used.

    Args:
        plan: The training.
        num_steps: How many of its steps were done.
        voxels: Of a patch.
        flops: Operations of one forward pass of a patch.
    """
    patches = plan.count_patches(num_steps)
    return {
        "train_voxels": float(patches * voxels),
        "train_flops": PASSES_OF_TRAINING * flops * patches,
        "budget_used": patches / plan.paid_patches,
    }


def describe_budgets(
    settings: SegmentationSettings, patches: Collection[int], factors: Collection[float], spatial_dims: int
) -> list[str]:
    """One line on patches whose trainings miss the budget, and one on patches with few iterations; else empty.

    With `budget_by=flops` they hold for networks that take as many operations per voxel as the default candidate's.

    Args:
        settings: The budget.
        patches: Every edge of a patch that a trial may have, in pixels or voxels of equal edges.
        factors: The smallest and the largest factor of a batch that a trial may have.
        spatial_dims: 2 for pictures, 3 for volumes.
    """
    if settings.budget_by is BudgetBy.iterations:
        return []
    plans = {patch: [plan_recipe(settings, (patch,) * spatial_dims, factor) for factor in factors] for patch in patches}
    return [*_describe_unequal(settings, plans, spatial_dims), *_describe_rare(settings, patches, spatial_dims)]


def _describe_unequal(
    settings: SegmentationSettings, plans: Mapping[int, Collection[TrainingPlan]], spatial_dims: int
) -> list[str]:
    unequal = {patch: found for patch, found in sorted(plans.items()) if not all(plan.is_equal for plan in found)}
    if not unequal:
        return []
    used = sorted(plan.budget_used for found in unequal.values() for plan in found)
    voxels = max(plans) ** spatial_dims * max(settings.num_steps, ENOUGH_PATCHES)
    iterations = math.ceil(voxels / (settings.num_steps * settings.count_batch_pixels(spatial_dims)))
    budget = settings.count_voxels(spatial_dims)
    pixels = math.ceil(voxels / (settings.num_steps * settings.step_iterations))
    return [
        f"{_name_trials(settings, map(str, unequal))} will train for {_name_range(f'{share:.2f}' for share in used)} "
        f"times the budget of {budget} voxels (cost budget_used), because every step has an iteration and "
        f"every iteration a whole patch; task.iterations_per_step={iterations} or task.pixels_per_batch={pixels} is "
        "enough to make all budgets equal"
    ]


def _describe_rare(settings: SegmentationSettings, patches: Collection[int], spatial_dims: int) -> list[str]:
    pixels = settings.count_batch_pixels(spatial_dims)
    large = [patch for patch in sorted(patches) if patch**spatial_dims > pixels]
    if not large:
        return []
    counts = sorted(plan_recipe(settings, (patch,) * spatial_dims).num_iterations for patch in large)
    return [
        f"{_name_trials(settings, [_name_range(large)])} will take {_name_range(counts)} iterations instead of "
        f"{settings.num_steps * settings.step_iterations}, because one such patch has more voxels than a batch "
        f"(task.pixels_per_batch={pixels}) and all trials have the same budget; narrow space.patch, "
        f"or train all for longer (task.pixels_per_batch={2 * large[-1] ** spatial_dims} is two of the largest patch)"
    ]


def _name_trials(settings: SegmentationSettings, patches: Iterable[str]) -> str:
    trials = "trials of the default network" if settings.budget_by is BudgetBy.flops else "trials"
    return f"{trials} with space.patch={', '.join(patches)}"


def _name_range(values: Iterable[object]) -> str:
    """The first and the last value, or one if they are equal."""
    names = [str(value) for value in values]
    first, last = names[0], names[-1]
    return first if first == last else f"{first} to {last}"
