"""The segmentation task: how long a network is trained and on what it is measured. Free of torch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from spaces.objective import Objective
from spaces.recipe import AUGMENTATIONS, Recipe, augmentation_families
from spaces.search_space import SearchSpace
from trainables.datasets import DataConfig, Dataset, describe_small_cases, load_once
from trainables.measures import MEASURES, ObjectiveMetric, Scoring, SurfaceMetrics
from trainables.network_size import NetworkSize
from trainables.objectives import define_objectives
from trainables.severities import LEVELS, check_corruption, check_severity
from trainables.task_config import TaskConfig
from trainables.trainable import ESTIMATED_MEMORY, TAKEN_MEMORY, Assignment, SplitRow

if TYPE_CHECKING:
    from trainables.segmentation import SegmentationTrainable

COST_NAMES = ("parameters", "flops", "latency_ms", "memory_gb", TAKEN_MEMORY, ESTIMATED_MEMORY, "train_seconds")
"""Number of weights; operations of one window; time and peak of memory for one image; peak, its estimate and time of
training."""


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

    match_flops: int = 0
    """The same by operations of one window of the training patch, counted as the cost `flops`; one of both at most."""

    num_quick_cases: int = 4
    """Validation cases that the quick measurement after every step looks at."""

    battery_seed: int = 0
    """Decides the draws of the corruptions, together with case, corruption and severity."""

    metric: ObjectiveMetric = ObjectiveMetric.dice
    """What accuracy and robustness are made of: dice or nsd (surface Dice)."""

    surface_metrics: SurfaceMetrics = SurfaceMetrics.clean
    """On which images NSD and HD95 are measured besides Dice: clean, all or none."""

    nsd_tolerance_mm: float = 1.0
    """How far two surfaces may lie apart and still count as equal in NSD, in millimetres."""

    def build(self, data: DataConfig) -> SegmentationTask:
        """The task on this data, frozen."""
        return SegmentationTask(
            data=data,
            num_steps=self.num_steps,
            iterations_per_step=self.iterations_per_step,
            pixels_per_batch=self.pixels_per_batch,
            precision=self.precision,
            memory_gb=self.memory_gb,
            corruptions=tuple(self.corruptions),
            severities=tuple(self.severities),
            num_quick_cases=self.num_quick_cases,
            battery_seed=self.battery_seed,
            metric=self.metric,
            surface_metrics=self.surface_metrics,
            nsd_tolerance_mm=self.nsd_tolerance_mm,
            match_parameters=self.match_parameters,
            match_flops=self.match_flops,
        )


@dataclass(frozen=True)
class SegmentationTask:
    """Accuracy versus robustness of segmentation networks on one dataset. Hashable and picklable.

    The fields are those of `SegmentationConfig`.
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
    metric: ObjectiveMetric = ObjectiveMetric.dice
    surface_metrics: SurfaceMetrics = SurfaceMetrics.clean
    nsd_tolerance_mm: float = 1.0
    match_parameters: int = 0
    match_flops: int = 0

    @property
    def network_size(self) -> NetworkSize:
        """What the widths of networks are chosen for."""
        return NetworkSize(self.match_parameters, self.match_flops)

    def objectives(self) -> tuple[Objective, ...]:
        """The mean of the metric on clean and on corrupted images, both to be maximised."""
        return define_objectives(MEASURES[self.metric])

    def cost_names(self) -> tuple[str, ...]:
        """Size, operations, latency, memory and training time."""
        return COST_NAMES

    def scoring(self, dataset: Dataset) -> Scoring:
        """How masks of this dataset are compared with their references."""
        return Scoring(
            dataset.class_names, dataset.spacing_mm, self.metric, self.surface_metrics, self.nsd_tolerance_mm
        )

    @property
    def quick_severity(self) -> int:
        """The one severity of the quick measurement: the middle one, the lower of two."""
        return sorted(self.severities)[(len(self.severities) - 1) // 2]

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
        """What the data and the largest patch make of each other, and what of the battery training may give away."""
        small = describe_small_cases(load_once(self.data), int(space.domains["patch"].from_unit(1.0)))
        return [*small, *self._describe_memorised(space)]

    def warm_up(self) -> None:
        """Imports torch, MONAI and the training loop, for a process that does nothing but trials."""
        from trainables.lean_monai import import_monai  # late, see `build`

        import_monai()
        import trainables.segmentation  # noqa: F401

    def build(self, assignment: Assignment) -> SegmentationTrainable:
        """The network of a candidate, ready to train."""
        # Imported late: the driver composes, checks and pickles tasks without paying for torch.
        from trainables.segmentation import SegmentationTrainable

        return SegmentationTrainable(self, assignment)

    def _describe_memorised(self, space: SearchSpace) -> list[str]:
        """Says which corruptions a candidate of this space may have met in training."""
        options = [name for name in AUGMENTATIONS if space.domains["augmentation"].contains(name)]
        met = frozenset[str]().union(*(augmentation_families(Recipe(augmentation=name)) for name in options))
        known = [name for name in self.corruptions if LEVELS[name].family in met]
        if not known:
            return []
        return [
            f"space.augmentation lets networks meet {', '.join(sorted(met & {LEVELS[name].family for name in known}))} "
            f"in training, which the battery measures with {', '.join(known)}: robustness then also says how well they "
            "were learned; leave out noise_blur, or choose other task.corruptions"
        ]

    def _setting_findings(self) -> list[str]:
        findings = []
        for name in ("num_steps", "iterations_per_step", "pixels_per_batch", "num_quick_cases"):
            if getattr(self, name) < 1:
                findings.append(f"task.{name} must be at least 1, got {getattr(self, name)}")
        for name in ("memory_gb", "nsd_tolerance_mm", "match_parameters", "match_flops"):
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
        for name in ("corruptions", "severities"):
            values = getattr(self, name)
            if not values or len(set(values)) != len(values):
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
        return findings
