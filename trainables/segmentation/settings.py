"""The settings of the segmentation task, and what follows from them for a trial. Free of torch.

They decide how long a trial trains, on what it is measured, and how objectives are computed. `config.py` adds what the
search needs before it starts.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from paretoseg.spaces.earlier import BEFORE
from paretoseg.spaces.network_rules import NetworkRules
from paretoseg.spaces.network_size import NetworkSize
from paretoseg.trainables.data.datasets import Case, Dataset
from paretoseg.trainables.scoring.averages import Average
from paretoseg.trainables.scoring.battery import Battery, MeasuringRules, choose_quick, draw_subset, to_conditions
from paretoseg.trainables.scoring.counted_corruptions import TrainedCorruptions, find_uncounted
from paretoseg.trainables.scoring.measures import AbsentClasses, ObjectiveMetric, Scoring, SurfaceMetrics
from paretoseg.trainables.scoring.objectives import RobustnessOver, RobustnessRule
from paretoseg.trainables.scoring.reference_errors import ReferenceErrors
from paretoseg.trainables.scoring.robustness_kinds import Robustness
from paretoseg.trainables.segmentation.absent_classes import find_holders
from paretoseg.trainables.segmentation.length import Length, count_iterations
from paretoseg.trainables.segmentation.options import BudgetBy, Geometry, Grid, Precision, find_refused
from paretoseg.trainables.severities.levels import (
    LEVELS,
    SeverityTable,
    check_corruption,
    check_severity,
    default_strengths,
)
from paretoseg.trainables.severities.strengths import check_strengths
from paretoseg.trainables.shipped_files import AUTO, NONE
from paretoseg.trainables.trainable import CLEAN_CONDITION, Split
from paretoseg.trainables.transfer.kinds import find_opened
from paretoseg.trainables.transfer.verdict import TransferVerdict, judge

USUAL_BATCH_PIXELS = {2: 16384, 3: 65536}
"""Pixels or voxels of a batch by number of spatial axes, if none are set."""

CORRUPTION_VERSIONS = (1, 2)
"""Every version of the corruptions that studies may have."""

MEASURING = ("grid", "corrupt_before_scaling", "corruption_version", "absent_classes")
"""The settings that decide what a network scores under a corruption, besides its strength and draws."""


@dataclass(unsafe_hash=True)
class SegmentationSettings:
    """How long networks are trained and on what they are measured. Hashable by value, and picklable.

    Not frozen, and with lists, because the config reader requires it; do not change settings once they are in use.
    """

    num_steps: int = 4
    """Steps that a training is cut into; after each one, a pruner may stop it."""

    length: Length = field(default=Length.auto, metadata={BEFORE: Length.auto})
    """How long a training is: a look (200 iterations), short (2,000), standard (20,000) or full (250,000), each with
    batches of `pixels_per_batch`; auto is standard on a GPU and a look on a CPU."""

    iterations_per_step: int = 0
    """Optimiser iterations of one step, with batches of `pixels_per_batch`; 0 for those of `length`."""

    pixels_per_batch: int = 0
    """Pixels (voxels) of a batch, whatever the patch; 0 for 16384 in two dimensions and 65536 in three."""

    budget_by: BudgetBy = field(default=BudgetBy.voxels, metadata={BEFORE: BudgetBy.iterations})
    """What all trials train for: as many voxels, iterations (of at least two patches), or operations (flops).

    The budget is that of all iterations with batches of `pixels_per_batch` voxels, or their operations in the default
    network; see `budget.py`.
    """

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
    """As `match_parameters`, for operations of one window of the training patch (cost `flops`); set at most one."""

    geometry: Geometry = field(default=Geometry.spacing, metadata={BEFORE: Geometry.equal})
    """What patches, strides and kernels do on each axis: follow the edge lengths of a voxel (spacing), or the same on
    every axis (equal)."""

    grid: Grid = field(default=Grid.native, metadata={BEFORE: Grid.prepared})
    """Where masks are scored: on the grid of the raw file (native), or on the one that networks see (prepared)."""

    corrupt_before_scaling: bool = field(default=True, metadata={BEFORE: False})
    """Whether images are corrupted first and then scaled to [0, 1], as a network in use gets them."""

    corruption_version: int = field(default=2, metadata={BEFORE: 1})
    """2: one random draw for all severities, geometry in millimetres, in training too; 1: one for each, in voxels."""

    average: Average = field(default=Average.families, metadata={BEFORE: Average.corruptions})
    """What weighs the same in robustness: every family of corruptions, or every corruption."""

    absent_classes: AbsentClasses = AbsentClasses.one
    """A class that is in neither mask of a case scores 1 (one), or is left out of the means (skip)."""

    robustness: Robustness = Robustness.weighted_mean
    """How scores on changed images become the objective robustness."""

    failure_below: float = field(default=0.5, metadata={BEFORE: 0.5})
    """Score (Dice, or NSD with `metric=nsd`) under which a mask is a failure, for `robustness=failure_rate`."""

    robustness_over: RobustnessOver = RobustnessOver.all
    """What counts towards robustness: corruptions, shifts (the shift sets of the data), or all."""

    least_loss: float = field(default=5.0, metadata={BEFORE: 0.0})
    """Dice points that the reference network of a calibration must lose under what counts; 0 for any number."""

    trained_corruptions: TrainedCorruptions = field(
        default=TrainedCorruptions.include, metadata={BEFORE: TrainedCorruptions.exclude}
    )
    """Whether corruptions that the space lets some trial see in training count, for all trials: exclude, include."""

    transfer: str = field(default=AUTO, metadata={BEFORE: NONE})
    """The transfer matrix that a new study uses: a file of `paretoseg transfer`, the name of a shipped one, none, or
    auto: `transfer.json` in `data.root`, else the one shipped for the data, else none.
    """

    transfer_bounds: dict[str, dict[str, float]] = field(default_factory=dict, hash=False)
    """The most that each kind of augmentation gains under each corruption, in Dice points; a study keeps it here and
    never reads the file again.
    """

    reference: str = ""
    """File with the rows of the network that `mean_corruption_error` compares with."""

    reference_errors: ReferenceErrors = field(default_factory=ReferenceErrors, hash=False)
    """Its errors, by corruption and severity, and by shift set; a study keeps them here and never reads the file again.
    """

    num_quick_cases: int = 4
    """Validation cases that a quick measurement looks at, at most."""

    quick_share: float = field(default=0.05, metadata={BEFORE: 0.0})
    """Most time of quick measurements relative to training, by the forecast; there are some only where the pruner
    decides. 0 for one after every step, without a limit, with `num_quick_cases` cases of every shift set as well."""

    quick_images: int = 0
    """Images of a quick measurement at most, which a new study chooses by `quick_share` and keeps here; 0 for any."""

    num_battery_cases: int = 16
    """Validation cases that are corrupted when a trial ends, and as many of every shift set; 0 for all of them."""

    measure_share: float = field(default=0.5, metadata={BEFORE: 0.0})
    """Most time of measuring a trial relative to its training, by the forecast: a new study chooses the cases and
    severities of its search by it. 0 for the whole battery."""

    search_clean: list[str] = field(default_factory=list, hash=False)
    """Validation cases whose clean images a search measures; empty for all. A new study chooses and keeps them here."""

    search_changed: list[str] = field(default_factory=list, hash=False)
    """Validation cases that a search corrupts, and those of shift sets that it measures; empty for `num_battery_cases`
    of each. A new study chooses and keeps them here."""

    search_severities: list[int] = field(default_factory=list, hash=False)
    """The severities that a search measures; empty for all. A new study chooses and keeps them here."""

    battery_seed: int = 0
    """Seed of the random draws of corruptions, which also depend on case and corruption."""

    calibration: str = AUTO
    """The calibration that a new study uses: a file of `paretoseg calibrate`, the name of a shipped one, none for the
    defaults, or auto: `calibration.json` in `data.root`, else the one shipped for the data, else the defaults.
    """

    strengths: dict[str, list[float]] = field(default_factory=dict, hash=False)
    """Strengths at severity 1 to 5, by corruption; a study keeps all of its own here and never reads a file again."""

    metric: ObjectiveMetric = ObjectiveMetric.dice
    """The metric of accuracy and robustness: dice or nsd (surface Dice)."""

    surface_metrics: SurfaceMetrics = SurfaceMetrics.clean
    """On which images NSD and HD95 are measured besides Dice: clean, all or none."""

    nsd_tolerance_mm: float = 1.0
    """Largest distance at which two surfaces count as equal in NSD, in millimetres."""

    def number_findings(self) -> list[str]:
        """What is wrong with single numbers, each with its key."""
        findings = []
        for name in ("num_steps", "num_quick_cases"):
            if getattr(self, name) < 1:
                findings.append(f"task.{name} must be at least 1, got {getattr(self, name)}")
        for name in (
            *("memory_gb", "num_battery_cases", "nsd_tolerance_mm", "match_parameters", "match_flops"),
            *("least_loss", "pixels_per_batch", "iterations_per_step", "quick_share", "quick_images", "measure_share"),
        ):
            if not 0 <= getattr(self, name) < math.inf:
                findings.append(f"task.{name} must be at least 0 and finite, got {getattr(self, name)}")
        if not 0 < self.failure_below <= 1:
            findings.append(f"task.failure_below must be above 0 and at most 1, got {self.failure_below}")
        if self.corruption_version not in CORRUPTION_VERSIONS:
            known = ", ".join(map(str, CORRUPTION_VERSIONS))
            findings.append(f"task.corruption_version must be one of {known}, got {self.corruption_version}")
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
        findings += [f"task.corruptions: {found}" for found in find_refused(self.corruptions, check_corruption)]
        findings += [f"task.severities: {found}" for found in find_refused(self.severities, check_severity)]
        if strange := {*self.search_severities} - {*self.severities}:
            findings.append(f"task.search_severities must be among task.severities, got {min(strange)}")
        return findings

    @property
    def network_rules(self) -> NetworkRules:
        """How candidates become networks."""
        size = NetworkSize(self.match_parameters, self.match_flops)
        return NetworkRules(size, follows_spacing=self.geometry is Geometry.spacing)

    @property
    def severity_table(self) -> SeverityTable:
        """The strength of each corruption at severity 1 to 5."""
        own = {name: check_strengths(name, values) for name, values in self.strengths.items()}
        plugged = {name: LEVELS[name].values for name in self.corruptions if LEVELS.find_plugin(name)}
        return {**default_strengths(), **plugged, **own}

    @property
    def scores_native(self) -> bool:
        """Whether masks are scored on the grid of the raw file."""
        return self.grid is Grid.native

    @property
    def measuring_rules(self) -> MeasuringRules:
        """How cases are corrupted, and where masks are scored."""
        return MeasuringRules(self.scores_native, self.corrupt_before_scaling, self.corruption_version)

    def find_uncounted(self, exposure: Collection[str]) -> dict[str, str]:
        """The corruptions that are measured but do not count towards robustness, each with the reason.

        Args:
            exposure: The families of image changes that some candidate of the study sees in training.
        """
        return find_uncounted(self.corruptions, exposure, self.trained_corruptions)

    def define_rule(self, exposure: Collection[str]) -> RobustnessRule:
        """The rule that computes robustness from rows: the same for every trial.

        Args:
            exposure: As for `find_uncounted`.
        """
        return RobustnessRule(
            self.robustness,
            self.robustness_over,
            excluded=tuple(self.find_uncounted(exposure)),
            reference=self.reference_errors.table,
            average=self.average,
            failure_below=self.failure_below,
            held_out=self._find_held_out(exposure),
        )

    def judge_transfer(self, exposure: Collection[str]) -> TransferVerdict:
        """Which corruptions are held out, which ones training shows, and of which that is not known.

        Args:
            exposure: As for `find_uncounted`.
        """
        return judge([name for name in self.corruptions if name in LEVELS], find_opened(exposure), self.transfer_bounds)

    def _find_held_out(self, exposure: Collection[str]) -> tuple[str, ...] | None:
        """The corruptions that count and are held out, or None if there is none."""
        uncounted = self.find_uncounted(exposure)
        return tuple(name for name in self.judge_transfer(exposure).held_out if name not in uncounted) or None

    def battery(self, shifts: Sequence[str] = (), split: Split = Split.VALIDATION) -> Battery:
        """Everything that a finished trial is measured under.

        Args:
            shifts: Names of the shift sets of the data.
            split: Of the cases. All test cases are corrupted, because only the few networks of the front are tested.
        """
        is_whole = split is Split.TEST
        battery = Battery.of(
            self.corruptions,
            self.severities if is_whole else self.measured_severities,
            self.battery_seed,
            strengths=self.severity_table,
            shifts=shifts,
            num_cases=0 if is_whole else self.num_battery_cases,
            rules=self.measuring_rules,
        )
        if is_whole:
            return battery
        return replace(battery, clean_names=frozenset(self.search_clean), changed_names=frozenset(self.search_changed))

    @property
    def measured_severities(self) -> list[int]:
        """The severities that trials of a search are measured under."""
        return self.search_severities or self.severities

    def quick_battery(self, rule: RobustnessRule, shifts: Sequence[str] = ()) -> Battery:
        """The part of the battery that a quick measurement may have: the same for all trials of a study.

        It has every corruption that counts, at one severity, and every shift set that counts.
        """
        counted = [name for name in self.corruptions if rule.counts_corruption(name)]
        sets = () if rule.over is RobustnessOver.corruptions else shifts
        conditions = (
            CLEAN_CONDITION,
            *choose_quick(counted, self.measured_severities, self.battery_seed),
            *to_conditions(sets),
        )
        return Battery(conditions, self.battery_seed, self.severity_table, has_gate=False, rules=self.measuring_rules)

    def choose_quick(self, cases: Sequence[Case], battery: Battery | None = None) -> list[Case]:
        """The cases of a quick measurement: the same for all trials of a study.

        If absent classes are skipped, these are cases with some class, because others may have no score.

        Args:
            cases: All cases of the split.
            battery: The quick battery; cases that it leaves out of a condition are not chosen, if others are there.
        """
        cases = [case for case in cases if case.name in self.search_changed] or cases
        if self.absent_classes is AbsentClasses.skip:
            cases = find_holders(tuple(cases)) or cases
        names = {name for condition, name in battery.left_out if condition in battery.conditions} if battery else set()
        return draw_subset(
            [case for case in cases if case.name not in names] or cases, self.num_quick_cases, self.battery_seed
        )

    def scoring(self, dataset: Dataset) -> Scoring:
        """How masks of this dataset are scored against their references."""
        return Scoring(
            dataset.class_names,
            dataset.spacing_mm,
            self.metric,
            self.surface_metrics,
            self.nsd_tolerance_mm,
            self.absent_classes,
            dataset.regions,
        )

    def augmentation_spacing(self, dataset: Dataset) -> tuple[float, ...]:
        """The edge lengths of a voxel that augmentation uses: all 1 in older studies, which count in voxels."""
        return dataset.spacing_mm if self.corruption_version > 1 else (1.0,) * dataset.spatial_dims

    def count_batch_pixels(self, spatial_dims: int) -> int:
        """Pixels (voxels) of a batch: those that are set, or the usual number."""
        return self.pixels_per_batch or USUAL_BATCH_PIXELS[spatial_dims]

    @property
    def step_iterations(self) -> int:
        """Optimiser iterations of one step, with batches of `pixels_per_batch`."""
        return self.iterations_per_step or max(1, round(count_iterations(self.length) / self.num_steps))

    def count_voxels(self, spatial_dims: int) -> int:
        """The budget of a training: voxels of all its batches, repetitions included."""
        return self.num_steps * self.step_iterations * self.count_batch_pixels(spatial_dims)

    def batch_size(self, batch_factor: float, window: Sequence[int]) -> int:
        """Patches of a batch: as many as make up `pixels_per_batch`, but at least two, times the recipe's factor."""
        return max(1, round(self._nominal_batch_size(window) * batch_factor))

    def has_smallest_batch(self, window: Sequence[int]) -> bool:
        """True if fewer `pixels_per_batch` make no smaller batch, because two patches have as many or more."""
        return self._nominal_batch_size(window) == 2

    def iterations(self, batch_factor: float, window: Sequence[int]) -> int:
        """Iterations of a step with `budget_by=iterations`: fewer with a larger factor, but not with a larger patch."""
        share = self._nominal_batch_size(window) / self.batch_size(batch_factor, window)
        return max(1, round(self.step_iterations * share))

    def _nominal_batch_size(self, window: Sequence[int]) -> int:
        """Patches of these extents that make up `pixels_per_batch`, but at least two."""
        return max(2, round(self.count_batch_pixels(len(window)) / math.prod(window)))
