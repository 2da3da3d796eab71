"""The segmentation task: how long a network is trained and on what it is measured. Free of torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from paretoseg.spaces.network_size import NetworkSize
from paretoseg.spaces.objective import Objective
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import SearchSpace
from paretoseg.trainables.data.datasets import (
    Case,
    DataConfig,
    Dataset,
    describe_shift_sets,
    describe_small_cases,
    load_once,
)
from paretoseg.trainables.data.shift_sets import name_set
from paretoseg.trainables.scoring.battery import CLEAN_CONDITION, Battery, choose_quick, draw_subset, to_conditions
from paretoseg.trainables.scoring.battery_share import count_measured, describe_predicted_shares, predict_share
from paretoseg.trainables.scoring.counted_corruptions import (
    TrainedCorruptions,
    check_something_counts,
    describe_simulated_sets,
    describe_uncounted,
    find_uncounted,
)
from paretoseg.trainables.scoring.measures import MEASURES, ObjectiveMetric, Scoring, SurfaceMetrics
from paretoseg.trainables.scoring.objectives import RobustnessOver, RobustnessRule, define_objectives
from paretoseg.trainables.scoring.reference_errors import check_errors
from paretoseg.trainables.scoring.robustness_kinds import Robustness
from paretoseg.trainables.severities.levels import (
    SeverityTable,
    Strengths,
    check_corruption,
    check_severity,
    default_strengths,
    describe_leaks,
)
from paretoseg.trainables.trainable import ESTIMATED_MEMORY, TAKEN_MEMORY, Assignment, Split, SplitRow

if TYPE_CHECKING:
    from paretoseg.trainables.segmentation.trial import SegmentationTrainable

COST_NAMES = (
    *("parameters", "flops", "latency_ms", "memory_gb", TAKEN_MEMORY, ESTIMATED_MEMORY),
    *("train_seconds", "battery_seconds"),
)
"""Number of weights; operations of one window; time and peak of memory for one image; peak of training and its
estimate; time of training, and of the complete measurement on validation cases.
"""


class Precision(StrEnum):
    """What a network computes in while it is trained; lower-case names, as the config is written."""

    auto = "auto"
    float32 = "float32"
    bfloat16 = "bfloat16"


@dataclass(frozen=True)
class SegmentationTask:
    """Accuracy versus robustness of segmentation networks on one dataset. Hashable and picklable.

    The fields are those of `SegmentationConfig`, and what the search space has to do with the measurement.
    """

    data: DataConfig
    num_steps: int
    iterations_per_step: int
    pixels_per_batch: int
    precision: Precision
    memory_gb: float
    corruptions: tuple[str, ...]
    severities: tuple[int, ...]
    num_quick_cases: int
    num_battery_cases: int
    battery_seed: int
    strengths: tuple[tuple[str, Strengths], ...] = ()
    """Where they differ from the defaults or were kept by a study; see `severity_table`."""

    metric: ObjectiveMetric = ObjectiveMetric.dice
    surface_metrics: SurfaceMetrics = SurfaceMetrics.clean
    nsd_tolerance_mm: float = 1.0
    match_parameters: int = 0
    robustness: Robustness = Robustness.weighted_mean
    robustness_over: RobustnessOver = RobustnessOver.all
    trained_corruptions: TrainedCorruptions = TrainedCorruptions.exclude
    reference_errors: tuple[tuple[tuple[str, int, str], float], ...] = ()
    exposure: tuple[str, ...] = ()
    """The families of image changes that some candidate of the study meets in training."""
    match_flops: int = 0

    @property
    def network_size(self) -> NetworkSize:
        """What the widths of networks are chosen for."""
        return NetworkSize(self.match_parameters, self.match_flops)

    def objectives(self) -> tuple[Objective, ...]:
        """The mean of the metric on clean images, and robustness as the rule says."""
        return define_objectives(MEASURES[self.metric], self.rule)

    def cost_names(self) -> tuple[str, ...]:
        """Size, operations, latency, memory, and time of training and of measuring."""
        return COST_NAMES

    @property
    def uncounted(self) -> dict[str, str]:
        """The corruptions that are measured and do not count towards robustness, each with the reason."""
        return find_uncounted(self.corruptions, self.exposure, self.trained_corruptions)

    @property
    def rule(self) -> RobustnessRule:
        """How rows become robustness: the same for every trial."""
        return RobustnessRule(
            self.robustness, self.robustness_over, excluded=tuple(self.uncounted), reference=self.reference_errors
        )

    @property
    def severity_table(self) -> SeverityTable:
        """How strong each corruption is at severity 1 to 5."""
        return {**default_strengths(), **dict(self.strengths)}

    def battery(self, shifts: Sequence[str] = (), split: Split = Split.VALIDATION) -> Battery:
        """Everything that a finished trial is measured under.

        Args:
            shifts: Names of the shift sets of the data.
            split: Where the cases are from: of test cases, all are corrupted, as a search ends with few networks.
        """
        return Battery.of(
            self.corruptions,
            self.severities,
            self.battery_seed,
            strengths=self.severity_table,
            shifts=shifts,
            num_cases=self.num_battery_cases if split is Split.VALIDATION else 0,
        )

    def quick_battery(self, shifts: Sequence[str] = ()) -> Battery:
        """The part of the battery that is measured after every step: the same for all trials of a study.

        Of what counts towards robustness, every corruption at one severity and every shift set.
        """
        counted = [name for name in self.corruptions if self.rule.counts_corruption(name)]
        sets = () if self.robustness_over is RobustnessOver.corruptions else shifts
        conditions = (CLEAN_CONDITION, *choose_quick(counted, self.severities, self.battery_seed), *to_conditions(sets))
        return Battery(conditions, self.battery_seed, self.severity_table, has_gate=False)

    def choose_quick(self, cases: Sequence[Case]) -> list[Case]:
        """The cases that are measured after every step: the same for all trials of a study."""
        return draw_subset(cases, self.num_quick_cases, self.battery_seed)

    def scoring(self, dataset: Dataset) -> Scoring:
        """How masks of this dataset are compared with their references."""
        return Scoring(
            dataset.class_names, dataset.spacing_mm, self.metric, self.surface_metrics, self.nsd_tolerance_mm
        )

    def batch_size(self, recipe: Recipe, spatial_dims: int) -> int:
        """Patches of a batch: as many as make up `pixels_per_batch`, but at least two, times the recipe's factor."""
        return max(1, round(self._nominal_batch_size(recipe.patch, spatial_dims) * recipe.batch_factor))

    def iterations(self, recipe: Recipe, spatial_dims: int) -> int:
        """Optimiser iterations of a step: fewer with larger batches, so that a step sees as many pixels with any."""
        share = self._nominal_batch_size(recipe.patch, spatial_dims) / self.batch_size(recipe, spatial_dims)
        return max(1, round(self.iterations_per_step * share))

    def _nominal_batch_size(self, patch: int, spatial_dims: int) -> int:
        pixels_per_patch: int = patch**spatial_dims
        return max(2, round(self.pixels_per_batch / pixels_per_patch))

    def _predict_shares(self, dataset: Dataset, patches: Sequence[int]) -> list[float]:
        """For every patch, the time of a complete measurement by the time of training, about."""
        measured = count_measured(dataset, self.battery(tuple(dataset.shift)))
        iterations, dims = self.num_steps * self.iterations_per_step, dataset.spatial_dims
        trained = [iterations * self._nominal_batch_size(patch, dims) * patch**dims for patch in patches]
        return [predict_share(measured, patch, pixels) for patch, pixels in zip(patches, trained, strict=True)]

    def check(self) -> None:
        """Looks at settings and data.

        Raises:
            ValueError: with all findings in one message, one a line.
        """
        findings = [*self._setting_findings(), *self._battery_findings(), *self.data.findings()]
        if findings:
            raise ValueError("\n".join(findings))

    def split_rows(self) -> list[SplitRow]:
        """Every case of the data with its split and its hashes."""
        return self.data.split_rows()

    def notes(self, space: SearchSpace) -> list[str]:
        """What a user should know before the search begins, a line each.

        The shift sets, small images next to the largest patch, what of the battery training may give away, and whether
        measuring takes longer than training.
        """
        dataset = load_once(self.data)
        patches = sorted({int(space.domains["patch"].from_unit(unit / 16)) for unit in range(17)})
        small = describe_small_cases(dataset, patches[-1])
        uncounted = describe_uncounted(self.corruptions, self.exposure, self.trained_corruptions)
        leaking = describe_leaks(self.corruptions)
        simulated = describe_simulated_sets(
            dataset.simulated_families, self.exposure, self.robustness_over, sets=tuple(dataset.shift)
        )
        costly = describe_predicted_shares(self._predict_shares(dataset, patches), self.iterations_per_step)
        return [*describe_shift_sets(dataset), *small, *uncounted, *leaking, *simulated, *costly]

    def warm_up(self) -> None:
        """Imports torch, MONAI and the training loop, for a process that does nothing but trials."""
        from paretoseg.trainables.segmentation.lean_monai import import_monai  # late, see `build`

        import_monai()
        import paretoseg.trainables.segmentation.trial  # noqa: F401

    def build(self, assignment: Assignment) -> SegmentationTrainable:
        """The network of a candidate, ready to train."""
        # Imported late: the driver composes, checks and pickles tasks without paying for torch.
        from paretoseg.trainables.segmentation.trial import SegmentationTrainable

        return SegmentationTrainable(self, assignment)

    def _setting_findings(self) -> list[str]:
        findings = []
        for name in ("num_steps", "iterations_per_step", "pixels_per_batch", "num_quick_cases"):
            if getattr(self, name) < 1:
                findings.append(f"task.{name} must be at least 1, got {getattr(self, name)}")
        for name in ("memory_gb", "num_battery_cases", "nsd_tolerance_mm", "match_parameters", "match_flops"):
            if not 0 <= getattr(self, name) < math.inf:
                findings.append(f"task.{name} must be at least 0 and finite, got {getattr(self, name)}")
        if self.match_parameters and self.match_flops:
            findings.append(
                "one width cannot match two numbers, got "
                f"task.match_parameters={self.match_parameters} and task.match_flops={self.match_flops}; set one to 0"
            )
        return findings

    def _battery_findings(self) -> list[str]:
        findings = []
        for name, least in (("corruptions", 0), ("severities", 1)):
            values = getattr(self, name)
            if len(values) < least or len(set(values)) != len(values):
                findings.append(f"task.{name} must be distinct and at least one, got {list(values)}")
        for corruption in self.corruptions:
            try:
                check_corruption(corruption)
            except ValueError as error:
                findings.append(f"task.corruptions: {error}")
        for severity in self.severities:
            try:
                check_severity(severity)
            except ValueError as error:
                findings.append(f"task.severities: {error}")
        over, shifts = self.robustness_over, [name_set(name) for name in self.data.shift]
        findings += check_something_counts(self.uncounted, self.corruptions, over, has_shift=bool(shifts))
        counted = [condition for condition in self.battery(shifts).conditions if self.rule.counts(condition)]
        return findings or check_errors(self.robustness, dict(self.reference_errors), counted)
