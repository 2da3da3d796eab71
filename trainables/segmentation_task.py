"""The segmentation task: how long a network is trained and on what it is measured. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spaces.objective import Objective
from trainables.datasets import DataConfig
from trainables.objectives import ACCURACY, ROBUSTNESS
from trainables.severities import check_corruption, check_severity
from trainables.task_config import TaskConfig
from trainables.trainable import Assignment

if TYPE_CHECKING:
    from trainables.segmentation import SegmentationTrainable

COST_NAMES = ("parameters", "latency_ms", "train_seconds")
"""Number of weights; median time for one image; time spent in optimiser iterations."""


@dataclass(unsafe_hash=True)
class SegmentationConfig(TaskConfig):
    """Budget and measurement of a trial, as a config names them."""

    num_steps: int = 3
    """Steps of a trial; after each one, a pruner may stop it."""

    iterations_per_step: int = 16
    """Optimiser iterations of one step."""

    pixels_per_batch: int = 16384
    """Pixels (voxels) of a batch, whatever the patch: candidates with small patches get more of them."""

    corruptions: list[str] = field(default_factory=lambda: ["gaussian_noise", "speckle_noise", "gaussian_blur"])
    """The battery that robustness is measured on: names from the table of corruptions."""

    severities: list[int] = field(default_factory=lambda: [2, 4])
    """Severities of every corruption, 1 to 5; mild ones weigh more."""

    num_quick_cases: int = 4
    """Validation cases that the quick measurement after every step looks at."""

    battery_seed: int = 0
    """Decides the draws of the corruptions, together with case, corruption and severity."""

    def build(self, data: DataConfig) -> SegmentationTask:
        """The task on this data, frozen."""
        return SegmentationTask(
            data=data,
            num_steps=self.num_steps,
            iterations_per_step=self.iterations_per_step,
            pixels_per_batch=self.pixels_per_batch,
            corruptions=tuple(self.corruptions),
            severities=tuple(self.severities),
            num_quick_cases=self.num_quick_cases,
            battery_seed=self.battery_seed,
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
    corruptions: tuple[str, ...]
    severities: tuple[int, ...]
    num_quick_cases: int
    battery_seed: int

    def objectives(self) -> tuple[Objective, ...]:
        """Clean Dice and corrupted Dice, both to be maximised."""
        return (ACCURACY, ROBUSTNESS)

    def cost_names(self) -> tuple[str, ...]:
        """Parameters, latency and training time."""
        return COST_NAMES

    @property
    def quick_severity(self) -> int:
        """The one severity of the quick measurement: the middle one, the lower of two."""
        return sorted(self.severities)[(len(self.severities) - 1) // 2]

    def batch_size(self, patch: int, spatial_dims: int) -> int:
        """Patches of a batch: as many as make up `pixels_per_batch`, but at least two."""
        pixels_per_patch: int = patch**spatial_dims
        return max(2, round(self.pixels_per_batch / pixels_per_patch))

    def check(self) -> None:
        """Looks at settings and data.

        Raises:
            ValueError: with all findings in one message, one a line.
        """
        findings = [*self._setting_findings(), *self.data.findings()]
        if findings:
            raise ValueError("\n".join(findings))

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
