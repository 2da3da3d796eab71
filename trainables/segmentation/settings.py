"""The settings of the segmentation task, and what follows from them for a trial. Free of torch.

How long a trial trains, what it is measured on, and which numbers are made of that. `config.py` adds what the search
needs before it starts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from paretoseg.spaces.network_size import NetworkSize
from paretoseg.spaces.recipe import Recipe
from paretoseg.trainables.data.datasets import Case, Dataset
from paretoseg.trainables.scoring.battery import Battery, choose_quick, draw_subset, to_conditions
from paretoseg.trainables.scoring.counted_corruptions import TrainedCorruptions, find_uncounted
from paretoseg.trainables.scoring.measures import ObjectiveMetric, Scoring, SurfaceMetrics
from paretoseg.trainables.scoring.objectives import RobustnessOver, RobustnessRule
from paretoseg.trainables.scoring.reference_errors import ReferenceErrors
from paretoseg.trainables.scoring.robustness_kinds import Robustness
from paretoseg.trainables.severities.levels import SeverityTable, check_corruption, check_severity, default_strengths
from paretoseg.trainables.severities.shipped import AUTO
from paretoseg.trainables.severities.strengths import check_strengths
from paretoseg.trainables.trainable import CLEAN_CONDITION, Split

_Value = TypeVar("_Value")


class Precision(StrEnum):
    """What a network computes in while it is trained; lower-case names, as the config is written."""

    auto = "auto"
    float32 = "float32"
    bfloat16 = "bfloat16"


@dataclass(unsafe_hash=True)
class SegmentationSettings:
    """How long networks are trained and on what they are measured. Hashable by value, and picklable.

    Not frozen, and with lists, because the config reader needs it so; do not change settings once they are in use.
    """

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

    corruptions: list[str] = field(
        default_factory=lambda: ["gaussian_noise", "speckle_noise", "gaussian_blur"], hash=False
    )
    """The battery that robustness is measured on: names from the table of corruptions."""

    severities: list[int] = field(default_factory=lambda: [2, 4], hash=False)
    """Severities of every corruption, 1 to 5; mild ones weigh more."""

    match_parameters: int = 0
    """Number of weights that the width is chosen for, so that all networks are of one size; 0 to search the width."""

    match_flops: int = 0
    """The same by operations of one window of the training patch, counted as the cost `flops`; one of both at most."""

    robustness: Robustness = Robustness.weighted_mean
    """How scores on changed images become the objective robustness."""

    robustness_over: RobustnessOver = RobustnessOver.all
    """What counts towards robustness: corruptions, shifts (the shift sets of the data), or all."""

    trained_corruptions: TrainedCorruptions = TrainedCorruptions.exclude
    """Whether corruptions that the space lets some trial meet in training count, for all trials: exclude, include."""

    reference: str = ""
    """File of rows of the network that `mean_corruption_error` compares with."""

    reference_errors: ReferenceErrors = field(default_factory=ReferenceErrors, hash=False)
    """Its errors, by corruption and severity, and by shift set; a study keeps them here and reads no file again."""

    num_quick_cases: int = 4
    """Validation cases that the quick measurement after every step looks at, and as many of every shift set."""

    num_battery_cases: int = 16
    """Validation cases that are corrupted when a trial ends, and as many of every shift set; 0 for all of them."""

    battery_seed: int = 0
    """Decides the draws of the corruptions, together with case, corruption and severity."""

    calibration: str = AUTO
    """Whose strengths a study begins with: a file of `paretoseg calibrate`, the name of a shipped one, none for the
    defaults, or auto: `calibration.json` in `data.root`, else what is shipped for the data, else the defaults.
    """

    strengths: dict[str, list[float]] = field(default_factory=dict, hash=False)
    """Strengths at severity 1 to 5, by corruption; a study keeps all of its own here and reads no file again."""

    metric: ObjectiveMetric = ObjectiveMetric.dice
    """What accuracy and robustness are made of: dice or nsd (surface Dice)."""

    surface_metrics: SurfaceMetrics = SurfaceMetrics.clean
    """On which images NSD and HD95 are measured besides Dice: clean, all or none."""

    nsd_tolerance_mm: float = 1.0
    """How far two surfaces may lie apart and still count as equal in NSD, in millimetres."""

    def number_findings(self) -> list[str]:
        """What is wrong with single numbers, each with its key."""
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

    def battery_findings(self) -> list[str]:
        """What is wrong with corruptions and severities, each with its key."""
        findings = []
        for name, least in (("corruptions", 0), ("severities", 1)):
            values = getattr(self, name)
            if len(values) < least or len(set(values)) != len(values):
                findings.append(f"task.{name} must be distinct and at least one, got {values}")
        findings += [f"task.corruptions: {found}" for found in _find_refused(self.corruptions, check_corruption)]
        findings += [f"task.severities: {found}" for found in _find_refused(self.severities, check_severity)]
        return findings

    @property
    def network_size(self) -> NetworkSize:
        """What the widths of networks are chosen for."""
        return NetworkSize(self.match_parameters, self.match_flops)

    @property
    def severity_table(self) -> SeverityTable:
        """How strong each corruption is at severity 1 to 5."""
        own = {name: check_strengths(name, values) for name, values in self.strengths.items()}
        return {**default_strengths(), **own}

    def find_uncounted(self, exposure: Collection[str]) -> dict[str, str]:
        """The corruptions that are measured and do not count towards robustness, each with the reason.

        Args:
            exposure: The families of image changes that some candidate of the study meets in training.
        """
        return find_uncounted(self.corruptions, exposure, self.trained_corruptions)

    def define_rule(self, exposure: Collection[str]) -> RobustnessRule:
        """How rows become robustness: the same for every trial.

        Args:
            exposure: As for `find_uncounted`.
        """
        return RobustnessRule(
            self.robustness,
            self.robustness_over,
            excluded=tuple(self.find_uncounted(exposure)),
            reference=self.reference_errors.table,
        )

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

    def quick_battery(self, rule: RobustnessRule, shifts: Sequence[str] = ()) -> Battery:
        """The part of the battery that is measured after every step: the same for all trials of a study.

        Of what counts towards robustness, every corruption at one severity and every shift set.
        """
        counted = [name for name in self.corruptions if rule.counts_corruption(name)]
        sets = () if rule.over is RobustnessOver.corruptions else shifts
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


def _find_refused(values: Sequence[_Value], check: Callable[[_Value], None]) -> Iterator[str]:
    """Why values are refused, one text for each that is."""
    for value in values:
        try:
            check(value)
        except ValueError as error:
            yield str(error)
