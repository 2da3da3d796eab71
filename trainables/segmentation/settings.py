"""What a segmentation trial reads of its task: how long it trains, and what it is measured on. Free of torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from paretoseg.spaces.network_size import NetworkSize
from paretoseg.spaces.objective import Objective
from paretoseg.spaces.recipe import Recipe
from paretoseg.trainables.data.datasets import (
    Case,
    DataConfig,
    Dataset,
)
from paretoseg.trainables.scoring.battery import CLEAN_CONDITION, Battery, choose_quick, draw_subset, to_conditions
from paretoseg.trainables.scoring.counted_corruptions import (
    TrainedCorruptions,
    find_uncounted,
)
from paretoseg.trainables.scoring.measures import MEASURES, ObjectiveMetric, Scoring, SurfaceMetrics
from paretoseg.trainables.scoring.objectives import RobustnessOver, RobustnessRule, define_objectives
from paretoseg.trainables.scoring.robustness_kinds import Robustness
from paretoseg.trainables.severities.levels import (
    SeverityTable,
    Strengths,
    default_strengths,
)
from paretoseg.trainables.trainable import ESTIMATED_MEMORY, TAKEN_MEMORY, Split

if TYPE_CHECKING:
    pass

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
class SegmentationSettings:
    """How long networks are trained and on what they are measured, on one dataset. Hashable and picklable.

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
        return max(1, round(self.nominal_batch_size(recipe.patch, spatial_dims) * recipe.batch_factor))

    def iterations(self, recipe: Recipe, spatial_dims: int) -> int:
        """Optimiser iterations of a step: fewer with larger batches, so that a step sees as many pixels with any."""
        share = self.nominal_batch_size(recipe.patch, spatial_dims) / self.batch_size(recipe, spatial_dims)
        return max(1, round(self.iterations_per_step * share))

    def nominal_batch_size(self, patch: int, spatial_dims: int) -> int:
        """Patches that make up `pixels_per_batch`, but at least two."""
        pixels_per_patch: int = patch**spatial_dims
        return max(2, round(self.pixels_per_batch / pixels_per_patch))
