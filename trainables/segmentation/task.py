"""The segmentation task: checked before a search, and built for each candidate. Free of torch."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from paretoseg.spaces.cost_objectives import COST_OBJECTIVES
from paretoseg.spaces.network_rules import NetworkRules
from paretoseg.spaces.objective import Objective
from paretoseg.spaces.objective_choice import ObjectiveChoice
from paretoseg.spaces.search_space import Candidate, SearchSpace
from paretoseg.trainables.data.datasets import (
    DataConfig,
    Dataset,
    describe_grid_cost,
    describe_shift_sets,
    describe_small_cases,
    load_once,
)
from paretoseg.trainables.data.shift_sets import name_set
from paretoseg.trainables.networks.window import find_window
from paretoseg.trainables.scoring.battery import Battery
from paretoseg.trainables.scoring.battery_share import count_measured, describe_predicted_shares, predict_share
from paretoseg.trainables.scoring.counted_corruptions import (
    check_something_counts,
    describe_simulated_sets,
    describe_uncounted,
)
from paretoseg.trainables.scoring.measures import MEASURES, AbsentClasses, ObjectiveMetric, Scoring
from paretoseg.trainables.scoring.objectives import RobustnessRule, define_objectives
from paretoseg.trainables.scoring.reference_errors import check_errors
from paretoseg.trainables.scoring.score_objectives import define_scores
from paretoseg.trainables.segmentation.absent_classes import check_holders
from paretoseg.trainables.segmentation.budget import count_trained, describe_budgets, list_patches, plan_candidate
from paretoseg.trainables.segmentation.left_out import describe_left_out, find_left_out_once
from paretoseg.trainables.segmentation.length import ITERATIONS, Length
from paretoseg.trainables.segmentation.options import BudgetBy, Geometry
from paretoseg.trainables.segmentation.search_part import describe_part
from paretoseg.trainables.segmentation.settings import SegmentationSettings
from paretoseg.trainables.severities.levels import describe_leaks
from paretoseg.trainables.trainable import ESTIMATED_MEMORY, TAKEN_MEMORY, Assignment, Split, SplitRow
from paretoseg.trainables.transfer.kinds import find_opened

if TYPE_CHECKING:
    from paretoseg.trainables.segmentation.trial import SegmentationTrainable


COST_NAMES = (
    *("parameters", "flops", "latency_ms", "memory_gb", TAKEN_MEMORY, ESTIMATED_MEMORY),
    *("train_voxels", "train_flops", "budget_used", "train_seconds", "battery_seconds"),
)
"""Number of weights; operations of one window; time and peak of memory for one image; peak of training and its
estimate; voxels and operations of training, and its share of the budget; time of training, and of the complete
measurement on validation cases.
"""


@dataclass(frozen=True)
class SegmentationTask:
    """Accuracy versus robustness of segmentation networks on one dataset, as a `Task`.

    Hashable and picklable.
    """

    settings: SegmentationSettings
    data: DataConfig
    exposure: tuple[str, ...] = ()
    """The families of image changes that some candidate of the study sees in training."""

    choice: ObjectiveChoice | None = None
    """What is optimised, if it is not accuracy and robustness."""

    def objectives(self) -> tuple[Objective, ...]:
        """What was chosen, or the mean of the metric on clean images, and robustness by the rule."""
        return self.choice.objectives if self.choice else define_objectives(MEASURES[self.metric], self.rule)

    def cost_names(self) -> tuple[str, ...]:
        """Size, operations, latency, memory, length and time of training, and time of measuring; without objectives."""
        return self.choice.name_costs(COST_NAMES) if self.choice else COST_NAMES

    def measurable(self) -> tuple[Objective, ...]:
        """Scores, then costs."""
        scores = define_scores(self.metric, self.rule, self.settings.surface_metrics)
        return (*scores, *COST_OBJECTIVES.values())

    def choose(self, choice: ObjectiveChoice) -> SegmentationTask:
        """The same task with these objectives."""
        return replace(self, choice=choice)

    def predictable(self) -> tuple[str, ...]:
        """The size of the network, its operations, and the estimate of the memory of its training."""
        return ("parameters", "flops", ESTIMATED_MEMORY)

    def predict(self, candidate: Candidate, names: Collection[str]) -> dict[str, float]:
        """The costs as in `predicting.py`: about 60 ms for a network that was not seen before."""
        from paretoseg.trainables.segmentation.predicting import predict_costs  # late: see `build`

        return predict_costs(self.settings, candidate, load_once(self.data), names)

    @property
    def network_rules(self) -> NetworkRules:
        """How candidates become networks."""
        return self.settings.network_rules

    @property
    def metric(self) -> ObjectiveMetric:
        """The metric of accuracy and robustness."""
        return self.settings.metric

    @property
    def rule(self) -> RobustnessRule:
        """The rule that computes robustness from rows: the same for every trial."""
        return self.settings.define_rule(self.exposure)

    def battery(self, shifts: Sequence[str] = (), split: Split = Split.VALIDATION) -> Battery:
        """Everything that a finished trial is measured under."""
        return self.settings.battery(shifts, split)

    def scoring(self, dataset: Dataset) -> Scoring:
        """How masks of this dataset are scored against their references."""
        return self.settings.scoring(dataset)

    def training_settings(self) -> list[int | str]:
        """The settings that decide the weights of a trained network, besides data, candidate, size and seed."""
        settings = self.settings
        length = [settings.num_steps, settings.step_iterations, settings.pixels_per_batch, settings.precision.value]
        # Earlier calibrations do not name the kind of their budget.
        budget = [] if settings.budget_by is BudgetBy.iterations else [settings.budget_by.value]
        # Nor the geometry: where the edges of a voxel are equal, the usual one is that of earlier networks.
        return [*length, *budget, *([] if settings.geometry is Geometry.spacing else [f"geometry={settings.geometry}"])]

    def count_iterations(self, candidate: Candidate, dataset: Dataset) -> int:
        """Optimiser iterations of a whole training."""
        return plan_candidate(self.settings, candidate, dataset).num_iterations

    def count_work(self, candidate: Candidate) -> float:
        """Operations of the whole training of a candidate; about 60 ms for a network that was not seen before."""
        from paretoseg.trainables.segmentation.predicting import count_work  # late: see `build`

        return count_work(self.settings, candidate, load_once(self.data))

    def describe_training(self, candidate: Candidate) -> str:
        """Patch, batch and iterations of a training, in words, beside the iterations of nnU-Net."""
        dataset = load_once(self.data)
        plan = plan_candidate(self.settings, candidate, dataset)
        window, _ = find_window(candidate, dataset, self.network_rules)
        return (
            f"patches of {' x '.join(map(str, window))}, batches of {plan.batch_size}, {plan.num_iterations:,} "
            f"iterations in the budget of every trial (nnU-Net itself trains for {ITERATIONS[Length.full]:,})"
        )

    def check(self) -> None:
        """Checks settings and data.

        Raises:
            ValueError: with all findings in one message, one per line.
        """
        findings = [*self.settings.number_findings(), *self._counting_findings(), *self.data.findings()]
        if not findings and self.settings.absent_classes is AbsentClasses.skip:
            dataset = load_once(self.data)
            findings = check_holders(dataset, lambda split: self._measured_battery(tuple(dataset.shift), split))
        if findings:
            raise ValueError("\n".join(findings))

    def split_rows(self) -> list[SplitRow]:
        """Every case of the data with its split and its hashes."""
        return self.data.split_rows()

    def notes(self, space: SearchSpace) -> list[str]:
        """Notes for the user before the search starts, one line each.

        They describe the shift sets, images smaller than the largest patch, patches whose trainings are not as long as
        others, corruptions that do not count or are held out, whether measuring takes longer than training, and cases
        that are left out of a condition.
        """
        dataset = load_once(self.data)
        patches = list_patches(space)
        factors = [float(space.domains["batch_factor"].from_unit(unit)) for unit in (0.0, 1.0)]
        small = describe_small_cases(dataset, patches[-1])
        budgets = describe_budgets(self.settings, patches, factors, dataset.spatial_dims)
        uncounted = describe_uncounted(self.settings.corruptions, self.exposure, self.settings.trained_corruptions)
        leaking = describe_leaks(self.settings.corruptions)
        simulated = describe_simulated_sets(
            dataset.simulated_families, self.exposure, self.settings.robustness_over, sets=tuple(dataset.shift)
        )
        trained = count_trained(self.settings, space, dataset.spatial_dims)
        costly = [*describe_part(self.settings, dataset, trained), *self._describe_shares(dataset, trained)]
        grid = describe_grid_cost(dataset) if self.settings.scores_native else []
        transfer = self.settings.judge_transfer(self.exposure).describe(find_opened(self.exposure))
        return [
            *describe_shift_sets(dataset),
            *grid,
            *small,
            *budgets,
            *uncounted,
            *transfer,
            *leaking,
            *simulated,
            *costly,
            *self.describe_left_out(),
        ]

    def describe_left_out(self) -> list[str]:
        """One line that names the cases which a corruption would rob of a class, and that are left out; else empty."""
        return describe_left_out(self.settings, self.data)

    def warm_up(self) -> None:
        """Imports torch, MONAI and the training loop, in a process that only runs trials."""
        from paretoseg.trainables.segmentation.lean_monai import import_monai  # late, see `build`

        import_monai()
        import paretoseg.trainables.segmentation.trial  # noqa: F401

    def build(self, assignment: Assignment) -> SegmentationTrainable:
        """The network of a candidate, ready to train."""
        # Imported late: the driver composes, checks and pickles tasks without importing torch.
        from paretoseg.trainables.segmentation.trial import SegmentationTrainable

        return SegmentationTrainable(self.settings, self.data, self.rule, assignment, self.choice)

    def _measured_battery(self, shifts: Sequence[str], split: Split) -> Battery:
        """The battery without the cases that are left out of a condition."""
        left_out = find_left_out_once(self.settings, self.data, split)
        return replace(self.battery(shifts, split), left_out=left_out)

    def _describe_shares(self, dataset: Dataset, trained: Mapping[int, int]) -> list[str]:
        """One line if measuring takes longer than training for some patch; else empty.

        Args:
            dataset: The cases.
            trained: Pixels (voxels) that a training sees, by edge of the patch.
        """
        measured = count_measured(dataset, self.battery(tuple(dataset.shift)))
        shares = {patch: predict_share(measured, patch, voxels) for patch, voxels in trained.items()}
        # A training that is longer than its budget already does not grow with it at first.
        is_fixed = self.settings.budget_by is not BudgetBy.iterations
        budget = self.settings.count_voxels(dataset.spatial_dims)
        wanted = [share * (max(1.0, trained[patch] / budget) if is_fixed else 1.0) for patch, share in shares.items()]
        return describe_predicted_shares(list(shares.values()), math.ceil(self.settings.step_iterations * max(wanted)))

    def _counting_findings(self) -> list[str]:
        """What is wrong with the battery, and with the part of it that counts."""
        settings, shifts = self.settings, [name_set(name) for name in self.data.shift]
        uncounted = settings.find_uncounted(self.exposure)
        findings = settings.battery_findings()
        findings += check_something_counts(
            uncounted, settings.corruptions, settings.robustness_over, has_shift=bool(shifts)
        )
        counted = [condition for condition in self.battery(shifts).conditions if self.rule.counts(condition)]
        return findings or check_errors(settings.robustness, self.rule.reference, counted)
