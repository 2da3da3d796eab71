"""The settings of the segmentation task, as a config names them. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from paretoseg.spaces.exposure import find_exposure
from paretoseg.spaces.search_space import SearchSpace
from paretoseg.trainables.data.datasets import DataConfig
from paretoseg.trainables.scoring.counted_corruptions import TrainedCorruptions
from paretoseg.trainables.scoring.measures import ObjectiveMetric, SurfaceMetrics
from paretoseg.trainables.scoring.objectives import RobustnessOver
from paretoseg.trainables.scoring.reference_errors import parse_errors
from paretoseg.trainables.scoring.robustness_kinds import Robustness
from paretoseg.trainables.segmentation.settings import Precision
from paretoseg.trainables.segmentation.task import SegmentationTask
from paretoseg.trainables.severities.calibration import settle_strengths
from paretoseg.trainables.severities.levels import expand_corruptions
from paretoseg.trainables.severities.shipped import AUTO, locate_calibration
from paretoseg.trainables.task_config import TaskConfig


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

    num_battery_cases: int = 16
    """Validation cases that are corrupted when a trial ends, and as many of every shift set; 0 for all of them."""

    battery_seed: int = 0
    """Decides the draws of the corruptions, together with case, corruption and severity."""

    calibration: str = AUTO
    """Whose strengths a study begins with: a file of `paretoseg calibrate`, the name of a shipped one, none for the
    defaults, or auto: `calibration.json` in `data.root`, else what is shipped for the data, else the defaults.
    """

    strengths: list[str] = field(default_factory=list)
    """Strengths at severity 1 to 5, a line a corruption; a study keeps all of its own here and reads no file again."""

    metric: ObjectiveMetric = ObjectiveMetric.dice
    """What accuracy and robustness are made of: dice or nsd (surface Dice)."""

    surface_metrics: SurfaceMetrics = SurfaceMetrics.clean
    """On which images NSD and HD95 are measured besides Dice: clean, all or none."""

    nsd_tolerance_mm: float = 1.0
    """How far two surfaces may lie apart and still count as equal in NSD, in millimetres."""

    def locate_calibration(self, data: DataConfig) -> Path | None:
        """The file of the calibration that a study on this data begins with, or None."""
        return locate_calibration(self.calibration, root=data.root, shipped=data.shipped_calibration)

    def build(self, data: DataConfig, space: SearchSpace | None = None) -> SegmentationTask:
        """The task on this data, frozen."""
        calibration = None if self.strengths else self.locate_calibration(data)
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
            num_battery_cases=self.num_battery_cases,
            battery_seed=self.battery_seed,
            strengths=tuple(settle_strengths(self.strengths, calibration).items()),
            metric=self.metric,
            surface_metrics=self.surface_metrics,
            nsd_tolerance_mm=self.nsd_tolerance_mm,
            match_parameters=self.match_parameters,
            robustness=self.robustness,
            robustness_over=self.robustness_over,
            trained_corruptions=self.trained_corruptions,
            reference_errors=tuple(parse_errors(self.reference_errors).items()),
            exposure=tuple(sorted(find_exposure(space))) if space else (),
            match_flops=self.match_flops,
        )
