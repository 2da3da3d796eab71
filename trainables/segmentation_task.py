"""The segmentation task: how long a network is trained and on what it is measured. Free of torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from spaces.exposure import find_exposure
from spaces.objective import Objective
from spaces.recipe import Recipe
from spaces.search_space import SearchSpace
from trainables.battery import CLEAN_CONDITION, Battery, choose_quick, to_conditions
from trainables.calibration import settle_strengths
from trainables.counting import TrainedCorruptions, check_something_counts, describe_uncounted, find_uncounted
from trainables.datasets import DataConfig, Dataset, describe_shift_sets, describe_small_cases, load_once
from trainables.measures import MEASURES, ObjectiveMetric, Scoring, SurfaceMetrics
from trainables.objectives import RobustnessOver, RobustnessRule, define_objectives
from trainables.reference_errors import check_errors, parse_errors
from trainables.robustness import Robustness
from trainables.severities import (
    SeverityTable,
    Strengths,
    check_corruption,
    check_severity,
    default_strengths,
    describe_leaks,
    expand_corruptions,
)
from trainables.shift_sets import name_set
from trainables.task_config import TaskConfig
from trainables.trainable import Assignment, SplitRow

if TYPE_CHECKING:
    from trainables.segmentation import SegmentationTrainable

COST_NAMES = ("parameters", "flops", "latency_ms", "memory_gb", "train_memory_gb", "train_seconds", "battery_seconds")
"""Number of weights; operations of one window; time and peak of memory for one image; peak and time of training; time
of the complete measurement on validation cases.
"""


class Precision(StrEnum):
    """What a network computes in while it is trained; lower-case names, as the config is written."""

    auto = "auto"
    float32 = "float32"
    bfloat16 = "bfloat16"


@dataclass(unsafe_hash=True)
class SegmentationConfig(TaskConfig):
    """Budget and measurement of a trial, as a config names them."""

    num_steps: int = 4
    """Steps of a trial; after each one, a pruner may stop it."""

    iterations_per_step: int = 50
    """Optimiser iterations of one step, for batches of `pixels_per_batch`."""

    pixels_per_batch: int = 16384
    """Pixels (voxels) of a batch, whatever the patch: candidates with small patches get more of them."""

    precision: Precision = Precision.auto
    """What training computes in: float32, bfloat16, or bfloat16 where the device gains by it (auto)."""

    memory_gb: float = 0.0
    """Memory a trial may take, in gigabytes (10^9 bytes); 0 for what the GPU or machine has free."""

    corruptions: list[str] = field(default_factory=lambda: ["gaussian_noise", "speckle_noise", "gaussian_blur"])
    """The battery that robustness is measured on: names from the table of corruptions."""

    severities: list[int] = field(default_factory=lambda: [2, 4])
    """Severities of every corruption, 1 to 5; mild ones weigh more."""

    match_parameters: int = 0
    """Number of weights that the width is chosen for, so that all networks are of one size; 0 to search the width."""

    robustness: Robustness = Robustness.weighted_mean
    """How scores on changed images become the objective robustness."""

    robustness_over: RobustnessOver = RobustnessOver.all
    """What counts towards robustness: corruptions, shifts (the shift sets of the data), or all."""

    trained_corruptions: TrainedCorruptions = TrainedCorruptions.exclude
    """Whether corruptions that the space lets some trial meet in training count, for all trials: exclude, include."""

    reference: str = ""
    """File of rows of the network that `mean_corruption_error` compares with."""

    reference_errors: list[str] = field(default_factory=list)
    """Its errors, a line a condition; a study keeps them here and reads no file again."""

    num_quick_cases: int = 4
    """Validation cases that the quick measurement after every step looks at, and as many of every shift set."""

    battery_seed: int = 0
    """Decides the draws of the corruptions, together with case, corruption and severity."""

    calibration: str = ""
    """File of `paretoseg calibrate` whose strengths a study begins with; empty for the defaults."""

    strengths: list[str] = field(default_factory=list)
    """Strengths at severity 1 to 5, a line a corruption; a study keeps all of its own here and reads no file again."""

    metric: ObjectiveMetric = ObjectiveMetric.dice
    """What accuracy and robustness are made of: dice or nsd (surface Dice)."""

    surface_metrics: SurfaceMetrics = SurfaceMetrics.clean
    """On which images NSD and HD95 are measured besides Dice: clean, all or none."""

    nsd_tolerance_mm: float = 1.0
    """How far two surfaces may lie apart and still count as equal in NSD, in millimetres."""

    def build(self, data: DataConfig, space: SearchSpace | None = None) -> SegmentationTask:
        """The task on this data, frozen."""
        return SegmentationTask(
            data=data,
            num_steps=self.num_steps,
            iterations_per_step=self.iterations_per_step,
            pixels_per_batch=self.pixels_per_batch,
            precision=self.precision,
            memory_gb=self.memory_gb,
            corruptions=tuple(expand_corruptions(self.corruptions)),
            severities=tuple(self.severities),
            num_quick_cases=self.num_quick_cases,
            battery_seed=self.battery_seed,
            strengths=tuple(settle_strengths(self.strengths, self.calibration if not self.strengths else "").items()),
            metric=self.metric,
            surface_metrics=self.surface_metrics,
            nsd_tolerance_mm=self.nsd_tolerance_mm,
            match_parameters=self.match_parameters,
            robustness=self.robustness,
            robustness_over=self.robustness_over,
            trained_corruptions=self.trained_corruptions,
            reference_errors=tuple(parse_errors(self.reference_errors).items()),
            exposure=tuple(sorted(find_exposure(space))) if space else (),
        )


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

    def battery(self, shifts: Sequence[str] = ()) -> Battery:
        """Everything that a finished trial is measured under.

        Args:
            shifts: Names of the shift sets of the data.
        """
        return Battery.of(
            self.corruptions, self.severities, self.battery_seed, strengths=self.severity_table, shifts=shifts
        )

    def quick_battery(self, shifts: Sequence[str] = ()) -> Battery:
        """The part of the battery that is measured after every step: the same for all trials of a study.

        Of what counts towards robustness, every corruption at one severity and every shift set.
        """
        counted = [name for name in self.corruptions if self.rule.counts_corruption(name)]
        sets = () if self.robustness_over is RobustnessOver.corruptions else shifts
        conditions = (CLEAN_CONDITION, *choose_quick(counted, self.severities, self.battery_seed), *to_conditions(sets))
        return Battery(conditions, self.battery_seed, self.severity_table, has_gate=False)

    def scoring(self, dataset: Dataset) -> Scoring:
        """How masks of this dataset are compared with their references."""
        return Scoring(
            dataset.class_names, dataset.spacing_mm, self.metric, self.surface_metrics, self.nsd_tolerance_mm
        )

    def batch_size(self, recipe: Recipe, spatial_dims: int) -> int:
        """Patches of a batch: as many as make up `pixels_per_batch`, but at least two, times the recipe's factor."""
        return max(1, round(self._nominal_batch_size(recipe, spatial_dims) * recipe.batch_factor))

    def iterations(self, recipe: Recipe, spatial_dims: int) -> int:
        """Optimiser iterations of a step: fewer with larger batches, so that a step sees as many pixels with any."""
        share = self._nominal_batch_size(recipe, spatial_dims) / self.batch_size(recipe, spatial_dims)
        return max(1, round(self.iterations_per_step * share))

    def _nominal_batch_size(self, recipe: Recipe, spatial_dims: int) -> int:
        pixels_per_patch: int = recipe.patch**spatial_dims
        return max(2, round(self.pixels_per_batch / pixels_per_patch))

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
        """The shift sets, small images next to the largest patch, and what of the battery training may give away."""
        small = describe_small_cases(load_once(self.data), int(space.domains["patch"].from_unit(1.0)))
        uncounted = describe_uncounted(self.corruptions, self.exposure, self.trained_corruptions)
        leaking = describe_leaks(self.corruptions)
        return [*describe_shift_sets(load_once(self.data)), *small, *uncounted, *leaking]

    def warm_up(self) -> None:
        """Imports torch, MONAI and the training loop."""
        import trainables.segmentation  # noqa: F401  (late, see `build`)

    def build(self, assignment: Assignment) -> SegmentationTrainable:
        """The network of a candidate, ready to train."""
        # Imported late: the driver composes, checks and pickles tasks without paying for torch.
        from trainables.segmentation import SegmentationTrainable

        return SegmentationTrainable(self, assignment)

    def _setting_findings(self) -> list[str]:
        findings = []
        for name in ("num_steps", "iterations_per_step", "pixels_per_batch", "num_quick_cases"):
            if getattr(self, name) < 1:
                findings.append(f"task.{name} must be at least 1, got {getattr(self, name)}")
        for name in ("memory_gb", "nsd_tolerance_mm", "match_parameters"):
            if not 0 <= getattr(self, name) < math.inf:
                findings.append(f"task.{name} must be at least 0 and finite, got {getattr(self, name)}")
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
